import { describe, expect, it } from "vitest";
import { realTable, sequence } from "../../../bench/path/routes.ts";
import type { Prefix } from "../../../src/datapath/plane.ts";
import { fibBed } from "./fibbed.ts";
import { Oracle } from "./fiboracle.ts";

const table = realTable();
if (table === undefined) console.log("skipped: no vectors");

describe("a real table of the Internet", () => {
  it.skipIf(table === undefined)(
    "answers like the oracle, fits in 96 MiB, and leaves nothing behind",
    { timeout: 120_000 },
    () => {
      const list = table!;
      const bed = fibBed(128 << 20);
      const empty = bed.fib.stats().bytes;
      const oracle = new Oracle();
      list.forEach((prefix, i) => {
        bed.fib.set(0, prefix, 1 + (i % 1000));
        oracle.set(0, prefix, 1 + (i % 1000));
      });
      const stats = bed.fib.stats();
      expect(stats.routes4 + stats.routes6).toBe(list.length);
      expect(stats.bytes).toBeLessThanOrEqual(96 * 2 ** 20);

      const next = sequence(0x2545f491);
      /** An address in the prefix, or with any bits at all. */
      const probe = ({ address, length }: Prefix, inside: boolean) =>
        address.map((byte, i) => {
          const kept = inside ? Math.min(8, Math.max(0, length - 8 * i)) : 0;
          return byte | (next() & (0xff >> kept));
        });
      const sample = (count: number) => {
        let wrong = 0;
        for (let i = 0; i < count; i++) {
          const address = probe(list[next() % list.length], i % 4 !== 0);
          if (bed.fib.lookup(0, address) !== oracle.lookup(0, address)) wrong++;
        }
        return wrong;
      };
      expect(sample(150_000)).toBe(0);

      // Half of it flaps away, in no order: what covers each hole must show.
      const gone = list.filter((_, i) => Math.imul(i, 0x9e3779b1) < 0);
      for (const prefix of gone) {
        if (!bed.fib.remove(0, prefix)) expect(prefix).toBe("known");
        oracle.remove(0, prefix);
      }
      expect(sample(50_000)).toBe(0);
      for (const prefix of list) bed.fib.remove(0, prefix);
      expect(bed.fib.reclaim()).toBe(0);
      expect(bed.fib.stats()).toEqual({ nodes: 0, waiting: 0, bytes: empty, routes4: 0, routes6: 0 });
    },
  );

  it("gives a thousand small VRFs no more than 64 MiB", () => {
    const bed = fibBed(80 << 20);
    const next = sequence(0x9e3779b9);
    for (let vrf = 0; vrf < 1000; vrf++) {
      for (let i = 0; i < 100; i++) {
        const x = next();
        const site = Uint8Array.of(0xfd, vrf, x >>> 24, x >>> 16, x >>> 8, x, 0, i, 0, 0, 0, 0, 0, 0, 0, 0);
        const prefix =
          i % 2 ? { address: Uint8Array.of(10, x >>> 8, x, 0), length: 24 } : { address: site, length: 64 };
        bed.fib.set(vrf, prefix, 1 + i);
      }
    }
    expect(bed.fib.stats().bytes).toBeLessThanOrEqual(64 * 2 ** 20);
  });
});
