/**
 * The native AEAD engine: libcrypto on the op vector, in place (OP_* in assembly/layout). Five foreign calls a packet, and
 * AES-NI and carry-less multiplication, which WebAssembly does not have.
 *
 * Each worker keeps a context of libcrypto for each SA that it has met: made of SA_RAW_KEY at the first packet, used while
 * the slot's SA_GENERATION stands, wiped and freed soon after the SA has ended (`sweep`).
 */

import {
  CIPHER_AES_128_GCM,
  CIPHER_AES_256_GCM,
  CIPHER_CHACHA20_POLY1305,
  G_SA_ENDED,
  OP_AAD,
  OP_AAD_LENGTH,
  OP_LENGTH,
  OP_NONCE,
  OP_OK,
  OP_SA,
  OP_TEXT,
  SA_CIPHER,
  SA_FREE,
  SA_GENERATION,
  SA_RAW_KEY,
  SA_STATE,
  SA_STRIDE,
} from "../../assembly/layout.ts";
import { GET_TAG, type HostAddress, hostAddress, type Libcrypto, SET_TAG } from "../linux/ffi.ts";
import type { PlaneMemory } from "./memory.ts";

const TAG = 16;

/** libcrypto's names by CIPHER_*. */
const NAMES: Readonly<Record<number, string>> = {
  [CIPHER_CHACHA20_POLY1305]: "ChaCha20-Poly1305",
  [CIPHER_AES_128_GCM]: "AES-128-GCM",
  [CIPHER_AES_256_GCM]: "AES-256-GCM",
};

export class NativeEngine {
  readonly #crypto: Libcrypto;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #host: number;
  readonly #slots: number;
  /** By CIPHER_*. 0: libcrypto does not have it. */
  readonly #ciphers: readonly HostAddress[];
  /** By SA slot: its context, 0 none, and the generation that it was made for. */
  readonly #contexts: Float64Array;
  readonly #generations: Uint32Array;
  /** Slots that have a context. */
  #live: number[] = [];
  /** G_SA_ENDED when it was last looked at; −1: look in any case. */
  #ended = -1;
  /** An int that libcrypto writes to and nobody reads. */
  readonly #written = new Int32Array(1);
  readonly #writtenAt: HostAddress;

  constructor(memory: PlaneMemory, crypto: Libcrypto) {
    this.#crypto = crypto;
    this.#bytes = memory.bytes;
    this.#words = memory.words;
    this.#host = memory.host;
    this.#slots = memory.regions.sas.base;
    this.#ciphers = [0, 1, 2, 3].map((cipher) => (NAMES[cipher] === undefined ? 0 : crypto.fetch(NAMES[cipher])));
    this.#contexts = new Float64Array(memory.regions.sas.count);
    this.#generations = new Uint32Array(memory.regions.sas.count);
    this.#writtenAt = hostAddress(this.#written);
  }

  /** Contexts that are held. */
  get held(): number {
    return this.#live.length;
  }

  /** Seals the op at `op`. False: libcrypto could not begin, and the text is as it was. */
  seal(op: number): boolean {
    const context = this.#begin(op, 1);
    if (context === 0) return false;
    const text = this.#words[(op + OP_TEXT) >>> 2];
    const length = this.#words[(op + OP_LENGTH) >>> 2];
    const at = this.#host + text;
    const done =
      this.#run(context, at, length) &&
      this.#crypto.final(context, at + length, this.#writtenAt) === 1 &&
      this.#crypto.control(context, GET_TAG, TAG, at + length) === 1;
    // Half done: nothing of it may leave in clear, and no peer takes zeros for a packet.
    if (!done) this.#bytes.fill(0, text, text + length + TAG);
    return true;
  }

  /** Opens the op at `op` and sets OP_OK. False: libcrypto could not begin, and the text is as it was. */
  open(op: number): boolean {
    const context = this.#begin(op, 0);
    if (context === 0) return false;
    const length = this.#words[(op + OP_LENGTH) >>> 2];
    const at = this.#host + this.#words[(op + OP_TEXT) >>> 2];
    const verified =
      this.#crypto.control(context, SET_TAG, TAG, at + length) === 1 &&
      this.#run(context, at, length) &&
      this.#crypto.final(context, at + length, this.#writtenAt) === 1;
    this.#words[(op + OP_OK) >>> 2] = verified ? 1 : 0;
    return true;
  }

  /** Frees the contexts of SAs that have ended. At the top of a batch; costs one load when none has. */
  sweep(): void {
    const ended = Atomics.load(this.#words, G_SA_ENDED >>> 2);
    if (ended === this.#ended) return;
    this.#ended = ended;
    this.#live = this.#live.filter((slot) => {
      const sa = this.#slots + slot * SA_STRIDE;
      const alive =
        Atomics.load(this.#words, (sa + SA_STATE) >>> 2) !== SA_FREE &&
        this.#words[(sa + SA_GENERATION) >>> 2] === this.#generations[slot];
      if (!alive) this.#free(slot);
      return alive;
    });
  }

  /** Frees all contexts. */
  close(): void {
    for (const slot of this.#live) this.#free(slot);
    this.#live = [];
  }

  /** Nonce and additional data of an op, in the context of its SA; 0: that failed. */
  #begin(op: number, encrypt: number): HostAddress {
    const sa = this.#words[(op + OP_SA) >>> 2];
    const slot = (sa - this.#slots) / SA_STRIDE;
    const known = this.#contexts[slot] !== 0 && this.#generations[slot] === this.#words[(sa + SA_GENERATION) >>> 2];
    const context = known ? this.#contexts[slot] : this.#make(sa, slot);
    if (context === 0) return 0;
    const at = this.#host + op;
    if (this.#crypto.init(context, 0, 0, 0, at + OP_NONCE, encrypt) !== 1) return 0;
    const size = this.#words[(op + OP_AAD_LENGTH) >>> 2];
    if (size !== 0 && this.#crypto.update(context, 0, this.#writtenAt, at + OP_AAD, size) !== 1) return 0;
    return context;
  }

  /** The text, in place. */
  #run(context: HostAddress, at: HostAddress, length: number): boolean {
    return length === 0 || this.#crypto.update(context, at, this.#writtenAt, at, length) === 1;
  }

  #make(sa: number, slot: number): HostAddress {
    if (this.#contexts[slot] !== 0) {
      this.#free(slot);
      this.#live.splice(this.#live.indexOf(slot), 1);
    }
    const cipher = this.#ciphers[this.#words[(sa + SA_CIPHER) >>> 2]] ?? 0;
    const context = cipher === 0 ? 0 : this.#crypto.newContext();
    if (context === 0) return 0;
    if (this.#crypto.init(context, cipher, 0, this.#host + sa + SA_RAW_KEY, 0, 1) !== 1) {
      this.#crypto.freeContext(context);
      return 0;
    }
    this.#contexts[slot] = context;
    this.#generations[slot] = this.#words[(sa + SA_GENERATION) >>> 2];
    this.#live.push(slot);
    // The SA may have ended since the last sweep: the next one looks, whatever G_SA_ENDED says.
    this.#ended = -1;
    return context;
  }

  #free(slot: number): void {
    this.#crypto.freeContext(this.#contexts[slot]);
    this.#contexts[slot] = 0;
  }
}
