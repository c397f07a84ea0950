/**
 * Tries at a secret, counted by who tries or what is tried: after so many in a row, the next ones must wait. In memory, and never more than
 * so much of it; a key that stands for nothing that exists is counted as any other.
 */

export interface TriesLimits {
  /** Tries in a window that are let through. */
  readonly most: number;
  /** Length of the window, and of the pause after too many tries; milliseconds. */
  readonly window: number;
  /** Keys that are remembered; the one that was quiet longest is forgotten first. */
  readonly keys: number;
}

interface Count {
  tries: number;
  since: number;
  last: number;
}

export class Tries {
  readonly #limits: TriesLimits;
  readonly #counts = new Map<string, Count>();

  constructor(limits: TriesLimits) {
    this.#limits = limits;
  }

  /** Milliseconds that this key still has to wait; 0: none. */
  wait(key: string, now: number): number {
    const count = this.#counts.get(key);
    if (!count || count.tries < this.#limits.most) return 0;
    // A clock that was set back makes nobody wait for longer than the pause.
    count.last = Math.min(count.last, now);
    return Math.max(0, count.last + this.#limits.window - now);
  }

  /**
   * One more. Where an answer takes time it counts when it begins, so that many at once count too, and is taken back when it was good; else
   * when it has failed. Gives how many there are in the window: `most` is the one after which the key must wait.
   */
  count(key: string, now: number): number {
    const known = this.#counts.get(key);
    const { most, window, keys } = this.#limits;
    if (known) known.since = Math.min(known.since, now);
    const over = !known || now - (known.tries >= most ? known.last : known.since) >= window;
    const count = over ? { tries: 0, since: now, last: now } : known;
    count.tries++;
    count.last = now;
    this.#counts.delete(key);
    this.#counts.set(key, count);
    if (this.#counts.size > keys) this.#counts.delete(this.#counts.keys().next().value as string);
    return count.tries;
  }

  /** The try was good, and shall not have counted. */
  uncount(key: string): void {
    const count = this.#counts.get(key);
    if (count) count.tries--;
  }

  /** The try was good, and so are those before it. */
  forget(key: string): void {
    this.#counts.delete(key);
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#counts.size;
  }
}
