/** Deterministic randomness and time for tests. */

/** xorshift128: good enough to spread SPIs and nonces, and the same in every run. */
export class Dice {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    this.#state = Uint32Array.of(seed | 1, 0x9e3779b9, seed ^ 0x85ebca6b, 0xc2b2ae35);
    for (let i = 0; i < 32; i++) this.word();
  }

  word(): number {
    const s = this.#state;
    let t = s[3];
    t ^= t << 11;
    t ^= t >>> 8;
    s[3] = s[2];
    s[2] = s[1];
    s[1] = s[0];
    s[0] = t ^ s[0] ^ (s[0] >>> 19);
    return s[0];
  }

  /** 0 ≤ x < 1. */
  fraction(): number {
    return this.word() / 2 ** 32;
  }

  /** 0 ≤ n < bound. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  bytes(n: number): Uint8Array {
    return Uint8Array.from({ length: n }, () => this.word() & 0xff);
  }
}
