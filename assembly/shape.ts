// The bucket of a shaped tunnel, shared by all workers: the generic cell rate algorithm (ITU-T I.371) on bytes. One word says when
// all that was sent so far would be through at the tunnel's rate; a packet may go while that is no more than the burst ahead of the
// clock, and pushes it on by the time that its bytes take. So a packet costs one compare-and-swap, and the rate holds however many
// workers send, and however late one of them looks.

import { ADJ_ID, ADJ_SHAPE } from "./layout/nexthop";
import {
  PART_PASSED,
  PART_PASSED_BYTES,
  SHAPER_CLOCK,
  SHAPE_BURST,
  SHAPE_COST,
  SHAPE_COST_SHIFT,
  SHAPE_HEAD,
  SHAPE_PART,
  SHAPE_THROUGH,
  TICKS_PER_NS,
} from "./layout/shaper";
import { shaper, shapeStride, shapesBase, worker } from "./state";

/** The shape at hand, and this worker's part of it. */
export let shape: usize = 0;
export let part: usize = 0;

/** Is what goes into this tunnel held to a rate? */
// @ts-ignore: decorator
@inline
export function isShaped(adjacency: usize): bool {
  return atomic.load<u32>(adjacency + ADJ_SHAPE) != 0;
}

/** Index of the tunnel's own adjacency: its further next hops (zones) share its shape. */
// @ts-ignore: decorator
@inline
export function ownIndex(adjacency: usize): u32 {
  return load<u32>(adjacency, ADJ_ID);
}

/** Makes the shape of the adjacency of this index the one at hand. */
export function takeShape(index: u32): void {
  shape = shapesBase + index * shapeStride;
  part = partOf(worker);
}

/** A worker's part of the shape at hand. */
// @ts-ignore: decorator
@inline
export function partOf(ofWorker: u32): usize {
  return shape + SHAPE_HEAD + ofWorker * SHAPE_PART;
}

/** The clock of this batch, ticks. */
// @ts-ignore: decorator
@inline
export function clock(): u64 {
  return <u64>(load<f64>(shaper, SHAPER_CLOCK) * TICKS_PER_NS);
}

/** Ticks that so many bytes take. */
// @ts-ignore: decorator
@inline
export function ticksOf(bytes: u32): u64 {
  return (<u64>bytes * load<u64>(shape, SHAPE_COST)) >> SHAPE_COST_SHIFT;
}

/** The earliest time at which a packet may go, where `through` is when the ones before it would be through. */
// @ts-ignore: decorator
@inline
export function opensAt(through: u64): u64 {
  const burst = load<u64>(shape, SHAPE_BURST);
  return through > burst ? through - burst : 0;
}

// @ts-ignore: decorator
@inline
export function through(): u64 {
  return atomic.load<u64>(shape + SHAPE_THROUGH);
}

/** May a packet go at `now`? */
// @ts-ignore: decorator
@inline
export function isOpen(now: u64): bool {
  return opensAt(through()) <= now;
}

/** Of packets of at most `bytes` each, how many may go at `now`, at most `wanted`? The last may go beyond the burst, as a single one may. */
export function openFor(now: u64, wanted: u32, bytes: u32): u32 {
  const at = max(through(), now);
  const limit = now + load<u64>(shape, SHAPE_BURST);
  if (at > limit) return 0;
  const each = ticksOf(bytes);
  return each == 0 ? wanted : <u32>min<u64>(wanted, (limit - at) / each + 1);
}

/** Pays for `bytes`; the tunnel was idle until `since` at the latest: what it could have sent before is lost. */
export function pay(bytes: u32, since: u64): void {
  const cost = ticksOf(bytes);
  let before = through();
  for (;;) {
    const found = atomic.cmpxchg<u64>(shape + SHAPE_THROUGH, before, max(before, since) + cost);
    if (found == before) return;
    before = found;
  }
}

/** Counts packets that went on (plain stores: see drop.ts). */
export function countPassed(packets: u32, bytes: u32): void {
  store<u64>(part, load<u64>(part, PART_PASSED) + <u64>packets, PART_PASSED);
  store<u64>(part, load<u64>(part, PART_PASSED_BYTES) + <u64>bytes, PART_PASSED_BYTES);
}

/** One more of a counter of this worker's part, PART_*. */
// @ts-ignore: decorator
@inline
export function raise(counter: usize): void {
  store<u64>(part + counter, load<u64>(part + counter) + 1);
}
