import { expect } from "vitest";

/** Random sites need not hold what a property is about: looks at more of them, up to ten times, until enough did. */
export function until(enough: () => boolean, look: () => void): void {
  for (let round = 0; round < 10 && !enough(); round++) look();
  expect(enough()).toBe(true);
}
