/**
 * When may the memory of a replaced table entry be used again? When no worker can still hold its address.
 *
 * The writer replaces an entry by one atomic store, then raises the epoch and keeps the old piece here. A worker stores the
 * epoch it read at the top of each batch, and EPOCH_IDLE before it waits. A piece retired at epoch e is free when each
 * worker shows an epoch ≥ e, or idles: its batch then began after the store, and so it read the new entry.
 *
 * The order of a worker's two steps, store the epoch and then read tables, rests on both being sequentially consistent atomics.
 */

import { EPOCH_IDLE, G_EPOCH, W_EPOCH } from "../../assembly/layout.ts";
import { arenaOf, type PlaneMemory } from "./memory.ts";

interface Retired {
  readonly epoch: number;
  readonly free: () => void;
}

/** Milliseconds between looks at pieces that wait; a batch takes less than one. */
const LOOK_AGAIN = 5;

export class Epochs {
  readonly #words: Uint32Array;
  readonly #workers: readonly number[];
  #waiting: Retired[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(memory: PlaneMemory) {
    this.#words = memory.words;
    this.#workers = Array.from(
      { length: memory.regions.arenas.count },
      (_, worker) => (arenaOf(memory.regions, worker) + W_EPOCH) >>> 2,
    );
    for (const word of this.#workers) Atomics.store(this.#words, word, EPOCH_IDLE);
  }

  /** Raises the epoch, after the stores that took something out of use; the epoch to wait for. */
  advance(): number {
    const now = Atomics.load(this.#words, G_EPOCH >>> 2);
    // 0 is no epoch, EPOCH_IDLE means something else.
    const next = now + 1 >= EPOCH_IDLE ? 1 : now + 1;
    Atomics.store(this.#words, G_EPOCH >>> 2, next);
    return next;
  }

  /** Has every worker begun a batch in `epoch` or later, or idles? */
  passed(epoch: number): boolean {
    for (const word of this.#workers) {
      const at = Atomics.load(this.#words, word);
      // Differences are taken modulo 2^32, so the comparison holds when the epoch wraps.
      if (at !== EPOCH_IDLE && ((at - epoch) | 0) < 0) return false;
    }
    return true;
  }

  /** Calls `free` once no worker can hold what the caller just took out of use. */
  retire(free: () => void): void {
    this.#waiting.push({ epoch: this.advance(), free });
    this.reclaim();
  }

  /** Frees what has passed, in the order in which it was retired; the number that still waits. */
  reclaim(): number {
    let freed = 0;
    while (freed < this.#waiting.length && this.passed(this.#waiting[freed].epoch)) freed++;
    if (freed > 0) {
      const ready = this.#waiting.slice(0, freed);
      this.#waiting = this.#waiting.slice(freed);
      for (const piece of ready) piece.free();
    }
    if (this.#waiting.length > 0 && this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.reclaim();
      }, LOOK_AGAIN);
      // Memory to be freed is no reason for the process to live on.
      this.#timer.unref();
    }
    return this.#waiting.length;
  }

  /** Frees all at once: only when no worker runs any more. */
  drain(): void {
    // One that had to be cut off may have left its epoch standing.
    for (const word of this.#workers) Atomics.store(this.#words, word, EPOCH_IDLE);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const all = this.#waiting;
    this.#waiting = [];
    for (const piece of all) piece.free();
  }
}
