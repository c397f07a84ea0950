import { expect } from "vitest";

/** How often a property is looked at; VCPE_RUNS=20 for twenty times as often. */
export function runs(usual: number): number {
  return usual * Number(process.env.VCPE_RUNS ?? 1);
}

/** Random sites need not hold what a property is about: looks at more of them, up to ten times, until enough did. */
export function until(enough: () => boolean, look: () => void): void {
  for (let round = 0; round < 10 && !enough(); round++) look();
  expect(enough()).toBe(true);
}
