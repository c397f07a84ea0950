/** How long to wait before the next try: twice as long each time, and never quite the same, so that many devices do not come at once. */

export class Backoff {
  readonly #first: number;
  readonly #longest: number;
  readonly #random: () => number;
  #tries = 0;

  /** Milliseconds. `random`: 0 to 1. */
  constructor(first: number, longest: number, random: () => number = Math.random) {
    this.#first = first;
    this.#longest = longest;
    this.#random = random;
  }

  /** Milliseconds, between half of the step and all of it. */
  next(): number {
    const step = Math.min(this.#longest, this.#first * 2 ** this.#tries);
    if (step < this.#longest) this.#tries++;
    return step * (0.5 + this.#random() / 2);
  }

  /** The longest wait is next: trying soon is of no use. */
  exhaust(): void {
    this.#tries = Math.ceil(Math.log2(this.#longest / this.#first));
  }

  reset(): void {
    this.#tries = 0;
  }
}
