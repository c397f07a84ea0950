import { expect, test } from "vitest";
import { ADJ_SHAPE, ADJ_TUNNEL, PART_PASSED, SHAPE_HEAD } from "../../../assembly/layout.ts";
import { Adjacencies } from "../../../src/datapath/adjacency.ts";
import { Epochs } from "../../../src/datapath/epoch.ts";
import { makeMemory } from "../../../src/datapath/memory.ts";
import { Shapes, shapeOf } from "../../../src/datapath/shapes.ts";

function make(shaper = 1 << 16) {
  const memory = makeMemory({ workers: 2, sas: 2, adjacencies: 8, fib: 65536, shaper });
  const adjacencies = new Adjacencies(memory, new Epochs(memory));
  const tunnel = adjacencies.add(ADJ_TUNNEL);
  const shapes = new Shapes(memory, adjacencies);
  const generation = () => memory.view.getUint32(adjacencies.address(tunnel) + ADJ_SHAPE, true);
  return { memory, shapes, tunnel, generation };
}

test("a byte costs what it takes at the rate", () => {
  for (const rate of [64_000, 1_000_000, 333_333_333, 1e11]) {
    // Ticks of 1/16 ns, 20 bits behind the point.
    expect(Number(shapeOf(rate).cost) / 2 ** 20 / 16).toBeCloseTo(8e9 / rate, 6);
  }
});

test("burst and queue are some packets at a low rate, some milliseconds at a high one", () => {
  const ms = (ticks: bigint) => Number(ticks) / 16e6;
  const low = shapeOf(1_000_000);
  expect(ms(low.burst)).toBeCloseTo(24.2, 1);
  expect(ms(low.target)).toBeCloseTo(18.2, 1);
  expect(low.limit).toBe(15_140);
  const high = shapeOf(1_000_000_000);
  expect([ms(high.burst), ms(high.target), ms(high.interval), high.limit]).toEqual([5, 5, 100, 6_250_000]);
});

test("a shape is there when its number is; a change keeps the number, a tunnel that comes later has another", () => {
  const { shapes, tunnel, generation } = make();
  expect(shapes.traffic(tunnel)).toBeUndefined();
  shapes.set(tunnel, undefined);
  expect(generation()).toBe(0);
  shapes.set(tunnel, 1_000_000);
  const first = generation();
  expect(first).not.toBe(0);
  shapes.set(tunnel, 2_000_000);
  expect(generation()).toBe(first);
  expect(shapes.traffic(tunnel)?.bitsPerSecond).toBe(2_000_000);
  shapes.set(tunnel, undefined);
  expect(shapes.traffic(tunnel)).toBeUndefined();
  shapes.forget(tunnel);
  shapes.set(tunnel, 1_000_000);
  expect(generation()).not.toBe(first);
});

test("counters are summed up over the workers, and begin anew with a tunnel", () => {
  const { memory, shapes, tunnel } = make();
  shapes.set(tunnel, 1_000_000);
  const { base, stride } = memory.regions.shapes;
  for (const worker of [0, 1]) {
    memory.view.setBigUint64(base + tunnel * stride + SHAPE_HEAD + worker * 64 + PART_PASSED, 5n, true);
  }
  expect(shapes.traffic(tunnel)).toMatchObject({ packets: 10, bytes: 0, delayMs: 0 });
  shapes.forget(tunnel);
  shapes.set(tunnel, 1_000_000);
  expect(shapes.traffic(tunnel)).toMatchObject({ packets: 0 });
});

test("rates that cannot be are refused, and any where there is no room to wait", () => {
  const { shapes, tunnel, generation } = make();
  for (const rate of [63_999, 1e11 + 1, 1.5e6 + 0.5, Number.NaN]) {
    expect(() => shapes.set(tunnel, rate)).toThrow(expect.objectContaining({ code: "invalid" }));
  }
  expect(generation()).toBe(0);
  const none = make(0);
  expect(() => none.shapes.set(none.tunnel, 1_000_000)).toThrow(expect.objectContaining({ code: "limits" }));
});
