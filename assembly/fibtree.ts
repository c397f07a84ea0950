/**
 * Changes to the tree that fib.ts walks, so that a reader in the middle of any of them meets the old or the new answer.
 *
 * Painting. A prefix of length n owns, within its range, the leaves whose own length is ≤ n (the longer ones belong to longer
 * prefixes). So insertion, replacement and withdrawal are one thing: paint these leaves with the new leaf, or with that of
 * the next shorter route. Each slot changes by one atomic store.
 *
 * Nodes. A node begins at depth d exactly when some prefix in its range is longer than d:
 *   - needed and absent: a chain of nodes is filled with the leaf that was there and the new one, then linked by one store;
 *   - not needed any more: all its slots hold the same leaf, no longer than d; that leaf is stored in place of the node.
 *
 *       slot ──→ leaf 10/8 via 3  ── 10.16/12 via 5 comes ─→   slot ──→ ┌──────────────────────────┐
 *                                                                       │ /8 via 3   (slot 0)      │
 *                                 ←─ 10.16/12 goes ─────────            │ /12 via 5  (slot 1)      │
 *                                                                       │ /8 via 3   (slots 2–15)  │
 *                                                                       └──────────────────────────┘
 *
 * Which kind of node serves a place best is fibshape's business.
 */
import { NODE } from "./fib";
import {
  drop,
  isStraight,
  kindOf,
  makeSlots,
  makeStraight,
  nodeOf,
  restOf,
  slotOf,
  spanOf,
  uniform,
  unmake,
} from "./fibnode";
import { lengthOf } from "./fibroutes";
import { part, straighten, thicken, thin } from "./fibshape";
import { G_FIB_PRIVATE } from "./layout/globals";

/** The way down to the node that a withdrawal works on: u32 address of the word, u32 depth; at most 33 steps. */
const PATH: usize = G_FIB_PRIVATE + 256;
const STEP: usize = 8;

/** Gives `leaf` to what a prefix of its length owns here. */
function paint(at: usize, count: u32, leaf: u32, length: u32): void {
  for (const end = at + (count << 2); at < end; at += 4) {
    const word = load<u32>(at);
    if (word & NODE) paint(nodeOf(word), 1 << kindOf(word), leaf, length);
    else if (lengthOf(word) <= length) atomic.store<u32>(at, leaf);
  }
}

/**
 * Nodes from `depth` down to where the prefix of `leaf` ends, not linked yet; beside it they answer `old`.
 * Returns the word of the topmost; 0: the region is full.
 */
function chain(old: u32, depth: u32, high: u64, low: u64, leaf: u32, six: bool): u32 {
  const length = lengthOf(leaf);
  const rest = restOf(depth, high, low);
  const four = !six || (depth & 7) != 0 || length <= depth + 4;
  const end = four ? depth + 4 : min(length, (depth & 64) + 64);
  let next = leaf;
  if (length > end) {
    next = chain(old, end, high, low, leaf, six);
    if (!next) return 0;
  }
  const count: u32 = length < end ? 1 << (end - length) : 1;
  const word = four ? makeSlots(4, old, <u32>(rest >> 60), count, next) : makeStraight(old, next, end - depth, rest);
  if (!word) unmakeChain(next, old);
  return word;
}

/** Gives a chain back that was never linked: of each node's slots only those on the way are not `old`. */
function unmakeChain(word: u32, old: u32): void {
  if (!(word & NODE)) return;
  let at = nodeOf(word);
  while (load<u32>(at) == old) at += 4;
  unmakeChain(load<u32>(at), old);
  unmake(word);
}

/**
 * Gives the range of a prefix its leaf. False: the region is full, and all lookups answer as before.
 * @param dense 4-bit children at which a 4-bit node becomes an 8-bit node, see `thicken`.
 */
export function treeSet(root: usize, six: bool, high: u64, low: u64, leaf: u32, dense: u32): bool {
  const length = lengthOf(leaf);
  if (length == 0) {
    paint(root, 1, leaf, 0);
    return true;
  }
  let link = root;
  let depth: u32 = 0;
  let word = load<u32>(link);
  // The last word at a depth of 8·i on the way, and whether 4-bit nodes came there.
  let eight = root;
  let changed = false;
  while (word & NODE) {
    const rest = restOf(depth, high, low);
    if (isStraight(word)) {
      if (!part(link, rest, length - depth)) return false;
      if (load<u32>(link) != word) changed = true;
      word = load<u32>(link);
    }
    const at = slotOf(word, rest);
    const end = depth + spanOf(word);
    if ((depth & 7) == 0) eight = link;
    if (length <= end) {
      paint(at, 1 << (end - length), leaf, length);
      break;
    }
    link = at;
    depth = end;
    word = load<u32>(link);
  }
  if (!(word & NODE)) {
    const top = chain(word, depth, high, low, leaf, six);
    if (!top) return false;
    atomic.store<u32>(link, top);
    if (depth & 7) changed = true;
  }
  if (changed) thicken(eight, dense);
  return true;
}

/**
 * Gives the range of a prefix that has gone to `cover`, and folds the nodes that are no longer needed.
 * @param sparse groups of 16 slots that differ in themselves, above which an 8-bit node stays one.
 */
export function treeRemove(root: usize, six: bool, high: u64, low: u64, length: u32, cover: u32, sparse: u32): void {
  if (length == 0) {
    paint(root, 1, cover, 0);
    return;
  }
  let step = PATH;
  let link = root;
  let depth: u32 = 0;
  while (depth < length) {
    const word = load<u32>(link);
    store<u32>(step, link);
    store<u32>(step, depth, 4);
    step += STEP;
    link = slotOf(word, restOf(depth, high, low));
    depth += spanOf(word);
  }
  paint(link, 1 << (depth - length), cover, length);
  for (;;) {
    step -= STEP;
    link = load<u32>(step);
    depth = load<u32>(step, 4);
    const word = load<u32>(link);
    if (!uniform(nodeOf(word), 1 << kindOf(word), depth)) break;
    atomic.store<u32>(link, load<u32>(nodeOf(word)));
    drop(word);
    if (step == PATH) return;
  }
  // Two 4-bit nodes that make up 8 bits are looked at from the upper one.
  if (depth & 7) {
    step -= STEP;
    link = load<u32>(step);
    depth = load<u32>(step, 4);
  }
  thin(link, depth, sparse);
  if (six) straighten(link, depth, step == PATH ? 0 : <usize>load<u32>(step - STEP));
}

/** Empties a tree: no route from here on. */
export function treeClear(root: usize): void {
  const word = load<u32>(root);
  atomic.store<u32>(root, 0);
  dropAll(word);
}

function dropAll(word: u32): void {
  if (!(word & NODE)) return;
  let at = nodeOf(word);
  for (const end = at + (4 << kindOf(word)); at < end; at += 4) dropAll(load<u32>(at));
  drop(word);
}
