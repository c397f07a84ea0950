import { describe, expect, it } from "vitest";
import * as indexes from "../../../assembly/counters.ts";
import { COUNTERS_MAX } from "../../../assembly/layout.ts";
import { COUNTERS } from "../../../src/datapath/counters.ts";

describe("counters", () => {
  const { COUNTER_FIRST_EVENT, ...all } = indexes;

  it("have a name and a meaning each, and an index of their own that fits", () => {
    expect(COUNTERS.map(({ index }) => index).sort((a, b) => a - b)).toEqual(Object.values(all).sort((a, b) => a - b));
    expect(new Set(COUNTERS.map(({ index }) => index)).size).toBe(COUNTERS.length);
    expect(new Set(COUNTERS.map(({ name }) => name)).size).toBe(COUNTERS.length);
    for (const { index, name, meaning } of COUNTERS) {
      expect(index).toBeGreaterThan(0);
      expect(index).toBeLessThan(COUNTERS_MAX);
      expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(meaning.length).toBeGreaterThan(10);
    }
  });

  it("know a drop from an event", () => {
    for (const [constant, index] of Object.entries(all)) {
      const counter = COUNTERS.find((entry) => entry.index === index);
      expect(counter?.drop, constant).toBe(constant.startsWith("DROP_"));
      expect(index < COUNTER_FIRST_EVENT, constant).toBe(constant.startsWith("DROP_"));
    }
  });
});
