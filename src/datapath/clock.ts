/** The clock of the fast path: the machine's monotonic one. The time of day may be set while flows are open, and must not end them. */

/** Nanoseconds of a millisecond. */
const MS = 1e6;

/** How often the two clocks are compared, to find a moment in which this thread kept its CPU. */
const TRIES = 16;
/** Close enough, milliseconds: as long as the readings themselves take. */
const CLOSE = 0.005;

/**
 * What `there` is ahead of `here`, both in milliseconds. It is read between two readings of `here`: a thread that loses its CPU in between
 * would else be wrong by as long for all its life. Of several tries the one that took least counts.
 */
export function ahead(there: () => number, here: () => number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES && least > CLOSE; tries++) {
    const before = here();
    const then = there();
    const after = here();
    if (after - before >= least) continue;
    least = after - before;
    best = then - (before + after) / 2;
  }
  return best;
}

/** Milliseconds between the monotonic clock and this thread's own, whose zero is the thread's start. */
const offset = ahead(
  () => Number(process.hrtime.bigint()) / MS,
  () => performance.now(),
);

/** Milliseconds of the monotonic clock, with a fraction: the same for all threads. */
export function monotonic(): number {
  return performance.now() + offset;
}
