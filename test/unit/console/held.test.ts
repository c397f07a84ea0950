import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Held } from "../../../src/console/held.ts";

const MINUTE = 60_000;
let told: number[];
beforeEach(() => {
  vi.useFakeTimers();
  told = [];
});
afterEach(() => void vi.useRealTimers());

const sums = (more: { most?: number; keys?: number } = {}, fail: () => boolean = () => false) => {
  const faults: unknown[] = [];
  const held = new Held<number>(
    { most: 1, every: MINUTE, ...more },
    {
      tell: (one) => {
        if (fail()) throw new Error("the disk is full");
        told.push(one);
      },
      fold: (sum, next) => sum + next,
      fault: (error) => faults.push(error),
    },
  );
  return { held, faults };
};

describe("what comes too often", () => {
  it("is let through once, and then once in a minute, all together", () => {
    const { held } = sums();
    for (let i = 0; i < 5; i++) held.add("a", 1);
    held.add("b", 10);
    expect(told).toEqual([1, 10]);
    vi.advanceTimersByTime(MINUTE);
    expect(told).toEqual([1, 10, 4]);
    held.add("a", 1);
    held.add("b", 10);
    expect(told).toEqual([1, 10, 4, 10]);
    vi.advanceTimersByTime(MINUTE);
    expect(told).toEqual([1, 10, 4, 10, 1]);
  });

  it("is exactly so much in a long time", () => {
    const { held } = sums({ most: 3 });
    for (let second = 0; second < 36_000; second++) {
      held.add("a", 1);
      vi.advanceTimersByTime(1000);
    }
    expect(told).toHaveLength(603);
    held.flush();
    expect(told.reduce((a, b) => a + b)).toBe(36_000);
  });

  it("fills no memory: of too many keys the oldest is told and forgotten", () => {
    const { held } = sums({ keys: 2 });
    for (const key of ["a", "a", "a", "b", "c"]) held.add(key, 1);
    expect(told).toEqual([1, 1, 2, 1]);
    held.add("b", 1);
    expect(told).toHaveLength(4);
  });

  it("waits when it could not be told", () => {
    let full = false;
    const { held, faults } = sums({}, () => full);
    held.add("a", 1);
    held.add("a", 1);
    full = true;
    vi.advanceTimersByTime(2 * MINUTE);
    expect(faults.length).toBeGreaterThan(0);
    held.add("a", 1);
    full = false;
    vi.advanceTimersByTime(MINUTE);
    expect(told).toEqual([1, 2]);
  });

  it("is let through when all ends, and no timer is left", () => {
    const { held } = sums();
    for (let i = 0; i < 3; i++) held.add("a", 1);
    held.flush();
    expect(told).toEqual([1, 2]);
    held.add("a", 1);
    vi.advanceTimersByTime(2 * MINUTE);
    expect(vi.getTimerCount()).toBe(0);
  });
});
