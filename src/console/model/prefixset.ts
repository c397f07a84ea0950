/** Networks with their owners, sorted, so that those that overlap a given one are found without looking at all. */
import { lastOf, masked, type Prefix, prefixKey } from "./prefix.ts";
import type { Kind } from "./resources.ts";

/** A network that a resource brings along. */
export interface Claim {
  readonly prefix: Prefix;
  /** As it is written in the resource. */
  readonly text: string;
  readonly kind: Kind;
  readonly id: string;
  /** Not withdrawn. */
  readonly published: boolean;
}

/** Adding and removing one of n: a binary search and a move of memory. */
export class PrefixSet {
  readonly #keys: number[] = [];
  readonly #claims: Claim[] = [];

  get size(): number {
    return this.#claims.length;
  }

  /** By address, then shorter first. */
  get claims(): readonly Claim[] {
    return this.#claims;
  }

  add(claim: Claim): void {
    const key = prefixKey(claim.prefix);
    const at = this.#from(key);
    this.#keys.splice(at, 0, key);
    this.#claims.splice(at, 0, claim);
  }

  /** Takes out what this owner claimed with this text. */
  remove(claim: Claim): void {
    const key = prefixKey(claim.prefix);
    for (let at = this.#from(key); this.#keys[at] === key; at++) {
      if (this.#claims[at].id !== claim.id) continue;
      this.#keys.splice(at, 1);
      this.#claims.splice(at, 1);
      return;
    }
  }

  /** Claims on networks that overlap this one. */
  *overlapping(prefix: Prefix): Generator<Claim> {
    for (let length = 0; length < prefix.length; length++) {
      yield* this.#at(prefixKey({ base: masked(prefix.base, length), length }));
    }
    const end = lastOf(prefix) * 64 + 63;
    for (let at = this.#from(prefixKey(prefix)); this.#keys[at] <= end; at++) yield this.#claims[at];
  }

  *#at(key: number): Generator<Claim> {
    for (let at = this.#from(key); this.#keys[at] === key; at++) yield this.#claims[at];
  }

  /** Index of the first key that is not smaller. */
  #from(key: number): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle] < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
