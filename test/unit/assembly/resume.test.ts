import { describe, expect, it } from "vitest";
import { SEAL_OPS_MAX, SOCKET_NAT4, TX_MAX, W_OP_COUNT, W_TX_COUNT } from "../../../assembly/layout.ts";
import { type Outcome, Router } from "./harness.ts";
import { seal, unseal } from "./oracle.ts";
import { ip, parse, udp } from "./packets.ts";
import { keys, pair } from "./pair.ts";

const numbered = (count: number, to: string, bytes: number) =>
  Array.from({ length: count }, (_, index) =>
    ip({ from: "10.1.0.9", to, id: index, payload: udp(1, 2, Buffer.alloc(bytes, index)) }),
  );

describe("a send region that is nearly full", () => {
  for (const room of [6000, 9000, 20_000, 60_000]) {
    it(`of ${room} bytes: the road out stops, goes on after a flush, and loses nothing`, () => {
      const whole = pair({ mtu: 1000 });
      const tight = pair({ mtu: 1000 });
      tight.branch.router.room = room;
      const packets = numbered(100, "10.2.0.9", 1300);
      const inner = (p: typeof whole, { sent }: Outcome) => sent.map(({ bytes }) => unseal(p.branch.out, bytes).inner);
      const expected = inner(whole, whole.branch.router.fromTun(whole.branch.tun, ...packets));
      const outcome = tight.branch.router.fromTun(tight.branch.tun, ...packets);
      expect(outcome.flushes).toBeGreaterThan(1);
      expect(inner(tight, outcome)).toEqual(expected);
      expect(tight.branch.router.counters()).toEqual(whole.branch.router.counters());
    });

    it(`of ${room} bytes: the hub road stops, goes on, and loses nothing; open ops outlive the sealing of others`, () => {
      const { branch, gateway, socket } = pair();
      const { router, vrf } = gateway;
      const out = keys(0x71000003, "aes256gcm16", true);
      const tunnel = router.adjacency(2, { mtu: 1000 });
      const path = router.path({ address: "192.0.2.9", port: 4500 });
      router.children(tunnel, { sa: router.sa(out, { slot: 11, path }) });
      router.route(vrf, "10.3.0.0/16", tunnel);
      router.room = room;
      const hub = numbered(60, "10.3.0.9", 1300);
      const local = numbered(60, "10.2.0.9", 200);
      const packets = hub.flatMap((packet, index) => [packet, local[index] as Buffer]);
      const messages = packets.map((packet, index) => ({ bytes: seal(branch.out, BigInt(index + 1), packet) }));
      const { sent, written, flushes } = router.receive(socket, ...messages);
      expect(flushes).toBeGreaterThan(1);
      expect(written.map(({ bytes }) => bytes)).toEqual(local);
      const pieces = sent.map(({ bytes }) => parse(unseal(out, bytes).inner));
      expect(pieces.map(({ id, offset }) => [id, offset])).toEqual(
        hub.flatMap((_, index) => [
          [index, 0],
          [index, 976],
        ]),
      );
      expect(router.counters()).toMatchObject({ "udp-read": 120, hub: 60, delivered: 60, fragmented: 60 });
    });
  }

  it("takes nothing, and changes nothing, where not one packet fits", () => {
    const { branch } = pair();
    const { router } = branch;
    router.room = 100;
    const outcome = router.fromTun(branch.tun, ...numbered(1, "10.2.0.9", 100));
    // The harness gives it room again after the first attempt.
    expect(outcome.flushes).toBe(2);
    expect(outcome.sent).toHaveLength(1);
    expect(unseal(branch.out, outcome.sent[0]?.bytes as Buffer).sequenceLow).toBe(1);
    expect(router.counters()).toEqual({ "tun-read": 1, encapsulated: 1, sealed: 1 });
  });

  it("stops at the last message of a socket and at the last op as well", () => {
    for (const [at, value] of [
      [W_TX_COUNT + 4 * SOCKET_NAT4, TX_MAX - 1],
      [W_OP_COUNT, SEAL_OPS_MAX - 1],
    ] as const) {
      const router = new Router({ workers: 1 });
      const { tun } = router.tun(1);
      const instance = router.instance(0);
      router.set32(router.arena + at, value);
      expect(instance.outbound(tun, 0, 1)).toBe(0);
      expect(router.counters()).toEqual({});
      instance.flushed();
      expect(instance.outbound(tun, 0, 1)).toBe(1);
      expect(router.counters()).toEqual({ "tun-read": 1, "ip-malformed": 1 });
    }
  });
});
