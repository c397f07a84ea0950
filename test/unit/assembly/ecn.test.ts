import { describe, expect, it } from "vitest";
import { seal } from "./oracle.ts";
import { ip, parse } from "./packets.ts";
import { pair } from "./pair.ts";

const NOT = 0;
const ECT1 = 1;
const ECT0 = 2;
const CE = 3;
const DSCP = 0xb8;

/** RFC 6040, figure 4: inner, outer, what leaves; undefined: dropped. */
const FIGURE4: readonly (readonly [number, number, number | undefined])[] = [
  [NOT, NOT, NOT],
  [NOT, ECT0, NOT],
  [NOT, ECT1, NOT],
  [NOT, CE, undefined],
  [ECT0, NOT, ECT0],
  [ECT0, ECT0, ECT0],
  [ECT0, ECT1, ECT1],
  [ECT0, CE, CE],
  [ECT1, NOT, ECT1],
  [ECT1, ECT0, ECT1],
  [ECT1, ECT1, ECT1],
  [ECT1, CE, CE],
  [CE, NOT, CE],
  [CE, ECT0, CE],
  [CE, ECT1, CE],
  [CE, CE, CE],
];

describe("ECN and DSCP", () => {
  for (const outerFamily of [4, 6] as const) {
    for (const [from, to] of [
      ["10.1.0.9", "10.2.0.9"],
      ["fd00:1::9", "fd00:2::9"],
    ] as const) {
      it.each(FIGURE4)(`inner %i in ${from}, outer %i in IPv${outerFamily} → %s`, (inner, outer, leaves) => {
        const { branch, gateway, socket } = pair({ outer: outerFamily });
        const bytes = seal(branch.out, 1n, ip({ from, to, tos: DSCP | inner, payload: Buffer.alloc(9) }));
        const { written } = gateway.router.receive(socket, { bytes, tos: 0x20 | outer });
        expect(written.map((write) => parse(write.bytes).tos)).toEqual(leaves === undefined ? [] : [DSCP | leaves]);
        expect(gateway.router.counters().ecn).toBe(leaves === undefined ? 1 : undefined);
        expect(gateway.router.counters()["ce-copied"]).toBe(inner !== CE && leaves === CE ? 1 : undefined);
      });

      it(`the outer IPv${outerFamily} header copies both from ${from}`, () => {
        const { branch } = pair({ outer: outerFamily });
        for (const tos of [0, 1, 2, 3, DSCP, 0xff]) {
          const { sent } = branch.router.fromTun(branch.tun, ip({ from, to, tos }));
          expect(sent[0]?.tos).toBe(tos);
        }
      });
    }
  }

  it("nothing changes when the kernel does not say", () => {
    const { branch, gateway, socket } = pair();
    const packet = ip({ from: "10.1.0.9", to: "10.2.0.9", tos: ECT0 });
    expect(gateway.router.receive(socket, { bytes: seal(branch.out, 1n, packet) }).written[0]?.bytes).toEqual(packet);
  });
});
