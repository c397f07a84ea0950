/**
 * A bench for AEAD engines at start: a small memory of its own with one arena and one SA for each cipher, so that a trial
 * touches no table, counter or key of the router. Its WASM instance shares the compiled code with all others of the module;
 * so what is run here until it is optimised is optimised for the workers too.
 */

import {
  OP_AAD,
  OP_AAD_LENGTH,
  OP_LENGTH,
  OP_NONCE,
  OP_OK,
  OP_SA,
  OP_STRIDE,
  OP_TEXT,
  OPEN_OPS,
  SA_CIPHER,
  SA_GENERATION,
  SA_OUT,
  SA_STATE,
  SA_STRIDE,
  SEAL_OPS,
  TX,
} from "../../assembly/layout.ts";
import { type Libcrypto, libcrypto } from "../linux/ffi.ts";
import { arenaOf, makeMemory, type PlaneMemory } from "./memory.ts";
import { type FastPath, instantiate } from "./module.ts";
import { NativeEngine } from "./native.ts";
import type { Cipher, Engine } from "./plane.ts";
import { CIPHERS } from "./sa.ts";

/** Ops in one batch of a trial, and bytes of their texts, in turn: an engine that is good for one length only must not win by it. */
const BATCH = 32;
const LENGTHS = [64, 576, 1024, 1400];
/** Bytes between texts: no two fall on the same L1 sets. */
const SPACING = 2048 + 64;

/** Text of the known answer: not a multiple of anything. */
const KNOWN_LENGTH = 301;
/**
 * Tags of bytes 0, 1, 2 … of that length under the key 0, 1, 2 …, nonce 0x40, 0x41 … and 12 bytes of additional data 0x50,
 * 0x51 …; a tag covers the ciphertext. Made with OpenSSL, confirmed with @noble/ciphers (test/unit/datapath/engine.test.ts).
 */
export const KNOWN: Readonly<Record<Cipher, string>> = {
  chacha20poly1305: "b4730fb63750525166c99aa2eb7887f1",
  aes128gcm16: "b1fb1c848dbb9e6386d28547869b5196",
  aes256gcm16: "37d4db94e7313590665beb732927fb5a",
};

export class Trial {
  readonly memory: PlaneMemory;
  readonly #fast: FastPath;
  /** undefined: there is none here. */
  readonly #native: NativeEngine | undefined;
  readonly #arena: number;
  #generation = 0;

  /** `crypto`: what the native engine runs on; null: it is not here. @throws PlaneError limits */
  constructor(module: WebAssembly.Module, crypto: Libcrypto | null = libcrypto() ?? null) {
    this.memory = makeMemory({ workers: 1, sas: 2, adjacencies: 3, fib: 65536 });
    this.#arena = arenaOf(this.memory.regions, 0);
    this.#fast = instantiate(module, this.memory.memory);
    this.#fast.attach(0);
    this.#native = crypto === null ? undefined : new NativeEngine(this.memory, crypto);
  }

  /** Does the engine give the known answer, take it back, and refuse it with one bit changed? */
  answers(cipher: Cipher, engine: Engine): boolean {
    if (engine === "native" && this.#native === undefined) return false;
    const { bytes, view } = this.memory;
    const text = this.#arena + TX;
    const answer = Buffer.from(KNOWN[cipher], "hex");
    const plain = Uint8Array.from({ length: KNOWN_LENGTH }, (_, i) => i & 255);
    this.#key(cipher);
    bytes.set(plain, text);
    this.#op(SEAL_OPS, 0, text, KNOWN_LENGTH);
    if (!this.#seal(engine, 1)) return false;
    if (!answer.equals(bytes.subarray(text + KNOWN_LENGTH, text + KNOWN_LENGTH + answer.length))) return false;
    // Twice, for opening undoes the text: once as it is, once with a bit of the tag changed.
    const sealed = bytes.slice(text, text + KNOWN_LENGTH + answer.length);
    const opens = (changed: number): boolean => {
      bytes.set(sealed, text);
      bytes[text + KNOWN_LENGTH] ^= changed;
      this.#op(OPEN_OPS, 0, text, KNOWN_LENGTH);
      return this.#open(engine, 1) && view.getUint32(this.#arena + OPEN_OPS + OP_OK, true) === 1;
    };
    if (opens(1)) return false;
    return opens(0) && Buffer.compare(bytes.subarray(text, text + KNOWN_LENGTH), plain) === 0;
  }

  /**
   * Nanoseconds a packet, sealing: the quickest of the batches that fit into `milliseconds`, and of at least one. `length`: bytes of
   * each text; left out: a mixture.
   */
  time(cipher: Cipher, engine: Engine, milliseconds: number, length?: number): number {
    this.#prepare(cipher, length);
    let best = Number.POSITIVE_INFINITY;
    const until = performance.now() + milliseconds;
    do {
      const begun = performance.now();
      this.#seal(engine, BATCH);
      best = Math.min(best, performance.now() - begun);
    } while (performance.now() < until);
    return (best * 1e6) / BATCH;
  }

  /** Runs both roads of an engine until `milliseconds` have passed, for the compilers' sake. */
  warm(cipher: Cipher, engine: Engine, milliseconds: number): void {
    this.#prepare(cipher);
    const until = performance.now() + milliseconds;
    do {
      this.#seal(engine, BATCH);
      this.#open(engine, BATCH);
    } while (performance.now() < until);
  }

  /** Lets go of what lies outside the memory. */
  close(): void {
    this.#native?.close();
  }

  /** Seals the first `count` ops; false: the engine could not. */
  #seal(engine: Engine, count: number): boolean {
    if (engine === "wasm") this.#fast.seal(count);
    for (let i = 0; engine === "native" && i < count; i++) {
      if (this.#native?.seal(this.#arena + SEAL_OPS + i * OP_STRIDE) !== true) return false;
    }
    return true;
  }

  #open(engine: Engine, count: number): boolean {
    if (engine === "wasm") this.#fast.open(count);
    for (let i = 0; engine === "native" && i < count; i++) {
      if (this.#native?.open(this.#arena + OPEN_OPS + i * OP_STRIDE) !== true) return false;
    }
    return true;
  }

  /** A batch for sealing and opening. */
  #prepare(cipher: Cipher, every?: number): void {
    this.#key(cipher);
    for (let i = 0; i < BATCH; i++) {
      const text = this.#arena + TX + i * SPACING;
      const length = every ?? LENGTHS[i % LENGTHS.length];
      this.#op(SEAL_OPS, i, text, length);
      this.#op(OPEN_OPS, i, text, length);
    }
  }

  /** The one SA, with a key that protects nothing. */
  #key(cipher: Cipher): void {
    const { bytes, view, regions } = this.memory;
    const { number, keyBytes } = CIPHERS[cipher];
    const sa = regions.sas.base;
    const key = regions.pool.base;
    bytes.fill(0, sa, sa + SA_STRIDE);
    view.setUint32(sa + SA_CIPHER, number, true);
    view.setUint32(sa + SA_GENERATION, ++this.#generation, true);
    view.setUint32(sa + SA_STATE, SA_OUT, true);
    for (let i = 0; i < keyBytes; i++) bytes[key + i] = i;
    this.#fast.expand(sa, key, keyBytes);
  }

  #op(ops: number, index: number, text: number, length: number): void {
    const { bytes, view, regions } = this.memory;
    const op = this.#arena + ops + index * OP_STRIDE;
    bytes.fill(0, op, op + OP_STRIDE);
    view.setUint32(op + OP_SA, regions.sas.base, true);
    view.setUint32(op + OP_TEXT, text, true);
    view.setUint32(op + OP_LENGTH, length, true);
    view.setUint32(op + OP_AAD_LENGTH, 12, true);
    for (let i = 0; i < 12; i++) {
      bytes[op + OP_AAD + i] = 0x50 + i;
      bytes[op + OP_NONCE + i] = 0x40 + i;
    }
  }
}
