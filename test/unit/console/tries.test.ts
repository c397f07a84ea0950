import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Tries } from "../../../src/console/tries.ts";

describe("tries", () => {
  it("are let through so many in any window, however they come", () => {
    const limits = { most: 5, window: 1000, keys: 10 };
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 }), (gaps) => {
        const tries = new Tries(limits);
        const let_through: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          if (tries.wait("key", now) > 0) continue;
          tries.count("key", now);
          let_through.push(now);
        }
        // Two windows that touch may hold the tries of both.
        for (const start of let_through) {
          const within = let_through.filter((time) => time >= start && time < start + limits.window);
          expect(within.length).toBeLessThan(2 * limits.most);
        }
      }),
    );
  });

  it("are remembered of no more keys than may be, the latest ones", () => {
    const tries = new Tries({ most: 1, window: 1000, keys: 100 });
    for (let i = 0; i < 10_000; i++) tries.count(`key ${i}`, i / 100);
    expect(tries.size).toBe(100);
    expect(tries.wait("key 9999", 100)).toBeGreaterThan(0);
    expect(tries.wait("key 0", 100)).toBe(0);
  });

  it("wait for the pause and no longer when the clock is set back", () => {
    const tries = new Tries({ most: 2, window: 60_000, keys: 10 });
    const hour = 3_600_000;
    tries.count("a", hour);
    tries.count("a", hour);
    expect(tries.wait("a", 0)).toBe(60_000);
    expect(tries.wait("a", 59_999)).toBe(1);
    expect(tries.wait("a", 60_000)).toBe(0);
    tries.count("b", hour);
    expect(tries.count("b", 0)).toBe(2);
    expect(tries.count("b", 60_001)).toBe(1);
  });

  it("say how many there were, and begin anew after a pause, after a good one, and when they were far between", () => {
    const tries = new Tries({ most: 5, window: 60_000, keys: 10 });
    for (let i = 1; i < 5; i++) expect(tries.count("a", i)).toBe(i);
    expect(tries.wait("a", 5)).toBe(0);
    expect(tries.count("a", 5)).toBe(5);
    expect(tries.wait("a", 6)).toBe(59_999);
    expect(tries.wait("a", 60_005)).toBe(0);
    expect(tries.count("a", 60_005)).toBe(1);
    for (let i = 0; i < 20; i++) expect(tries.count("b", i * 15_001)).toBeLessThan(5);
    for (let i = 0; i < 4; i++) tries.count("c", 0);
    tries.forget("c");
    expect(tries.count("c", 1)).toBe(1);
  });
});
