// Anti-replay: RFC 4303 §3.4.3 with the bitmap of RFC 6479, which never shifts.
//
//   T            highest sequence number that verified (SA_SEQUENCE), 64 bits
//   window       T − W + 1 … T, W = REPLAY_WINDOW
//   bitmap       REPLAY_BLOCKS × 64 bits, a ring: sequence number s is bit s mod 64 of block (s / 64) mod REPLAY_BLOCKS. It is
//                longer than the window by more than a block, so a block is cleared before the window gets to it.
//
// A number is looked up before its packet is opened (cheap, saves the AEAD for most replays) and taken after the tag has
// verified; taking looks again, because two copies may stand in one batch.

import { REPLAY_BLOCKS, REPLAY_WINDOW, SA_REPLAY, SA_SEQUENCE } from "./layout/sa";

const WINDOW: u32 = REPLAY_WINDOW;
const BLOCKS: u32 = REPLAY_BLOCKS;

export const TAKEN_ALREADY: u32 = 0;
export const TAKEN: u32 = 1;
/** Taken, and the highest so far. */
export const TAKEN_NEWEST: u32 = 2;

/**
 * The 64-bit sequence number whose low half arrived, with ESN (RFC 4303 App. A2.1). 0, which is never fresh, where it could
 * only lie before the first packet.
 */
export function inferSequence(sa: usize, low: u32): u64 {
  const top = load<u64>(sa, SA_SEQUENCE);
  const topLow = <u32>top;
  const bottomLow = topLow - (WINDOW - 1);
  let high = top >> 32;
  if (topLow >= WINDOW - 1) {
    // Case A: the window lies within one subspace; what is below it belongs to the next.
    if (low < bottomLow) high++;
  } else if (low >= bottomLow) {
    // Case B: the window spans two; this is the tail of the one before.
    if (high == 0) return 0;
    high--;
  }
  return ((high & 0xffffffff) << 32) | (<u64>low);
}

/** May a packet with this number still be accepted? */
export function isFresh(sa: usize, sequence: u64): bool {
  const top = load<u64>(sa, SA_SEQUENCE);
  if (sequence > top) return true;
  if (sequence == 0 || top - sequence >= <u64>WINDOW) return false;
  return (load<u64>(blockOf(sa, sequence)) & ((<u64>1) << (sequence & 63))) == 0;
}

/** Takes the number of a packet whose tag verified: one of TAKEN_*. */
export function take(sa: usize, sequence: u64): u32 {
  if (!isFresh(sa, sequence)) return TAKEN_ALREADY;
  const top = load<u64>(sa, SA_SEQUENCE);
  const newest = sequence > top;
  if (newest) {
    clearBlocks(sa, top >> 6, sequence >> 6);
    // Control reads it while we run; it is stored whole (see drop.ts).
    store<u64>(sa, sequence, SA_SEQUENCE);
  }
  const block = blockOf(sa, sequence);
  store<u64>(block, load<u64>(block) | ((<u64>1) << (sequence & 63)));
  return newest ? TAKEN_NEWEST : TAKEN;
}

/** Clears the blocks that the window moves into: after the old top's, up to the new top's. */
function clearBlocks(sa: usize, from: u64, to: u64): void {
  let steps = to - from;
  if (steps > <u64>BLOCKS) steps = BLOCKS;
  for (; steps > 0; steps--) store<u64>(blockOf(sa, (to - steps + 1) << 6), 0);
}

// @ts-ignore: decorator
@inline
function blockOf(sa: usize, sequence: u64): usize {
  return sa + SA_REPLAY + (((<usize>(sequence >> 6)) & (BLOCKS - 1)) << 3);
}
