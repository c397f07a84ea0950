/**
 * FIB lookups of a group of packets, side by side.
 *
 * A lookup by itself (fib.ts) walks until it meets a leaf, and how far that is the processor has to guess: it guesses wrong about once
 * a packet, learns it when the node has come from memory, and what it had begun for the next packets is lost. Here all packets take a
 * step, then all take the next one: what a step waits for was asked for a round ago, and the nodes of all packets are on their way
 * together.
 *
 *   at `group`   FIB_GROUP × u32   word: the root's, in the end the adjacency's index
 *                FIB_GROUP × u32   depth, bits
 *                FIB_GROUP × u64   the address from that depth on, left-aligned
 *                FIB_GROUP × u64   its lower half, until depth 64; an IPv4 address is in the upper half of the upper half
 *                FIB_GROUP × u32   where the next step reads: the slot, or the straight node
 *                u32               a word that nobody reads
 */
import {
  ADJACENCY_SHIFT,
  FIELD_SHIFT,
  NODE,
  NODE_ADDRESS,
  STRAIGHT,
  STRAIGHT_BITS,
  STRAIGHT_LENGTH,
  STRAIGHT_SHIFT,
} from "./fib";
import { AHEAD_GROUP } from "./layout/arena";
import { VRFS, VRF_ROOT4, VRF_ROOT6, VRF_STRIDE } from "./layout/globals";

export const FIB_GROUP: u32 = AHEAD_GROUP;
const DEPTH: usize = AHEAD_GROUP * 4;
const HIGH: usize = AHEAD_GROUP * 8;
const LOW: usize = AHEAD_GROUP * 16;
const NEXT: usize = AHEAD_GROUP * 24;
const TOUCHED: usize = AHEAD_GROUP * 28;

/** Where a walk at `word` reads next; at a leaf it is over, and `home` will do. */
// @ts-ignore: decorator
@inline
function nextOf(word: u32, high: u64, home: usize): usize {
  if (!(word & NODE)) return home;
  const bits = (word >> FIELD_SHIFT) & 31;
  const node = <usize>(word & NODE_ADDRESS);
  return bits == STRAIGHT ? node : node + ((<usize>(high >> (64 - bits))) << 2);
}

/** Makes lookup `i` of the group one of an IPv4 address (a number) in `vrf`. */
// @ts-ignore: decorator
@inline
export function fibAsk4(group: usize, i: u32, vrf: u32, address: u32): void {
  begin(group, i, atomic.load<u32>(VRFS + vrf * VRF_STRIDE + VRF_ROOT4), (<u64>address) << 32);
}

/** The same of an IPv6 address, whose halves are numbers. */
// @ts-ignore: decorator
@inline
export function fibAsk6(group: usize, i: u32, vrf: u32, high: u64, low: u64): void {
  begin(group, i, atomic.load<u32>(VRFS + vrf * VRF_STRIDE + VRF_ROOT6), high);
  store<u64>(group + (i << 3), low, LOW);
}

// @ts-ignore: decorator
@inline
function begin(group: usize, i: u32, root: u32, high: u64): void {
  const at = group + (i << 2);
  store<u32>(at, root);
  store<u32>(at, 0, DEPTH);
  store<u32>(at, <u32>nextOf(root, high, at), NEXT);
  store<u64>(group + (i << 3), high, HIGH);
}

/** Answers the first `count` lookups of the group, at most FIB_GROUP. */
export function fibAnswer(group: usize, count: u32): void {
  const end = group + (count << 2);
  for (let open = NODE; open;) {
    open = 0;
    let sum: u32 = 0;
    for (let at = group; at < end; at += 4) sum += load<u32>(load<u32>(at, NEXT));
    store<u32>(group, sum, TOUCHED);
    for (let at = group, wide = group; at < end; at += 4, wide += 8) {
      const word = load<u32>(at);
      if (!(word & NODE)) continue;
      let high = load<u64>(wide, HIGH);
      let slot = <usize>load<u32>(at, NEXT);
      let bits = (word >> FIELD_SHIFT) & 31;
      if (bits == STRAIGHT) {
        const aside = (high ^ load<u64>(slot, STRAIGHT_BITS)) >> load<u32>(slot, STRAIGHT_SHIFT);
        bits = load<u32>(slot, STRAIGHT_LENGTH);
        slot += (<usize>(aside == 0)) << 2;
      }
      const next = load<u32>(slot);
      const depth = load<u32>(at, DEPTH) + bits;
      // No node reaches across bit 64.
      high = depth == 64 ? load<u64>(wide, LOW) : high << bits;
      store<u32>(at, next);
      store<u32>(at, depth, DEPTH);
      store<u32>(at, <u32>nextOf(next, high, at), NEXT);
      store<u64>(wide, high, HIGH);
      open |= next & NODE;
    }
  }
  for (let at = group; at < end; at += 4) store<u32>(at, load<u32>(at) >> ADJACENCY_SHIFT);
}

/** Adjacency that lookup `i` has led to; 0: no route. */
// @ts-ignore: decorator
@inline
export function fibAnswered(group: usize, i: u32): u32 {
  return load<u32>(group + (i << 2));
}
