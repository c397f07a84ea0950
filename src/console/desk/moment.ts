/**
 * Events are written a moment after they happen, together with others of the same moment, and with whatever else need not be on the disk
 * at once.
 */
import type { NewEvent } from "../store/events.ts";

export interface Waiting {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly event: NewEvent;
}

/** What the disk does not take is tried again so much later, the newest of it; milliseconds, and events that are kept for that. */
const AGAIN = 10_000;
const MOST = 1000;

/** Events of so many milliseconds share a transaction: ten thousand devices that come back wait for the disk a few times. */
const TOGETHER = 100;

export class Moment {
  readonly #write: (waiting: readonly Waiting[]) => boolean;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param write puts these, and what else waits, on the disk; false: it does not take them. Never throws */
  constructor(write: (waiting: readonly Waiting[]) => boolean) {
    this.#write = write;
  }

  add(one: Waiting): void {
    this.#waiting.push(one);
    this.soon();
  }

  /** There is something to write. */
  soon(): void {
    this.#timer ??= setTimeout(() => this.flush(), TOGETHER);
  }

  /** Writes what waits now. */
  flush(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.#write(waiting)) return;
    this.#waiting = waiting.slice(-MOST);
    this.#timer = setTimeout(() => this.flush(), AGAIN).unref();
  }

  /** Writes what waits now, and nothing any more. */
  close(): void {
    this.flush();
    clearTimeout(this.#timer);
  }
}
