/** A token bucket: so many at once, so many per second over time. Limits what we say to strangers. */
export class Bucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filled = 0;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Is a token left at time `now` (ms)? */
  has(now: number): boolean {
    const gained = (Math.max(0, now - this.#filled) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#burst, this.#tokens + gained);
    this.#filled = now;
    return this.#tokens >= 1;
  }

  /** Takes one token at time `now` (ms); false: none is left. */
  take(now: number): boolean {
    if (!this.has(now)) return false;
    this.#tokens -= 1;
    return true;
  }
}
