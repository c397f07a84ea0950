import { expect, test } from "vitest";
import { ahead } from "../../../src/datapath/clock.ts";

/** Two clocks 1,000 ms apart, each reading 0.01 ms; `lost`: milliseconds by which the n-th reading of all is late. */
function clocks(lost: (reading: number) => number) {
  let now = 0;
  let readings = 0;
  const tick = () => {
    now += 0.01 + lost(readings++);
    return now;
  };
  return { here: () => tick(), there: () => tick() + 1000 };
}

test("two clocks are compared in a moment in which the thread kept its CPU", () => {
  const busy = clocks((reading) => (reading < 30 ? 50 : 0));
  expect(ahead(busy.there, busy.here)).toBeCloseTo(1000, 1);
  // It loses its CPU each time: at the worst, half of the shortest time.
  const worse = clocks((reading) => 1 + (reading % 7));
  expect(Math.abs(ahead(worse.there, worse.here) - 1000)).toBeLessThan(7);
});
