import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leafHash, rootFrom, treeOf } from "../../../src/protocol/tree.ts";

const sha256 = (...bytes: readonly Uint8Array[]) => createHash("sha256").update(Buffer.concat(bytes)).digest();
const leaves = (count: number) => Array.from({ length: count }, (_, i) => leafHash(`leaf ${i}`));

/** As RFC 9162 §2.1.1 defines it, word by word. */
function definedRoot(entries: readonly string[]): Buffer {
  if (entries.length === 1) return sha256(Buffer.of(0), Buffer.from(entries[0]));
  let k = 1;
  while (2 * k < entries.length) k *= 2;
  return sha256(Buffer.of(1), definedRoot(entries.slice(0, k)), definedRoot(entries.slice(k)));
}

describe("a Merkle tree (RFC 9162 §2.1)", () => {
  it("has the root that the RFC defines, for each size", () => {
    for (let size = 1; size <= 65; size++) {
      const entries = Array.from({ length: size }, (_, i) => `leaf ${i}`);
      expect(treeOf(leaves(size)).root).toEqual(definedRoot(entries));
    }
  });

  it("proves each of its leaves", () => {
    for (let size = 1; size <= 65; size++) {
      const all = leaves(size);
      const tree = treeOf(all);
      for (const [i, leaf] of all.entries())
        expect(rootFrom(leaf, i, size, tree.path(i)), `${i} of ${size}`).toEqual(tree.root);
    }
  });

  it("proves no leaf at another place, in a tree of another size, or by another path", () => {
    const any = fc.integer({ min: 1, max: 300 }).chain((size) =>
      fc.record({
        size: fc.constant(size),
        index: fc.nat(size - 1),
        place: fc.integer({ min: -1, max: size }),
        other: fc.integer({ min: 1, max: 600 }),
        at: fc.nat(8),
      }),
    );
    fc.assert(
      fc.property(any, ({ size, index, place, other, at }) => {
        const all = leaves(size);
        const tree = treeOf(all);
        const path = tree.path(index);
        const proves = (leaf: Buffer, i: number, n: number, way: readonly Buffer[]) =>
          rootFrom(leaf, i, n, way)?.equals(tree.root) === true;
        expect(proves(all[index], index, size, path)).toBe(true);
        if (place !== index) expect(proves(all[index], place, size, path)).toBe(false);
        expect(proves(leafHash("stranger"), index, size, path)).toBe(false);
        expect(proves(all[index], index, size, [...path, tree.root])).toBe(false);
        if (path.length > 0) {
          expect(proves(all[index], index, size, path.slice(1))).toBe(false);
          expect(proves(all[index], index, size, path.with(at % path.length, tree.root))).toBe(false);
          expect(proves(all[index], index, size, path.with(at % path.length, tree.root.subarray(1)))).toBe(false);
        }
        // The size is part of what is signed: a path may fit trees of several sizes.
        if (other < size && index >= other) expect(rootFrom(all[index], index, other, path)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it("is none with numbers that are none", () => {
    const [leaf] = leaves(1);
    for (const [index, size] of [
      [0, 0],
      [-1, 1],
      [0.5, 1],
      [0, Number.NaN],
      [0, 2 ** 60],
    ] as const)
      expect(rootFrom(leaf, index, size, [])).toBeUndefined();
  });
});
