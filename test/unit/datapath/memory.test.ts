import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ARENA_SIZE,
  G_ADJ_BASE,
  G_ARENAS_BASE,
  G_EPOCH,
  G_FIB_SIZE,
  G_HOST_BASE,
  G_POOL_BASE,
  G_SA_BASE,
  G_SA_REACH,
  G_WORKERS,
  MAX_VRFS,
  SHAPER_CELLS,
  VRF_STRIDE,
  VRFS,
} from "../../../assembly/layout.ts";
import { FLOWS } from "../../../src/datapath/flowlimit.ts";
import { arenaOf, makeMemory, planRegions } from "../../../src/datapath/memory.ts";
import { hostAddress } from "../../../src/linux/ffi.ts";

test("regions lie behind one another, aligned, and end where the memory ends", () => {
  const limits = fc.record({
    workers: fc.integer({ min: 1, max: 16 }),
    sas: fc.integer({ min: 2, max: 65536 }),
    adjacencies: fc.integer({ min: 3, max: 100_000 }),
    fib: fc.integer({ min: 65536, max: 1 << 30 }),
    flows: fc.option(fc.integer({ min: 16, max: 4_194_304 }), { nil: undefined }),
    shaper: fc.integer({ min: 0, max: 16 << 20 }),
  });
  fc.assert(
    fc.property(limits, (asked) => {
      const { flows: limit = FLOWS, ...rest } = asked;
      const planned = planRegions(asked.flows === undefined ? rest : { ...rest, flows: limit });
      const { adjacencies, sas, pool, fib, filters, flows, shapes, shapers, arenas, pages } = planned;
      expect(adjacencies.base).toBeGreaterThanOrEqual(VRFS + MAX_VRFS * VRF_STRIDE);
      expect(sas.base).toBeGreaterThanOrEqual(adjacencies.base + asked.adjacencies * 64);
      expect(pool.base).toBeGreaterThanOrEqual(sas.base + asked.sas * 6464);
      expect(fib.base).toBeGreaterThanOrEqual(pool.base + pool.size);
      expect(fib.size).toBeGreaterThanOrEqual(asked.fib);
      expect(filters.base).toBe(fib.base + fib.size);
      expect(flows.base).toBe(filters.base + filters.size);
      expect(flows.base % 64).toBe(0);
      expect(flows.places).toBeGreaterThanOrEqual(2 * limit);
      expect(Math.log2(flows.places) % 1).toBe(0);
      expect(shapes.base).toBeGreaterThanOrEqual(flows.base + flows.places * 64);
      const parts = asked.shaper === 0 ? 0 : 64 + asked.workers * 64;
      expect(shapers.base).toBeGreaterThanOrEqual(shapes.base + asked.adjacencies * parts);
      expect(shapers.size).toBeGreaterThanOrEqual(asked.shaper === 0 ? 0 : SHAPER_CELLS + asked.shaper);
      expect(arenas.base).toBe(shapers.base + asked.workers * shapers.size);
      expect(arenas.base % 65536).toBe(0);
      expect(pages * 65536).toBe(arenas.base + asked.workers * ARENA_SIZE);
    }),
    { numRuns: 200, examples: [[{ workers: 1, sas: 2, adjacencies: 3, fib: 65536, flows: 16, shaper: 0 }]] },
  );
});

test("limits that cannot be are refused by name", () => {
  const good = { workers: 1, sas: 16, adjacencies: 16, fib: 1 << 20 };
  expect(() => planRegions({ ...good, workers: 0 })).toThrow(/"workers" is 0; it must be from 1 to 16/);
  expect(() => planRegions({ ...good, sas: 65537 })).toThrow(/"sas"/);
  expect(() => planRegions({ ...good, flows: 5_000_000 })).toThrow(/"flows" is 5000000; it must be from 16 to 4194304/);
  expect(() => planRegions({ ...good, fib: 0xf0000000, workers: 16 })).toThrow(
    expect.objectContaining({ code: "limits", message: expect.stringContaining("4 GiB") }),
  );
});

test("the globals tell the fast path where everything lies, and where the memory itself lies", () => {
  const made = makeMemory({ workers: 2, sas: 16, adjacencies: 16, fib: 1 << 20 });
  const { view, regions } = made;
  expect(view.getUint32(G_EPOCH, true)).toBe(1);
  expect(view.getUint32(G_WORKERS, true)).toBe(2);
  expect(Number(view.getBigUint64(G_HOST_BASE, true))).toBe(hostAddress(new Uint8Array(made.memory.buffer)));
  expect(view.getUint32(G_ADJ_BASE, true)).toBe(regions.adjacencies.base);
  expect([view.getUint32(G_SA_BASE, true), view.getUint32(G_SA_REACH, true)]).toEqual([regions.sas.base, 0]);
  expect(view.getUint32(G_POOL_BASE, true)).toBe(regions.pool.base);
  expect(view.getUint32(G_FIB_SIZE, true)).toBe(1 << 20);
  expect(view.getUint32(G_ARENAS_BASE, true)).toBe(arenaOf(regions, 0));
});
