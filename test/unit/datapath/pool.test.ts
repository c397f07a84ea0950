import fc from "fast-check";
import { expect, test } from "vitest";
import { classOf, Pool } from "../../../src/datapath/pool.ts";
import { makeTables } from "./tables.ts";

test("classes hold what is asked, in whole cache lines, and waste less than a third from two lines on", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), (size) => {
      const bytes = classOf(size);
      expect(bytes).toBeGreaterThanOrEqual(size);
      expect(bytes % 64).toBe(0);
      if (size > 128) expect(bytes).toBeLessThanOrEqual(Math.ceil(size * 1.5));
    }),
  );
});

test("blocks in use never overlap, are zeroed, lie in the region, and come back", () => {
  const { memory } = makeTables(1);
  const { base, size } = memory.regions.pool;
  const step = fc.oneof(
    fc.record({ kind: fc.constant("take" as const), size: fc.integer({ min: 1, max: 5000 }) }),
    fc.record({ kind: fc.constant("give" as const), size: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const pool = new Pool(memory);
      const used: { address: number; bytes: number }[] = [];
      for (const { kind, size: asked } of steps) {
        if (kind === "give") {
          if (used.length > 0) pool.release(used.splice(asked % used.length, 1)[0].address);
          continue;
        }
        const address = pool.allocate(asked);
        const bytes = classOf(asked);
        expect(address % 64).toBe(0);
        expect(address).toBeGreaterThanOrEqual(base);
        expect(address + bytes).toBeLessThanOrEqual(base + size);
        for (const other of used) {
          expect(address + bytes <= other.address || other.address + other.bytes <= address).toBe(true);
        }
        expect(memory.bytes.subarray(address, address + bytes).every((byte) => byte === 0)).toBe(true);
        memory.bytes.fill(0xa5, address, address + bytes);
        used.push({ address, bytes });
      }
      expect(pool.used).toBe(used.length);
    }),
    { numRuns: 50 },
  );
});

test("a full pool says so and still serves what was given back", () => {
  const { memory } = makeTables(1);
  const pool = new Pool(memory);
  const blocks: number[] = [];
  const all = () => {
    for (;;) blocks.push(pool.allocate(1 << 20));
  };
  expect(all).toThrow(expect.objectContaining({ code: "full" }));
  pool.release(blocks[0]);
  expect(pool.allocate(1 << 20)).toBe(blocks[0]);
  pool.release(blocks[0]);
  expect(() => pool.release(blocks[0])).toThrow(expect.objectContaining({ code: "unknown" }));
});
