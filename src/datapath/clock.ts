/** The clock of the fast path: the machine's monotonic one. The time of day may be set while flows are open, and must not end them. */

/** Nanoseconds of a millisecond. */
const MS = 1e6;

/** Milliseconds between the monotonic clock and this thread's own, whose zero is the thread's start. */
const offset = Number(process.hrtime.bigint()) / MS - performance.now();

/** Milliseconds of the monotonic clock, with a fraction: the same for all threads. */
export function monotonic(): number {
  return performance.now() + offset;
}
