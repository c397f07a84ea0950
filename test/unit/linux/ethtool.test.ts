import { expect, test } from "vitest";
import { parseFeatures, parseNames } from "../../../src/linux/ethtool.ts";

test("names are cut at their zero, and may fill their place", () => {
  const long = "x".repeat(32);
  const answer = new DataView(new ArrayBuffer(12 + 3 * 32));
  [Buffer.from("rx-gro\0leftover"), Buffer.from(long), Buffer.alloc(0)].forEach((name, i) => {
    new Uint8Array(answer.buffer).set(name, 12 + i * 32);
  });
  expect(parseNames(answer, 3)).toEqual(["rx-gro", long, ""]);
});

test("features are bits over all blocks; what has no name is no feature", () => {
  const names = Array.from({ length: 40 }, (_, i) => (i === 5 ? "" : `f${i}`));
  const answer = new DataView(new ArrayBuffer(8 + 2 * 16));
  const set = (index: number, mask: number) => {
    const at = 8 + (index >>> 5) * 16 + mask * 4;
    answer.setUint32(at, (answer.getUint32(at, true) | (1 << (index & 31))) >>> 0, true);
  };
  const [available, requested, active, never] = [0, 1, 2, 3];
  for (const index of [0, 31, 32]) set(index, available);
  set(31, requested);
  set(31, active);
  set(32, active);
  set(32, never);
  const features = parseFeatures(names, answer);
  expect(features.size).toBe(39);
  expect(features.get("f0")).toEqual({ active: false, wanted: false, fixed: false });
  expect(features.get("f31")).toEqual({ active: true, wanted: true, fixed: false });
  expect(features.get("f32")).toEqual({ active: true, wanted: false, fixed: true });
  expect(features.get("f39")).toEqual({ active: false, wanted: false, fixed: true });
});
