/**
 * Last answers of IKE SAs that are gone. A peer that did not hear one asks again; without this it would wait in vain for the
 * answer to its DELETE. Holds no keys: the question must be the same, byte by byte, and the answer is sent as it was.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { equal } from "./suite/index.ts";

export interface LastAnswer {
  /** SHA-256 of the request, or of its first fragment. */
  readonly digest: Uint8Array;
  /** The datagrams of the answer. */
  readonly answer: readonly Uint8Array[];
}

export function digestOf(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

export class Linger {
  readonly #limit: number;
  readonly #lifetime: number;
  /** By our SPI, oldest first. */
  readonly #answers = new Map<bigint, LastAnswer & { readonly until: number }>();

  /** At most `limit` answers, each for `lifetime` ms. */
  constructor(limit: number, lifetime: number) {
    this.#limit = limit;
    this.#lifetime = lifetime;
  }

  get size(): number {
    return this.#answers.size;
  }

  keep(spi: bigint, last: LastAnswer, now: number): void {
    this.#answers.set(spi, { ...last, until: now + this.#lifetime });
    for (const [oldest, { until }] of this.#answers) {
      if (until > now && this.#answers.size <= this.#limit) return;
      this.#answers.delete(oldest);
    }
  }

  /** Has an IKE SA with our SPI `spi` ended lately? */
  has(spi: bigint, now: number): boolean {
    const kept = this.#answers.get(spi);
    return kept !== undefined && kept.until > now;
  }

  /** The answer to this request of the IKE SA that had our SPI `spi`. */
  find(spi: bigint, request: Uint8Array, now: number): readonly Uint8Array[] | undefined {
    const kept = this.#answers.get(spi);
    if (kept === undefined) return undefined;
    if (kept.until <= now) {
      this.#answers.delete(spi);
      return undefined;
    }
    return equal(kept.digest, digestOf(request)) ? kept.answer : undefined;
  }
}
