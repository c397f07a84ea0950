/**
 * The routes themselves, each prefix with its adjacency: what the leaf-pushed tree can't say once a longer prefix hides a
 * shorter one, and what must come back when the longer one goes. Writer only; no worker reads this.
 *
 * A binary trie without one-way stretches, one for each VRF and family, so at most twice as many nodes as routes:
 *
 *            0  left · 4 right    where the next bit of the address is 0 / 1; 0: nothing
 *            8  leaf              as in fib.ts: adjacency, prefix length; adjacency 0: a fork without a route of its own
 *    IPv4   12  u32 address                            16 bytes
 *    IPv6   16  u64 high half · 24 u64 low half        32 bytes
 *
 * Addresses are numbers, left-aligned in 128 bits: an IPv4 address is the upper half of `high`. Only the first `length`
 * bits of a node's address mean anything.
 */
import { ADJACENCY_SHIFT, FIELD_SHIFT } from "./fib";
import { ORDER_ROUTE4, ORDER_ROUTE6, give, take } from "./fibpages";

const LEFT: usize = 0;
const RIGHT: usize = 4;
const LEAF: usize = 8;
const ADDRESS: usize = 12;
const HIGH: usize = 16;
const LOW: usize = 24;

export const ROUTE_FULL: u32 = 0;
export const ROUTE_NEW: u32 = 1;
export const ROUTE_REPLACED: u32 = 2;

/** After routeRemove: leaf of the next shorter route that covers the prefix; 0: none. */
export let routeCover: u32 = 0;

/** A leaf of fib.ts. */
// @ts-ignore: decorator
@inline
export function leafOf(adjacency: u32, length: u32): u32 {
  return (adjacency << ADJACENCY_SHIFT) | (length << FIELD_SHIFT);
}

/** Prefix length of a leaf. */
// @ts-ignore: decorator
@inline
export function lengthOf(leaf: u32): u32 {
  return (leaf >> FIELD_SHIFT) & 255;
}

function highOf(node: usize, six: bool): u64 {
  return six ? load<u64>(node, HIGH) : (<u64>load<u32>(node, ADDRESS)) << 32;
}

/** Leading bits that a node has in common with an address, at most 128. */
function common(node: usize, six: bool, high: u64, low: u64): u32 {
  const differs = highOf(node, six) ^ high;
  if (differs) return <u32>clz(differs);
  if (!six) return 64;
  const below = load<u64>(node, LOW) ^ low;
  return below ? 64 + <u32>clz(below) : 128;
}

/** Offset of the child for bit `at` of the address (at ≤ 127). */
function side(high: u64, low: u64, at: u32): usize {
  const bit = at < 64 ? high >> (63 - at) : low >> (127 - at);
  return (<usize>(bit & 1)) << 2;
}

function node(six: bool, high: u64, low: u64, leaf: u32): usize {
  const made = take(six ? ORDER_ROUTE6 : ORDER_ROUTE4);
  if (!made) return 0;
  store<u64>(made, 0, LEFT);
  store<u32>(made, leaf, LEAF);
  if (six) {
    store<u64>(made, high, HIGH);
    store<u64>(made, low, LOW);
  } else store<u32>(made, <u32>(high >> 32), ADDRESS);
  return made;
}

/**
 * Keeps a route: `leaf` carries its length and adjacency.
 * @param root address of the trie's root.
 * @returns ROUTE_NEW, ROUTE_REPLACED, or ROUTE_FULL: then nothing has changed.
 */
export function routeSet(root: usize, six: bool, high: u64, low: u64, leaf: u32): u32 {
  const length = lengthOf(leaf);
  let link = root;
  let at: usize = load<u32>(link);
  while (at) {
    const reach = lengthOf(load<u32>(at, LEAF));
    const same = min(common(at, six, high, low), length);
    if (same < reach) break;
    if (length == reach) {
      const fork = load<u32>(at, LEAF) >> ADJACENCY_SHIFT == 0;
      store<u32>(at, leaf, LEAF);
      return fork ? ROUTE_NEW : ROUTE_REPLACED;
    }
    link = at + side(high, low, reach);
    at = load<u32>(link);
  }
  const made = node(six, high, low, leaf);
  if (!made) return ROUTE_FULL;
  if (at) {
    const same = min(common(at, six, high, low), length);
    const atSide = side(highOf(at, six), six ? load<u64>(at, LOW) : 0, same);
    if (same == length) store<u32>(made + atSide, at);
    else {
      const fork = node(six, high, low, leafOf(0, same));
      if (!fork) {
        give(made);
        return ROUTE_FULL;
      }
      store<u32>(fork + atSide, at);
      store<u32>(fork + (atSide ^ 4), made);
      store<u32>(link, fork);
      return ROUTE_NEW;
    }
  }
  store<u32>(link, made);
  return ROUTE_NEW;
}

/** Forgets a route and leaves in routeCover what takes its place. False: there was no such route. */
export function routeRemove(root: usize, six: bool, high: u64, low: u64, length: u32): bool {
  let above: usize = 0;
  let link = root;
  let at: usize = load<u32>(link);
  let cover: u32 = 0;
  let leaf: u32 = 0;
  for (;;) {
    if (!at) return false;
    leaf = load<u32>(at, LEAF);
    const reach = lengthOf(leaf);
    if (reach > length || common(at, six, high, low) < reach) return false;
    if (reach == length) break;
    if (leaf >> ADJACENCY_SHIFT) cover = leaf;
    above = link;
    link = at + side(high, low, reach);
    at = load<u32>(link);
  }
  if (leaf >> ADJACENCY_SHIFT == 0) return false;
  routeCover = cover;
  const left = load<u32>(at, LEFT);
  const right = load<u32>(at, RIGHT);
  if (left && right) {
    store<u32>(at, leafOf(0, length), LEAF);
    return true;
  }
  store<u32>(link, left | right);
  give(at);
  // A fork that lost one of its two ways is no fork any more.
  if (above && !(left | right)) {
    const fork: usize = load<u32>(above);
    if (load<u32>(fork, LEAF) >> ADJACENCY_SHIFT == 0) {
      store<u32>(above, load<u32>(fork, LEFT) | load<u32>(fork, RIGHT));
      give(fork);
    }
  }
  return true;
}

/** Forgets all routes below a node. */
export function routesForget(at: usize): void {
  if (!at) return;
  routesForget(load<u32>(at, LEFT));
  routesForget(load<u32>(at, RIGHT));
  give(at);
}
