import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Held } from "../../../src/console/held.ts";

const MINUTE = 60_000;
let told: number[];
beforeEach(() => {
  vi.useFakeTimers();
  told = [];
});
afterEach(() => void vi.useRealTimers());

const sums = (more: { most?: number; keys?: number } = {}) =>
  new Held<number>(
    { most: 1, every: MINUTE, ...more },
    { tell: (one) => void told.push(one), fold: (sum, next) => sum + next },
  );

describe("what comes too often", () => {
  it("is let through once, and then once in a minute, all together", () => {
    const held = sums();
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
    const held = sums({ most: 3 });
    for (let second = 0; second < 36_000; second++) {
      held.add("a", 1);
      vi.advanceTimersByTime(1000);
    }
    expect(told).toHaveLength(603);
    held.flush();
    expect(told.reduce((a, b) => a + b)).toBe(36_000);
  });

  it("fills no memory: of too many keys the oldest is told and forgotten", () => {
    const held = sums({ keys: 2 });
    for (const key of ["a", "a", "a", "b", "c"]) held.add(key, 1);
    expect(told).toEqual([1, 1, 2, 1]);
    held.add("b", 1);
    expect(told).toHaveLength(4);
  });

  it("is let through when all ends, and no timer is left", () => {
    const held = sums();
    for (let i = 0; i < 3; i++) held.add("a", 1);
    held.flush();
    expect(told).toEqual([1, 2]);
    held.add("a", 1);
    vi.advanceTimersByTime(2 * MINUTE);
    expect(vi.getTimerCount()).toBe(0);
  });
});
