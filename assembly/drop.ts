// One rule for every packet that goes no further: it is dropped for a reason, and the reason is counted.

import { W_COUNTERS } from "./layout/arena";
import { arena } from "./state";

/** Counts an event (COUNT_* of counters). */
// @ts-ignore: decorator
@inline
export function count(counter: u32): void {
  const at = arena + W_COUNTERS + ((<usize>counter) << 3);
  // The worker is the only writer. An aligned 8-byte store is whole on the 64-bit machines that we run on, so the control
  // thread never reads half a number; an atomic one would also wait for all stores before it, for each packet several times.
  store<u64>(at, load<u64>(at) + 1);
}

/** Counts `times` events at once. */
export function countBy(counter: u32, times: u32): void {
  const at = arena + W_COUNTERS + ((<usize>counter) << 3);
  store<u64>(at, load<u64>(at) + <u64>times);
}

/** Drops the packet at hand for this reason (DROP_* of counters). */
export function drop(reason: u32): void {
  count(reason);
}
