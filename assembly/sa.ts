// SA slots: finding the one of an SPI, taking a sequence number, keeping its traffic counters.

import { W_NOW } from "./layout/arena";
import { G_SA_REACH } from "./layout/globals";
import {
  SA_BYTES,
  SA_IN,
  SA_LAST,
  SA_OUT,
  SA_PACKETS,
  SA_SEQUENCE,
  SA_SEQUENCE_LIMIT,
  SA_SPI,
  SA_STATE,
  SA_STRIDE,
} from "./layout/sa";
import { arena, saBase, worker, workers } from "./state";

/** The inbound SA of an SPI (a number), or 0. We handed the SPI out, so its low half is the slot: one load and one compare. */
export function inboundSa(spi: u32): usize {
  const index = spi & 0xffff;
  if (index >= atomic.load<u32>(G_SA_REACH)) return 0;
  const sa = saBase + index * SA_STRIDE;
  return load<u32>(sa, SA_SPI) == spi && atomic.load<u32>(sa + SA_STATE) == SA_IN ? sa : 0;
}

/**
 * Does the inbound SA of this SPI belong to this worker? Its slot's index modulo the number of workers says whose it is, and the
 * kernel's selector brings a datagram there by the same rule (src/linux/reuseport). Only that worker touches the replay window.
 */
// @ts-ignore: decorator
@inline
export function isOurs(spi: u32): bool {
  return workers == 1 || (spi & 0xffff) % workers == worker;
}

/** Is this a slot that seals? Control may have begun to take it down since the child list was read. */
// @ts-ignore: decorator
@inline
export function isOutbound(sa: usize): bool {
  return atomic.load<u32>(sa + SA_STATE) == SA_OUT;
}

/** Index of a slot. */
export function slotIndex(sa: usize): u32 {
  return <u32>(sa - saBase) / SA_STRIDE;
}

/** How many of the sequence numbers that were asked for last there are: fewer where the SA has no more left. */
export let sequencesTaken: u32 = 0;

/**
 * Takes `wanted` sequence numbers of an outbound SA that follow each other; the first, and `sequencesTaken`. None where it has
 * none left: the counter never wraps (RFC 4303 §3.3.3), and as it is the nonce, no number is ever given out twice. Several
 * workers may share the SA, so the step is atomic.
 */
export function takeSequences(sa: usize, wanted: u32): u64 {
  const limit = load<u64>(sa, SA_SEQUENCE_LIMIT);
  sequencesTaken = 0;
  // Asked first, so that the counter stays near its limit however long the packets keep coming.
  if (atomic.load<u64>(sa + SA_SEQUENCE) >= limit) return 0;
  const last = atomic.add<u64>(sa + SA_SEQUENCE, wanted);
  if (last < limit) sequencesTaken = <u32>min<u64>(wanted, limit - last);
  return last + 1;
}

/** Counts packets that were sealed, and their inner bytes; several workers may do so at once. */
export function countSealed(sa: usize, packets: u32, bytes: u32): void {
  atomic.add<u64>(sa + SA_PACKETS, packets);
  atomic.add<u64>(sa + SA_BYTES, bytes);
  touch(sa);
}

/** Counts a packet that was opened and accepted; an inbound SA belongs to one worker (plain stores: see drop.ts). */
export function countOpened(sa: usize, bytes: u32): void {
  store<u64>(sa, load<u64>(sa, SA_PACKETS) + 1, SA_PACKETS);
  store<u64>(sa, load<u64>(sa, SA_BYTES) + <u64>bytes, SA_BYTES);
  touch(sa);
}

/** The time is a f64; its bits are stored at once. */
// @ts-ignore: decorator
@inline
function touch(sa: usize): void {
  store<u64>(sa, load<u64>(arena, W_NOW), SA_LAST);
}
