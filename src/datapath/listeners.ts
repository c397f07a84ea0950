/** Listens to the workers' rings for as long as the datapath is open. */

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Ring, RingRecord } from "./ring.ts";

/** Milliseconds for which records of a ring are handled without a pause. */
const SHARE = 5;

export interface ListenersParts {
  /** One for each worker. */
  readonly rings: readonly Ring[];
  /** Carries out one record. */
  readonly handle: (record: RingRecord) => void;
  /** A ring could not be listened to any more. */
  readonly failed: (error: Error) => void;
}

export class Listeners {
  readonly #parts: ListenersParts;
  #over = false;

  constructor(parts: ListenersParts) {
    this.#parts = parts;
  }

  /** Returns at once. */
  start(): void {
    for (const ring of this.#parts.rings) this.#listen(ring).catch((error) => this.#parts.failed(error));
  }

  /** No record is handled any more. */
  stop(): void {
    this.#over = true;
  }

  /** After `stop`, and when the workers have ended: the listeners wake, see that it is over, and end. */
  close(): void {
    for (const ring of this.#parts.rings) ring.wake();
  }

  async #listen(ring: Ring): Promise<void> {
    while (!this.#over) {
      // A flood of IKE messages must not keep timers and the status API from their turn: after each share, they have it.
      const until = performance.now() + SHARE;
      for (let record = ring.take(); record !== undefined; record = ring.take()) {
        try {
          this.#parts.handle(record);
        } catch (error) {
          // The router's own mistake: it must be seen, but the next message must still get through.
          queueMicrotask(() => {
            throw error;
          });
        }
        if (this.#over) return;
        if (performance.now() > until) break;
      }
      await nextTurn();
      await ring.wait();
    }
  }
}
