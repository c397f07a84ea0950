import { expect, it } from "vitest";
import { scaling } from "../../../../bench/path/scale.ts";

it("takes ratios round by round and medians over the rounds", () => {
  const steady = { alone: [100, 100], both: [95, 95] };
  // The whole machine is slow for one round, then one lane alone: neither decides.
  const slow = { alone: [50, 50], both: [47, 48] };
  const disturbed = { alone: [100, 100], both: [95, 20] };
  const free = { alone: [100, 100], both: [100, 98] };
  expect(scaling([steady, slow, disturbed, steady, steady], [free, free, disturbed])).toEqual({
    one: 100,
    two: 190,
    ratio: 1.9,
    ceiling: 1.98,
  });
});
