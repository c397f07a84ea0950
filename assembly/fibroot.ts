/**
 * The root of a large table: one node of 16 bits (256 KiB) in place of all that lies above depth 16, and back. As in
 * fibshape, the new root is filled aside, answers the same, and is linked by one store of the root word.
 */
import { NODE } from "./fib";
import { drop, isStraight, kindOf, make, nodeOf, spread, uniform, unmake } from "./fibnode";
import { partAt, reshape, unmakeFirst } from "./fibshape";

/**
 * Makes the root 16 bits wide; without room for it, or without nodes, it stays as it is.
 * @param dense @param sparse what the nodes below go by from now on, see fibshape.
 */
export function treeWiden(root: usize, six: bool, dense: u32, sparse: u32): void {
  const word = load<u32>(root);
  if (!(word & NODE) || kindOf(word) == 16) return;
  const wide = make(16);
  if (!wide) return;
  if (!unroll(root, 0)) {
    unmake(wide);
    return;
  }
  const old = load<u32>(root);
  flatten(old, nodeOf(wide), 16);
  atomic.store<u32>(root, wide);
  dropAbove(old, 16);
  reshape(root, six, 0, dense, sparse);
}

/** Makes a 16-bit root into smaller nodes; parameters as above. */
export function treeNarrow(root: usize, six: bool, dense: u32, sparse: u32): void {
  const word = load<u32>(root);
  if (!(word & NODE) || kindOf(word) != 16) return;
  const top = make(8);
  if (!top) return;
  for (let i: u32 = 0; i < 256; i++) {
    const group = nodeOf(word) + (i << 10);
    let entry = load<u32>(group);
    if (!uniform(group, 256, 8)) {
      entry = make(8);
      if (!entry) {
        unmakeFirst(top, i);
        return;
      }
      memory.copy(nodeOf(entry), group, 1024);
    }
    store<u32>(nodeOf(top) + (i << 2), entry);
  }
  atomic.store<u32>(root, top);
  drop(word);
  reshape(root, six, 0, dense, sparse);
}

/** Straight nodes that begin above depth 16 become 4-bit nodes there. False: the region is full. */
function unroll(link: usize, depth: u32): bool {
  if (depth >= 16 || !(load<u32>(link) & NODE)) return true;
  if (isStraight(load<u32>(link)) && !partAt(link, 0)) return false;
  const word = load<u32>(link);
  let at = nodeOf(word);
  for (const end = at + (4 << kindOf(word)); at < end; at += 4) {
    if (!unroll(at, depth + kindOf(word))) return false;
  }
  return true;
}

/** Writes what `word` answers for its next `bits` bits into 2^bits slots. */
function flatten(word: u32, to: usize, bits: u32): void {
  if (!(word & NODE) || bits == 0) {
    spread(to, 1 << bits, word);
    return;
  }
  const rest = bits - kindOf(word);
  for (let i: u32 = 0; i < 1 << kindOf(word); i++) {
    flatten(load<u32>(nodeOf(word) + (i << 2)), to + ((<usize>(i << rest)) << 2), rest);
  }
}

/** Drops the nodes that `flatten` has replaced. */
function dropAbove(word: u32, bits: u32): void {
  if (!(word & NODE) || bits == 0) return;
  for (let i: u32 = 0; i < 1 << kindOf(word); i++) {
    dropAbove(load<u32>(nodeOf(word) + (i << 2)), bits - kindOf(word));
  }
  drop(word);
}
