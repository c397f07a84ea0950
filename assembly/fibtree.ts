/**
 * Changes to the tree that fib.ts walks, so that a reader in the middle of any of them meets the old or the new answer.
 *
 * Painting. A prefix of length n owns, within its range, the leaves whose own length is ≤ n (the longer ones belong to longer
 * prefixes). So insertion, replacement and withdrawal are one thing: paint these leaves with the new leaf, or with that of
 * the next shorter route. Each slot changes by one atomic store.
 *
 * Shape. A node begins at depth d exactly when some prefix in its range is longer than d:
 *   - needed and absent: a chain of 4-bit nodes is filled with the leaf that was there, painted, then linked by one store;
 *   - not needed any more: all its slots hold the same leaf, no longer than d; that leaf is stored in place of the node.
 *
 *       slot ──→ leaf 10.0.0.0/8 via 3                slot ──→ ┌──────────────────────────┐
 *                                        10.16/12 via 5        │ /8 via 3   (slot 0)      │
 *                                        ─────────────→        │ /12 via 5  (slot 1)      │
 *                                        ←─────────────        │ /8 via 3   (slots 2–15)  │
 *                                          withdrawn           └──────────────────────────┘
 *
 *   - dense: a 4-bit node at a depth of 8·i and its 4-bit children become one 8-bit node, or back when sparse; the top of
 *     a large table becomes one 16-bit node, or back. The new shape is filled aside and answers the same, then linked.
 *     These save time or space only: without room for them the tree stays as it is.
 */
import { FIELD_SHIFT, NODE, NODE_ADDRESS } from "./fib";
import { ORDER_NODE16, ORDER_NODE4, ORDER_NODE8, give, take } from "./fibpages";
import { retire } from "./fibretire";
import { G_FIB_PRIVATE } from "./layout";
import { lengthOf } from "./fibroutes";

/** Children that make a 4-bit node into an 8-bit node, and groups of an 8-bit node that keep it one. */
const DENSE: u32 = 2;
const SPARSE: u32 = 1;

/** u32: nodes in the tree (those that wait for the epoch are no longer in it). */
const NODES: usize = G_FIB_PRIVATE + 128;
/** The way down to the node that an operation works on: u32 address of the word, u32 depth; at most 32 steps. */
const PATH: usize = G_FIB_PRIVATE + 256;
const STEP: usize = 8;

/** Nodes in all trees. */
export function fibNodes(): u32 {
  return load<u32>(NODES);
}

function bitsOf(word: u32): u32 {
  return (word >> FIELD_SHIFT) & 31;
}

function nodeOf(word: u32): usize {
  return word & NODE_ADDRESS;
}

/** A new node's word; 0: the region is full. */
function make(bits: u32): u32 {
  const node = take(bits == 4 ? ORDER_NODE4 : bits == 8 ? ORDER_NODE8 : ORDER_NODE16);
  if (!node) return 0;
  store<u32>(NODES, load<u32>(NODES) + 1);
  return (<u32>node) | (bits << FIELD_SHIFT) | NODE;
}

/** A node that was never linked. */
function unmake(word: u32): void {
  store<u32>(NODES, load<u32>(NODES) - 1);
  give(nodeOf(word));
}

/** A node that has just been unlinked. */
function drop(word: u32): void {
  store<u32>(NODES, load<u32>(NODES) - 1);
  retire(nodeOf(word));
}

/** Address of the slot that a prefix begins in. */
function slot(word: u32, depth: u32, high: u64, low: u64): usize {
  const rest = depth < 64 ? high << depth : low << (depth - 64);
  return nodeOf(word) + ((<usize>(rest >> (64 - bitsOf(word)))) << 2);
}

function spread(at: usize, count: u32, word: u32): void {
  for (const end = at + (count << 2); at < end; at += 4) store<u32>(at, word);
}

/** Gives `leaf` to what a prefix of its range owns: leaves of length ≤ `length`. */
function paint(at: usize, count: u32, length: u32, leaf: u32): void {
  for (const end = at + (count << 2); at < end; at += 4) {
    const word = load<u32>(at);
    if (word & NODE) paint(nodeOf(word), 1 << bitsOf(word), length, leaf);
    else if (lengthOf(word) <= length) atomic.store<u32>(at, leaf);
  }
}

/**
 * No prefix longer than `depth`, where these slots begin, is among them: all hold the same leaf, and it is not longer. (Neighbours
 * of one length with one next hop hold equal leaves too, but each is longer than the range that they fill together.)
 */
function uniform(at: usize, count: u32, depth: u32): bool {
  const first = load<u32>(at);
  if (first & NODE || lengthOf(first) > depth) return false;
  for (const end = at + (count << 2); at < end; at += 4) if (load<u32>(at) != first) return false;
  return true;
}

/** 4-bit nodes from `depth` down to where the prefix ends, not linked yet; elsewhere they answer `old`. 0: the region is full. */
function chain(old: u32, depth: u32, high: u64, low: u64, leaf: u32): u32 {
  const length = lengthOf(leaf);
  let top: u32 = 0;
  let link: usize = 0;
  for (;;) {
    const word = make(4);
    if (!word) break;
    spread(nodeOf(word), 16, old);
    if (link) store<u32>(link, word);
    else top = word;
    link = slot(word, depth, high, low);
    depth += 4;
    if (length <= depth) {
      spread(link, 1 << (depth - length), leaf);
      return top;
    }
  }
  while (top & NODE) {
    // Only the slot on the way down can name a node.
    let next: u32 = 0;
    for (let i: u32 = 0; i < 16; i++) {
      const word = load<u32>(nodeOf(top) + (i << 2));
      if (word & NODE) next = word;
    }
    unmake(top);
    top = next;
  }
  return 0;
}

/** Gives the range of a prefix its leaf. False: the region is full and nothing has changed. */
export function treeSet(root: usize, high: u64, low: u64, leaf: u32): bool {
  const length = lengthOf(leaf);
  if (length == 0) {
    paint(root, 1, 0, leaf);
    return true;
  }
  let link = root;
  let above: usize = 0;
  let depth: u32 = 0;
  let word = load<u32>(link);
  while (word & NODE) {
    const end = depth + bitsOf(word);
    const at = slot(word, depth, high, low);
    if (length <= end) {
      paint(at, 1 << (end - length), length, leaf);
      return true;
    }
    above = link;
    link = at;
    depth = end;
    word = load<u32>(link);
  }
  const top = chain(word, depth, high, low, leaf);
  if (!top) return false;
  atomic.store<u32>(link, top);
  if (above && (depth & 7) == 4) thicken(above);
  return true;
}

/** Gives the range of a prefix that has gone to `cover`, and folds the nodes that are no longer needed. */
export function treeRemove(root: usize, high: u64, low: u64, length: u32, cover: u32): void {
  if (length == 0) {
    paint(root, 1, 0, cover);
    return;
  }
  let step = PATH;
  let link = root;
  let depth: u32 = 0;
  for (;;) {
    const word = load<u32>(link);
    store<u32>(step, link);
    store<u32>(step, depth, 4);
    const end = depth + bitsOf(word);
    link = slot(word, depth, high, low);
    depth = end;
    if (length <= end) break;
    step += STEP;
  }
  paint(link, 1 << (depth - length), length, cover);
  for (; step >= PATH; step -= STEP) {
    link = load<u32>(step);
    const word = load<u32>(link);
    depth = load<u32>(step, 4);
    if (!uniform(nodeOf(word), 1 << bitsOf(word), depth)) {
      if (bitsOf(word) == 8) thin(link, depth);
      return;
    }
    atomic.store<u32>(link, load<u32>(nodeOf(word)));
    drop(word);
  }
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
  for (const end = at + (4 << bitsOf(word)); at < end; at += 4) dropAll(load<u32>(at));
  drop(word);
}

/** A 4-bit node at a depth of 8·i with many children becomes an 8-bit node. */
function thicken(link: usize): void {
  const word = load<u32>(link);
  if (bitsOf(word) != 4) return;
  const node = nodeOf(word);
  let children: u32 = 0;
  for (let i: u32 = 0; i < 16; i++) children += load<u32>(node + (i << 2)) & NODE;
  if (children < DENSE) return;
  const wide = make(8);
  if (!wide) return;
  flatten(word, nodeOf(wide), 8);
  atomic.store<u32>(link, wide);
  dropTop(word, 8);
}

/** An 8-bit node with few different groups of 16 slots becomes 4-bit nodes. */
function thin(link: usize, depth: u32): void {
  const word = load<u32>(link);
  const node = nodeOf(word);
  let groups: u32 = 0;
  for (let i: u32 = 0; i < 16; i++) {
    if (!uniform(node + (i << 6), 16, depth + 4) && ++groups > SPARSE) return;
  }
  const top = make(4);
  if (!top) return;
  for (let i: u32 = 0; i < 16; i++) {
    const group = node + (i << 6);
    let entry = load<u32>(group);
    if (!uniform(group, 16, depth + 4)) {
      entry = make(4);
      if (!entry) {
        for (let j: u32 = 0; j < i; j++) {
          const made = load<u32>(nodeOf(top) + (j << 2));
          if (made & NODE) unmake(made);
        }
        unmake(top);
        return;
      }
      memory.copy(nodeOf(entry), group, 64);
    }
    store<u32>(nodeOf(top) + (i << 2), entry);
  }
  atomic.store<u32>(link, top);
  drop(word);
}

/** The top of a large table becomes one 16-bit node. */
export function treeWiden(root: usize): void {
  const word = load<u32>(root);
  if (!(word & NODE) || bitsOf(word) == 16) return;
  const wide = make(16);
  if (!wide) return;
  flatten(word, nodeOf(wide), 16);
  atomic.store<u32>(root, wide);
  dropTop(word, 16);
}

/** The 16-bit node of a table that has become small becomes 8-bit and 4-bit nodes. */
export function treeNarrow(root: usize): void {
  const word = load<u32>(root);
  if (!(word & NODE) || bitsOf(word) != 16) return;
  const top = make(8);
  if (!top) return;
  for (let i: u32 = 0; i < 256; i++) {
    const group = nodeOf(word) + (i << 10);
    let entry = load<u32>(group);
    if (!uniform(group, 256, 8)) {
      entry = make(8);
      if (!entry) {
        for (let j: u32 = 0; j < i; j++) {
          const made = load<u32>(nodeOf(top) + (j << 2));
          if (made & NODE) unmake(made);
        }
        unmake(top);
        return;
      }
      memory.copy(nodeOf(entry), group, 1024);
    }
    store<u32>(nodeOf(top) + (i << 2), entry);
  }
  atomic.store<u32>(root, top);
  drop(word);
  for (let i: u32 = 0; i < 256; i++) {
    const at = nodeOf(top) + (i << 2);
    if (load<u32>(at) & NODE) thin(at, 8);
  }
  thin(root, 0);
}

/** Writes what the words below `word` answer for its next `bits` bits into 2^bits slots. */
function flatten(word: u32, to: usize, bits: u32): void {
  if (!(word & NODE) || bits == 0) {
    spread(to, 1 << bits, word);
    return;
  }
  const rest = bits - bitsOf(word);
  for (let i: u32 = 0; i < 1 << bitsOf(word); i++) {
    flatten(load<u32>(nodeOf(word) + (i << 2)), to + ((<usize>(i << rest)) << 2), rest);
  }
}

/** Drops the nodes that `flatten` has replaced. */
function dropTop(word: u32, bits: u32): void {
  if (!(word & NODE) || bits == 0) return;
  const rest = bits - bitsOf(word);
  if (rest) {
    for (let i: u32 = 0; i < 1 << bitsOf(word); i++) dropTop(load<u32>(nodeOf(word) + (i << 2)), rest);
  }
  drop(word);
}
