import { expect, test } from "vitest";
import { storm } from "../../../bench/scale/storm.ts";

test("peers that come all at once are let in, with cookies and none given up", () => {
  const { all, half, lost, counters } = storm(60);
  expect(all).toBeLessThan(60);
  expect(half).toBeLessThanOrEqual(all);
  expect(lost).toBe(0);
  expect(counters["cookie-sent"]).toBeGreaterThan(0);
  expect(counters["half-open-expired"] + counters["authentication-failed"]).toBe(0);
});
