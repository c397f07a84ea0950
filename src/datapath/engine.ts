/**
 * Pass 2 of the fast path, shared out between two AEAD engines: `wasm` (assembly/aead) does whole runs of ops and passes
 * over those whose cipher is the `native` engine's; these are done here, one by one. Of such a cipher, texts too short to be worth a
 * foreign call stay with `wasm`. What the native engine cannot begin (libcrypto has no memory) goes back to the other.
 */

import { OP_LENGTH, OP_SA, OP_STRIDE, OPEN_OPS, SA_CIPHER, SEAL_OPS } from "../../assembly/layout.ts";
import { type Libcrypto, libcrypto } from "../linux/ffi.ts";
import { arenaOf, type PlaneMemory } from "./memory.ts";
import type { FastPath } from "./module.ts";
import { NativeEngine } from "./native.ts";
import type { Cipher, Engine } from "./plane.ts";
import { CIPHERS } from "./sa.ts";

/** Which engine does each cipher. */
export type Engines = Readonly<Record<Cipher, Engine>>;

/** Bytes of text from which on the native engine does a cipher that is its own; shorter ones are WASM's. */
export type NativeFrom = Readonly<Record<Cipher, number>>;

/** All texts, whatever their length. */
export const FROM_ALL: NativeFrom = { chacha20poly1305: 0, aes128gcm16: 0, aes256gcm16: 0 };

/** A fast path whose `open` and `seal` do all that is asked, whatever the engine. */
export interface Engined {
  readonly fast: FastPath;
  /** Lets go of keys of SAs that have ended. At the top of each batch. */
  readonly sweep: () => void;
  /** Lets go of all keys. */
  readonly close: () => void;
}

/** Bits 1 << CIPHER_* of the ciphers that the native engine does. */
function bits(engines: Engines): number {
  const ciphers = Object.keys(CIPHERS) as Cipher[];
  return ciphers.reduce((sum, cipher) => sum | (engines[cipher] === "native" ? 1 << CIPHERS[cipher].number : 0), 0);
}

/** Puts the engines behind `open` and `seal` of worker `worker`'s instance, which is attached. `crypto` null: WASM does all. */
export function withEngines(
  fast: FastPath,
  memory: PlaneMemory,
  worker: number,
  engines: Engines,
  from: NativeFrom,
  crypto: Libcrypto | null = libcrypto() ?? null,
): Engined {
  const ciphers = bits(engines);
  if (crypto === null || ciphers === 0) return { fast, sweep: () => {}, close: () => {} };
  fast.leave(ciphers);
  const shortest = new Uint32Array(4);
  for (const cipher of Object.keys(CIPHERS) as Cipher[]) {
    shortest[CIPHERS[cipher].number] = from[cipher];
    fast.leaveFrom(CIPHERS[cipher].number, from[cipher]);
  }
  const native = new NativeEngine(memory, crypto);
  const { words } = memory;
  const opens = arenaOf(memory.regions, worker) + OPEN_OPS;
  const seals = arenaOf(memory.regions, worker) + SEAL_OPS;
  const isNative = (op: number): boolean => {
    const cipher = words[(words[(op + OP_SA) >>> 2] + SA_CIPHER) >>> 2];
    return ((ciphers >>> cipher) & 1) === 1 && words[(op + OP_LENGTH) >>> 2] >= shortest[cipher];
  };

  const open = (count: number): number => {
    let left = fast.open(count);
    for (let index = 0; left > 0 && index < count; index++) {
      const op = opens + index * OP_STRIDE;
      if (!isNative(op)) continue;
      left--;
      if (!native.open(op)) fast.openOne(index);
    }
    return 0;
  };
  const seal = (count: number): number => {
    let left = fast.seal(count);
    for (let index = 0; left > 0 && index < count; index++) {
      const op = seals + index * OP_STRIDE;
      if (!isNative(op)) continue;
      left--;
      if (!native.seal(op)) fast.sealOne(index);
    }
    return 0;
  };
  return { fast: { ...fast, open, seal }, sweep: () => native.sweep(), close: () => native.close() };
}
