/**
 * The Merkle tree of RFC 9162 (§2.1) with SHA-256: one signature over its root vouches for each of its leaves, and who has one leaf checks
 * that by a path of log2(size) hashes.
 */
import { hash } from "node:crypto";

/** Bytes of a hash. */
const HASH = 32;

/** What comes before that which is hashed tells a leaf from a node (§2.1.1), so that none can be taken for the other. */
const LEAF = 0;
const NODE = 1;

export interface Tree {
  readonly size: number;
  readonly root: Buffer;
  /** The hashes beside the way from the leaf to the root (§2.1.3), from the leaf upward. @param index 0 … size - 1 */
  path(index: number): Buffer[];
}

export function leafHash(leaf: string): Buffer {
  const length = Buffer.byteLength(leaf);
  const bytes = Buffer.allocUnsafe(1 + length);
  bytes[0] = LEAF;
  bytes.write(leaf, 1);
  return hash("sha256", bytes, "buffer");
}

/** @param leaves leafHash of each, in order; at least one */
export function treeOf(leaves: readonly Buffer[]): Tree {
  const levels: (readonly Buffer[])[] = [leaves];
  let level = leaves;
  while (level.length > 1) {
    const above: Buffer[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(nodeHash(level[i], level[i + 1]));
    // Without a neighbour it is the node above itself: the largest full trees are on the left (§2.1.1).
    if (level.length % 2 === 1) above.push(level[level.length - 1]);
    levels.push(above);
    level = above;
  }
  return {
    size: leaves.length,
    root: level[0],
    path(index) {
      const path: Buffer[] = [];
      let at = index;
      for (const each of levels) {
        const beside = each[at % 2 === 0 ? at + 1 : at - 1];
        if (beside !== undefined) path.push(beside);
        at = Math.floor(at / 2);
      }
      return path;
    },
  };
}

/** The root of the tree in which this leaf is the one at `index` (§2.1.3.2); undefined: the path is none of such a tree. */
export function rootFrom(leaf: Buffer, index: number, size: number, path: readonly Buffer[]): Buffer | undefined {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return undefined;
  let node = leaf;
  let at = index;
  let last = size - 1;
  for (const beside of path) {
    if (last === 0 || beside.length !== HASH) return undefined;
    if (at % 2 === 1 || at === last) {
      node = nodeHash(beside, node);
      while (at % 2 === 0 && at > 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else node = nodeHash(node, beside);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? node : undefined;
}

function nodeHash(left: Buffer, right: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(1 + 2 * HASH);
  bytes[0] = NODE;
  left.copy(bytes, 1);
  right.copy(bytes, 1 + HASH);
  return hash("sha256", bytes, "buffer");
}
