import { expect, it } from "vitest";
import { Pause, setTimerSlack } from "../../../src/linux/pause.ts";

it("sleeps as long as it says, and not twice as long once the timer slack is gone", () => {
  setTimerSlack(1);
  const pause = new Pause(100);
  const took = Array.from({ length: 50 }, () => {
    const begun = performance.now();
    pause.sleep();
    return performance.now() - begun;
  });
  expect(Math.min(...took)).toBeGreaterThanOrEqual(0.1);
  // Another thread may hold the core at any time, but not each time.
  expect(Math.min(...took)).toBeLessThan(0.15);
});
