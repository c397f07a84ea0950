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
import { AHEAD_GROUP, VRFS, VRF_ROOT4, VRF_ROOT6, VRF_STRIDE } from "./layout";

export const FIB_GROUP: u32 = AHEAD_GROUP;
const DEPTH: usize = AHEAD_GROUP * 4;
const HIGH: usize = AHEAD_GROUP * 8;
const LOW: usize = AHEAD_GROUP * 16;
/** Bytes at `group`. */
export const FIB_GROUP_SIZE: usize = AHEAD_GROUP * 24;

/** Makes lookup `i` of the group one of an IPv4 address (a number) in `vrf`. */
// @ts-ignore: decorator
@inline
export function fibAsk4(group: usize, i: u32, vrf: u32, address: u32): void {
  const at = group + (i << 2);
  store<u32>(at, atomic.load<u32>(VRFS + vrf * VRF_STRIDE + VRF_ROOT4));
  store<u32>(at, 0, DEPTH);
  store<u64>(group + (i << 3), (<u64>address) << 32, HIGH);
}

/** The same of an IPv6 address, whose halves are numbers. */
// @ts-ignore: decorator
@inline
export function fibAsk6(group: usize, i: u32, vrf: u32, high: u64, low: u64): void {
  const at = group + (i << 2);
  store<u32>(at, atomic.load<u32>(VRFS + vrf * VRF_STRIDE + VRF_ROOT6));
  store<u32>(at, 0, DEPTH);
  store<u64>(group + (i << 3), high, HIGH);
  store<u64>(group + (i << 3), low, LOW);
}

/** Answers the first `count` lookups of the group, at most FIB_GROUP. */
export function fibAnswer(group: usize, count: u32): void {
  const end = group + (count << 2);
  for (let open = NODE; open;) {
    open = 0;
    for (let at = group, wide = group; at < end; at += 4, wide += 8) {
      const word = load<u32>(at);
      if (!(word & NODE)) continue;
      const high = load<u64>(wide, HIGH);
      const node = word & NODE_ADDRESS;
      let bits = (word >> FIELD_SHIFT) & 31;
      let slot: usize;
      if (bits == STRAIGHT) {
        const aside = (high ^ load<u64>(node, STRAIGHT_BITS)) >> load<u32>(node, STRAIGHT_SHIFT);
        slot = node + ((<usize>(aside == 0)) << 2);
        bits = load<u32>(node, STRAIGHT_LENGTH);
      } else slot = node + ((<usize>(high >> (64 - bits))) << 2);
      const next = load<u32>(slot);
      const depth = load<u32>(at, DEPTH) + bits;
      store<u32>(at, next);
      store<u32>(at, depth, DEPTH);
      // No node reaches across bit 64.
      store<u64>(wide, depth == 64 ? load<u64>(wide, LOW) : high << bits, HIGH);
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
