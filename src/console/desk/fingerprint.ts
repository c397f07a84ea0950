/**
 * A fingerprint of a router's parts that follows changes at the price of what changed: the sum, modulo 2^48, of the beginnings of a SHA-256
 * of each part's key and hash. It tells whether a program that starts compiles the stored intent to what its forerunner compiled; it guards
 * against accidents, not against forgers. What agents trust is the signed root hash (protocol/parts.ts), of the same hashes of parts.
 */
import { hash } from "node:crypto";
import type { Parts, PartsDelta } from "../../protocol/parts.ts";
import { sharedHash } from "../../protocol/shared.ts";

const MODULUS = 2 ** 48;

export class Fingerprint {
  readonly #digests = new Map<string, number>();
  #sum = 0;

  constructor(parts: Parts) {
    for (const [key, part] of parts) this.#add(key, part);
  }

  /** 0 … 2^48 - 1; 0 of no parts. */
  get value(): number {
    return this.#sum;
  }

  /** Has the router no parts any more? */
  get empty(): boolean {
    return this.#digests.size === 0;
  }

  change({ put, remove }: PartsDelta): void {
    for (const key of remove) this.#drop(key);
    for (const [key, part] of put) {
      this.#drop(key);
      this.#add(key, part);
    }
  }

  #add(key: string, part: unknown): void {
    const digest = hash("sha256", `${key}\0${sharedHash(part)}`, "buffer").readUIntBE(0, 6);
    this.#digests.set(key, digest);
    this.#sum = (this.#sum + digest) % MODULUS;
  }

  #drop(key: string): void {
    const digest = this.#digests.get(key);
    if (digest === undefined) return;
    this.#digests.delete(key);
    this.#sum = (this.#sum - digest + MODULUS) % MODULUS;
  }
}
