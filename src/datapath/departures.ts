/**
 * The worker's loop and the packets that wait in its shaper (assembly/shaper): tells the fast path the time, ends a wait when the
 * next of them may leave, and lets them leave.
 *
 * Whole milliseconds are enough, which epoll_wait counts in: a bucket may be some milliseconds ahead of its rate, so what comes due
 * within one leaves together, and nothing of the rate is lost. A finer timer would only make more and smaller rounds.
 */

import { SHAPER_CLOCK, SHAPER_DUE, SHAPER_LINES_USED, W_NOW, W_OP_COUNT } from "../../assembly/layout.ts";
import { monotonic } from "./clock.ts";
import { arenaOf, type PlaneMemory, shaperOf } from "./memory.ts";
import type { FastPath } from "./module.ts";

/** Nanoseconds of a millisecond. */
const MS = 1e6;

export class Departures {
  readonly #fast: FastPath;
  readonly #flush: () => void;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  readonly #lines: number;
  readonly #clock: number;
  readonly #now: number;
  readonly #due: number;
  readonly #ops: number;
  /** No region for packets that wait: nothing can be shaped. */
  readonly #off: boolean;

  constructor(memory: PlaneMemory, worker: number, fast: FastPath, flush: () => void) {
    const shaper = shaperOf(memory.regions, worker);
    this.#fast = fast;
    this.#flush = flush;
    this.#words = memory.words;
    this.#doubles = new Float64Array(memory.memory.buffer);
    this.#off = memory.regions.shapers.size === 0;
    this.#lines = (shaper + SHAPER_LINES_USED) >>> 2;
    this.#clock = (shaper + SHAPER_CLOCK) >>> 3;
    this.#due = (shaper + SHAPER_DUE) >>> 3;
    const arena = arenaOf(memory.regions, worker);
    this.#now = (arena + W_NOW) >>> 3;
    this.#ops = (arena + W_OP_COUNT) >>> 2;
  }

  /** Does any packet wait? */
  get waiting(): boolean {
    return !this.#off && this.#words[this.#lines] !== 0;
  }

  /** Milliseconds until the next packet may leave, rounded up, at most `most`. */
  wait(most: number): number {
    if (!this.waiting) return most;
    const left = this.#doubles[this.#due] / MS - monotonic();
    return left <= 0 ? 0 : Math.min(most, Math.ceil(left));
  }

  /** Tells the fast path the time; gives it, milliseconds of the monotonic clock: the same for all workers. */
  tell(): number {
    const now = monotonic();
    this.#doubles[this.#now] = now;
    if (!this.#off) this.#doubles[this.#clock] = now * MS;
    return now;
  }

  /** A rate has changed: all that waits is looked at anew. */
  reshape(): void {
    if (!this.#off) this.#fast.reshape();
  }

  /** Lets go what is due. Only while packets wait. */
  run(): void {
    this.tell();
    if (this.#doubles[this.#due] > this.#doubles[this.#clock]) return;
    let more: boolean;
    do {
      more = Boolean(this.#fast.depart());
      const seals = this.#words[this.#ops];
      if (seals !== 0) this.#fast.seal(seals);
      this.#flush();
    } while (more);
  }
}
