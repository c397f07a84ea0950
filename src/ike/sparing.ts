/**
 * How much is said unasked for: so much per second at all, and so much to one address, however many addresses strangers write into their
 * packets. What is kept is bounded.
 */
import { Bucket } from "./bucket.ts";

export interface Allowance {
  readonly perSecond: number;
  readonly burst: number;
}

export class Sparing {
  readonly #all: Bucket;
  readonly #each: Allowance;
  readonly #limit: number;
  /** By address, the one that was served last at the end. */
  readonly #byAddress = new Map<string, Bucket>();

  /**
   * `all` for everybody, `each` for one address. An address is forgotten when what it has taken has long been filled up again, so that
   * forgetting gives nobody more.
   */
  constructor(all: Allowance, each: Allowance) {
    this.#all = new Bucket(all.perSecond, all.burst);
    this.#each = each;
    this.#limit = Math.ceil(all.burst + (all.perSecond * each.burst) / each.perSecond) + 1;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#byAddress.size;
  }

  /** May `address` be told one thing more at time `now` (ms)? */
  take(address: Uint8Array, now: number): boolean {
    const key = Buffer.from(address).toString("latin1");
    const bucket = this.#byAddress.get(key) ?? new Bucket(this.#each.perSecond, this.#each.burst);
    if (!bucket.has(now) || !this.#all.take(now)) return false;
    bucket.take(now);
    this.#byAddress.delete(key);
    this.#byAddress.set(key, bucket);
    if (this.#byAddress.size > this.#limit) {
      const [oldest] = this.#byAddress.keys();
      this.#byAddress.delete(oldest);
    }
    return true;
  }
}
