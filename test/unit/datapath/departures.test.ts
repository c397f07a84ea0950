import { expect, test } from "vitest";
import { SHAPER_CLOCK, SHAPER_DUE, SHAPER_LINES_USED, W_NOW, W_OP_COUNT } from "../../../assembly/layout.ts";
import { Departures } from "../../../src/datapath/departures.ts";
import { arenaOf, makeMemory, shaperOf } from "../../../src/datapath/memory.ts";
import type { FastPath } from "../../../src/datapath/module.ts";

function make(shaper: number) {
  const memory = makeMemory({ workers: 2, sas: 2, adjacencies: 8, fib: 65536, shaper });
  const at = shaperOf(memory.regions, 1);
  const ops = (arenaOf(memory.regions, 1) + W_OP_COUNT) >>> 2;
  const calls: string[] = [];
  /** What `depart` finds, call by call: ops to seal. */
  const batches: number[] = [];
  const fast = {
    depart: () => {
      calls.push("depart");
      memory.words[ops] = batches.shift() ?? 0;
      return batches.length > 0;
    },
    seal: (count: number) => {
      calls.push(`seal ${count}`);
      return 0;
    },
    reshape: () => void calls.push("reshape"),
  } as unknown as FastPath;
  const departures = new Departures(memory, 1, fast, () => void calls.push("flush"));
  const now = () => {
    departures.tell();
    return memory.view.getFloat64(at + SHAPER_CLOCK, true);
  };
  const due = (ns: number, lines = 1) => {
    memory.view.setFloat64(at + SHAPER_DUE, ns, true);
    memory.view.setUint32(at + SHAPER_LINES_USED, lines, true);
  };
  /** What flows live by, milliseconds. */
  const flowsNow = () => {
    departures.tell();
    return memory.view.getFloat64(arenaOf(memory.regions, 1) + W_NOW, true);
  };
  return { departures, calls, batches, now, flowsNow, due };
}

test("the clock is the machine's monotonic one, the same for every thread", () => {
  const { now } = make(65536);
  const before = Number(process.hrtime.bigint());
  const here = now();
  const after = Number(process.hrtime.bigint());
  // The two clocks are read one after the other when they are compared.
  expect(here).toBeGreaterThan(before - 100_000);
  expect(here).toBeLessThan(after + 100_000);
});

test.each([0, 65536])(
  "flows live by it too: setting the time of day ends none of them (%i bytes to wait in)",
  (shaper) => {
    const { flowsNow } = make(shaper);
    const before = Number(process.hrtime.bigint()) / 1e6;
    const here = flowsNow();
    const after = Number(process.hrtime.bigint()) / 1e6;
    expect(here).toBeGreaterThan(before - 0.1);
    expect(here).toBeLessThan(after + 0.1);
  },
);

test("while nothing waits, the loop waits as long as ever", () => {
  const { departures, due, now } = make(65536);
  expect(departures.waiting).toBe(false);
  expect(departures.wait(1000)).toBe(1000);
  due(now() - 1e9, 0);
  expect(departures.wait(1000)).toBe(1000);
});

test("it waits until the next packet may leave, rounded up, and no longer than it would", () => {
  const { departures, due, now } = make(65536);
  due(now() + 60_000e6);
  expect(departures.wait(1000)).toBe(1000);
  due(now() + 200.5e6);
  expect(departures.wait(1000)).toBeGreaterThan(150);
  expect(departures.wait(1000)).toBeLessThanOrEqual(201);
  due(now() - 1);
  expect(departures.wait(1000)).toBe(0);
});

test("what is due is sealed and sent, as often as the send region fills", () => {
  const { departures, due, now, calls, batches } = make(65536);
  due(now() + 60_000e6);
  departures.run();
  expect(calls).toEqual([]);
  due(now());
  batches.push(2048, 0, 7);
  departures.run();
  expect(calls).toEqual(["depart", "seal 2048", "flush", "depart", "flush", "depart", "seal 7", "flush"]);
});

test("without room for packets that wait nothing of it is touched", () => {
  const { departures, calls, due } = make(0);
  due(0, 1);
  expect(departures.waiting).toBe(false);
  departures.reshape();
  expect(calls).toEqual([]);
  expect(departures.wait(1000)).toBe(1000);
});
