/**
 * Words and nodes of the tree that fib.ts draws, for the writer: making, reading, and letting go.
 *
 * A node is made and filled aside, then linked by one atomic store. One that was never linked is given back at once
 * (unmake); one that was linked waits for the workers (drop).
 */
import { FIELD_SHIFT, NODE, NODE_ADDRESS, STRAIGHT, STRAIGHT_BITS, STRAIGHT_LENGTH, STRAIGHT_SHIFT } from "./fib";
import { ORDER_NODE16, ORDER_NODE4, ORDER_NODE8, give, take } from "./fibpages";
import { retire } from "./fibretire";
import { lengthOf } from "./fibroutes";
import { G_FIB_PRIVATE } from "./layout/globals";

/** u32: nodes in the tree (those that wait for the epoch are no longer in it). */
const NODES: usize = G_FIB_PRIVATE + 128;

/** Nodes in all trees. */
export function fibNodes(): u32 {
  return load<u32>(NODES);
}

/** The node's kind: 4, 8 or 16 bits, or STRAIGHT. A node has 2^kind slots. */
export function kindOf(word: u32): u32 {
  return (word >> FIELD_SHIFT) & 31;
}

export function isStraight(word: u32): bool {
  return (word & NODE) != 0 && kindOf(word) == STRAIGHT;
}

export function nodeOf(word: u32): usize {
  return word & NODE_ADDRESS;
}

/** Bits of the address that a node consumes. */
export function spanOf(word: u32): u32 {
  return kindOf(word) == STRAIGHT ? load<u32>(nodeOf(word), STRAIGHT_LENGTH) : kindOf(word);
}

/** What is left of an address from `depth` on, left-aligned; at least up to the next multiple of 64. */
export function restOf(depth: u32, high: u64, low: u64): u64 {
  return depth < 64 ? high << depth : low << (depth - 64);
}

/** Address of the slot that a prefix begins in. */
export function slotOf(word: u32, rest: u64): usize {
  const node = nodeOf(word);
  if (kindOf(word) != STRAIGHT) return node + ((<usize>(rest >> (64 - kindOf(word)))) << 2);
  const aside = (rest ^ load<u64>(node, STRAIGHT_BITS)) >> load<u32>(node, STRAIGHT_SHIFT);
  return aside ? node : node + 4;
}

/** Writes `count` slots of a node that is not linked. */
export function spread(at: usize, count: u32, word: u32): void {
  for (const end = at + (count << 2); at < end; at += 4) store<u32>(at, word);
}

/**
 * No prefix longer than `depth`, where these slots begin, is among them: all hold the same leaf, and it is not longer. (Neighbours
 * of one length with one next hop hold equal leaves too, but each is longer than the range that they fill together.)
 */
export function uniform(at: usize, count: u32, depth: u32): bool {
  const first = load<u32>(at);
  if (first & NODE || lengthOf(first) > depth) return false;
  for (const end = at + (count << 2); at < end; at += 4) if (load<u32>(at) != first) return false;
  return true;
}

/** A new node's word, its content undefined; 0: the region is full. */
export function make(kind: u32): u32 {
  const node = take(kind == 8 ? ORDER_NODE8 : kind == 16 ? ORDER_NODE16 : ORDER_NODE4);
  if (!node) return 0;
  store<u32>(NODES, load<u32>(NODES) + 1);
  return (<u32>node) | (kind << FIELD_SHIFT) | NODE;
}

/** A new node of 4 or 8 bits with `word` in `count` slots from `first` on, and `aside` in the others. */
export function makeSlots(bits: u32, aside: u32, first: u32, count: u32, word: u32): u32 {
  const made = make(bits);
  if (!made) return 0;
  spread(nodeOf(made), 1 << bits, aside);
  spread(nodeOf(made) + (first << 2), count, word);
  return made;
}

/** A new straight node for the first `length` bits (1–64) of `bits`, followed by `next`. */
export function makeStraight(aside: u32, next: u32, length: u32, bits: u64): u32 {
  const made = make(STRAIGHT);
  if (!made) return 0;
  const node = nodeOf(made);
  store<u32>(node, aside);
  store<u32>(node, next, 4);
  store<u32>(node, length, STRAIGHT_LENGTH);
  store<u32>(node, 64 - length, STRAIGHT_SHIFT);
  store<u64>(node, (bits >> (64 - length)) << (64 - length), STRAIGHT_BITS);
  return made;
}

/** A node that was never linked. */
export function unmake(word: u32): void {
  store<u32>(NODES, load<u32>(NODES) - 1);
  give(nodeOf(word));
}

/** A node that has just been unlinked. */
export function drop(word: u32): void {
  store<u32>(NODES, load<u32>(NODES) - 1);
  retire(nodeOf(word));
}
