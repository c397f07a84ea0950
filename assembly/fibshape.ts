/**
 * Which nodes serve eight bits of the address: the writer changes them where routes come and go. The new shape is filled aside,
 * answers the same, and is linked by one store. Making things wider or straighter only saves time or space: where there is no
 * room for it, the tree stays as it is.
 *
 *    one way           straight ─────────────────────→ next        (IPv6 only: IPv4 is never more than 32 bits deep)
 *
 *                           part ↓  ↑ straighten
 *
 *    a few ways        4-bit ─┬→ 4-bit ─┬→ next         (upper one at a depth of 8·i)
 *                             └→ 4-bit ─┴→ next
 *
 *                        thicken ↓  ↑ thin
 *
 *    many ways         8-bit ───┬┬┬┬┬┬┬→ next
 */
import { NODE, STRAIGHT_BITS } from "./fib";
import {
  drop,
  isStraight,
  kindOf,
  make,
  makeSlots,
  makeStraight,
  nodeOf,
  slotOf,
  spanOf,
  spread,
  uniform,
  unmake,
} from "./fibnode";
import { lengthOf } from "./fibroutes";

/**
 * Makes room for a prefix that does not run along the whole of the straight node at `link`: the eight bits in which it leaves
 * become 4-bit nodes, between what is left of the straight node above and below.
 *
 *    straight ─────────── n ──────────→ next    becomes    straight ─ b ─→ 4-bit → 4-bit → straight ─ n−b−8 ─→ next
 *
 * @param rest the prefix from the node's depth on, left-aligned. @param left its bits from there on.
 * @returns false: the region is full and nothing has changed.
 */
export function part(link: usize, rest: u64, left: u32): bool {
  const word = load<u32>(link);
  const node = nodeOf(word);
  const length = spanOf(word);
  const along = slotOf(word, rest) != node;
  if (along && (left == length || (left > length && (length & 7) == 0))) return true;
  const same = along ? length : <u32>clz(rest ^ load<u64>(node, STRAIGHT_BITS));
  return partAt(link, min(same, left - 1) & ~7);
}

/** The eight bits of the straight node at `link` that begin at its bit `at` (a multiple of 8) become 4-bit nodes. */
export function partAt(link: usize, at: u32): bool {
  const word = load<u32>(link);
  const aside = load<u32>(nodeOf(word));
  const next = load<u32>(nodeOf(word), 4);
  const bits = load<u64>(nodeOf(word), STRAIGHT_BITS);
  const left = spanOf(word) - at;
  const eight = <u32>((bits << at) >> 56);
  let far: u32 = 0;
  let lower: u32 = 0;
  let upper: u32 = 0;
  let top: u32 = 0;
  if (left > 8) far = makeStraight(aside, next, left - 8, bits << (at + 8));
  if (left > 4 && (far || left <= 8)) {
    lower = makeSlots(4, aside, eight & 15, left < 8 ? 1 << (8 - left) : 1, far ? far : next);
  }
  if (lower || left <= 4) {
    top = upper = makeSlots(4, aside, eight >> 4, left < 4 ? 1 << (4 - left) : 1, lower ? lower : next);
  }
  if (upper && at) top = makeStraight(aside, upper, at, bits);
  if (!top) {
    if (far) unmake(far);
    if (lower) unmake(lower);
    if (upper) unmake(upper);
    return false;
  }
  atomic.store<u32>(link, top);
  drop(word);
  return true;
}

/** What onlyWay found: first slot of the way, and the word in it. */
let waySlot: u32 = 0;
let wayWord: u32 = 0;

/**
 * Whether a 4-bit node that ends at depth `end` knows but one thing besides `aside`: a node, or the leaf of one prefix. (Two
 * prefixes of one length with one next hop hold equal leaves, but in more slots than one prefix has.)
 */
function onlyWay(word: u32, end: u32, aside: u32): bool {
  let count: u32 = 0;
  for (let i: u32 = 0; i < 16; i++) {
    const entry = load<u32>(nodeOf(word) + (i << 2));
    if (entry == aside) continue;
    if (count++ == 0) {
      waySlot = i;
      wayWord = entry;
    } else if (entry != wayWord) return false;
  }
  return wayWord & NODE ? count == 1 : count == 1 << (end - lengthOf(wayWord));
}

/**
 * The 4-bit node at `link` (depth 8·i) becomes a straight node when only one way is left in its eight bits, together
 * with the straight nodes that it lies between.
 * @param above address of the word that names the node which holds `link`; 0: none.
 */
export function straighten(link: usize, depth: u32, above: usize): void {
  const upper = load<u32>(link);
  if (kindOf(upper) != 4) return;
  let aside: u32 = NODE;
  for (let i: u32 = 0; i < 16; i++) {
    const entry = load<u32>(nodeOf(upper) + (i << 2));
    if (!(entry & NODE) && lengthOf(entry) <= depth) aside = entry;
  }
  if (aside == NODE || !onlyWay(upper, depth + 4, aside)) return;
  let bits: u64 = (<u64>waySlot) << 60;
  let next = wayWord;
  let lower: u32 = 0;
  let far: u32 = 0;
  let length: u32 = lengthOf(next) - depth;
  if (next & NODE) {
    lower = next;
    if (!onlyWay(lower, depth + 8, aside)) return;
    bits |= (<u64>waySlot) << 56;
    next = wayWord;
    length = next & NODE ? 8 : lengthOf(next) - depth;
    // No straight node reaches across bit 64.
    if (isStraight(next) && ((depth + 8) & 63) != 0 && load<u32>(nodeOf(next)) == aside) {
      far = next;
      bits |= load<u64>(nodeOf(far), STRAIGHT_BITS) >> 8;
      length += spanOf(far);
      next = load<u32>(nodeOf(far), 4);
    }
  }
  let near: u32 = above ? load<u32>(above) : 0;
  if (isStraight(near) && (depth & 63) != 0 && load<u32>(nodeOf(near)) == aside) {
    bits = load<u64>(nodeOf(near), STRAIGHT_BITS) | (bits >> spanOf(near));
    length += spanOf(near);
    link = above;
  } else near = 0;
  // A lone 4-bit node with a prefix in it takes no more space and is quicker to walk.
  if (!lower && !near) return;
  const made = makeStraight(aside, next, length, bits);
  if (!made) return;
  atomic.store<u32>(link, made);
  drop(upper);
  if (lower) drop(lower);
  if (far) drop(far);
  if (near) drop(near);
}

/** The 4-bit node at `link` (depth 8·i) and its 4-bit children become an 8-bit node when it has `dense` children or more. */
export function thicken(link: usize, dense: u32): void {
  const word = load<u32>(link);
  if (kindOf(word) != 4) return;
  const node = nodeOf(word);
  let children: u32 = 0;
  for (let i: u32 = 0; i < 16; i++) children += load<u32>(node + (i << 2)) & NODE;
  if (children < dense) return;
  const wide = make(8);
  if (!wide) return;
  for (let i: u32 = 0; i < 16; i++) {
    const entry = load<u32>(node + (i << 2));
    const group = nodeOf(wide) + (i << 6);
    if (entry & NODE) memory.copy(group, nodeOf(entry), 64);
    else spread(group, 16, entry);
  }
  atomic.store<u32>(link, wide);
  for (let i: u32 = 0; i < 16; i++) {
    const entry = load<u32>(node + (i << 2));
    if (entry & NODE) drop(entry);
  }
  drop(word);
}

/** The 8-bit node at `link` becomes 4-bit nodes when no more than `sparse` of its groups of 16 slots differ in themselves. */
export function thin(link: usize, depth: u32, sparse: u32): void {
  const word = load<u32>(link);
  if (kindOf(word) != 8) return;
  const node = nodeOf(word);
  let groups: u32 = 0;
  for (let i: u32 = 0; i < 16; i++) {
    if (!uniform(node + (i << 6), 16, depth + 4) && ++groups > sparse) return;
  }
  const top = make(4);
  if (!top) return;
  for (let i: u32 = 0; i < 16; i++) {
    const group = node + (i << 6);
    let entry = load<u32>(group);
    if (!uniform(group, 16, depth + 4)) {
      entry = make(4);
      if (!entry) {
        unmakeFirst(top, i);
        return;
      }
      memory.copy(nodeOf(entry), group, 64);
    }
    store<u32>(nodeOf(top) + (i << 2), entry);
  }
  atomic.store<u32>(link, top);
  drop(word);
}

/** Gives back a node that was never linked, and the nodes that its first `count` slots name. */
export function unmakeFirst(word: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const entry = load<u32>(nodeOf(word) + (i << 2));
    if (entry & NODE) unmake(entry);
  }
  unmake(word);
}

/** Thickens and thins all nodes below `link`: for a table that has become large or small as a whole. */
export function reshape(link: usize, six: bool, depth: u32, dense: u32, sparse: u32): void {
  if ((depth & 7) == 0 && load<u32>(link) & NODE) {
    thin(link, depth, sparse);
    thicken(link, dense);
  }
  const word = load<u32>(link);
  if (!(word & NODE)) return;
  const span = spanOf(word);
  let at = nodeOf(word);
  for (const end = at + (4 << kindOf(word)); at < end; at += 4) reshape(at, six, depth + span, dense, sparse);
  if (six && (depth & 7) == 0) straighten(link, depth, 0);
}
