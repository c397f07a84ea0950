/**
 * Goes round many things, each once in a period, a few at a time: ten thousand at once would hold up everything else. Few are visited
 * together, so that an idle router sleeps.
 */

/** Visited without a pause. */
const SHARE = 200;

export class Round<T> {
  readonly #period: number;
  readonly #all: () => readonly T[];
  readonly #visit: (one: T) => void;
  #timer: NodeJS.Timeout | undefined;

  /** `period` in milliseconds; `all`: whom to visit, asked at the beginning of each round. */
  constructor(period: number, all: () => readonly T[], visit: (one: T) => void) {
    this.#period = period;
    this.#all = all;
    this.#visit = visit;
  }

  /** The first round begins after a period. */
  start(): void {
    this.#timer = setTimeout(() => this.#go(this.#all(), 0), this.#period);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #go(all: readonly T[], from: number): void {
    const shares = Math.max(1, Math.ceil(all.length / SHARE));
    const to = from + SHARE;
    this.#timer = setTimeout(
      () => (to < all.length ? this.#go(all, to) : this.#go(this.#all(), 0)),
      this.#period / shares,
    );
    for (const one of all.slice(from, to)) this.#visit(one);
  }
}
