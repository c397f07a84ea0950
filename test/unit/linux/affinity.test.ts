import { expect, test } from "vitest";
import { allowedCpus, stayOn } from "../../../src/linux/affinity.ts";

test("a thread can be kept on one of its CPUs, and let go", () => {
  const all = allowedCpus();
  expect(all.length).toBeGreaterThan(0);
  try {
    stayOn([all.at(-1)!]);
    expect(allowedCpus()).toEqual([all.at(-1)]);
  } finally {
    stayOn(all);
  }
  expect(allowedCpus()).toEqual(all);
  expect(() => stayOn([8191])).toThrow(expect.objectContaining({ code: "invalid" }));
});
