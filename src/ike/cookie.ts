/**
 * Stateless cookies, RFC 7296 §2.6: while many IKE SAs are half-open, an initiator must first show that it receives at its
 * address. Cookie = version (1) | HMAC-SHA2-256(secret, Ni | address | SPIi).
 */
import { equal, join, PRFS, prfOf, spi64 } from "./suite/index.ts";

/** A secret serves so long, and as long again to verify. Milliseconds. */
const LIFETIME = 60_000;

export class Cookies {
  readonly #random: (n: number) => Uint8Array;
  #version = 0;
  #secret: Uint8Array;
  #previous: Uint8Array | undefined;
  #since = Number.NEGATIVE_INFINITY;

  constructor(random: (n: number) => Uint8Array) {
    this.#random = random;
    this.#secret = random(32);
  }

  #renew(now: number): void {
    const age = now - this.#since;
    if (age < LIFETIME) return;
    this.#previous = age < 2 * LIFETIME ? this.#secret : undefined;
    this.#secret = this.#random(32);
    this.#version = (this.#version + 1) & 0xff;
    this.#since = now;
  }

  #compute(version: number, secret: Uint8Array, nonce: Uint8Array, address: Uint8Array, spi: bigint): Uint8Array {
    return join(Uint8Array.of(version), prfOf(PRFS.sha256, secret, nonce, address, spi64(spi)));
  }

  /** The cookie for an initiator at `address`; 33 bytes. */
  make(nonce: Uint8Array, address: Uint8Array, spi: bigint, now: number): Uint8Array {
    this.#renew(now);
    return this.#compute(this.#version, this.#secret, nonce, address, spi);
  }

  /** Did we hand out this cookie for the same nonce, address and SPI, at most two minutes ago? */
  verify(cookie: Uint8Array, nonce: Uint8Array, address: Uint8Array, spi: bigint, now: number): boolean {
    this.#renew(now);
    const version = cookie[0];
    const secret = version === this.#version ? this.#secret : this.#previous;
    if (secret === undefined) return false;
    return equal(cookie, this.#compute(version, secret, nonce, address, spi));
  }
}
