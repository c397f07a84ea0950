/*
 * A module of the AEAD engine alone, for its tests. The fast path's own entry is assembly/index.ts.
 */
import { OP_LENGTH, OP_SA, OP_TEXT } from "../layout/arena";
import { CIPHER_AES_128_GCM, CIPHER_CHACHA20_POLY1305, SA_CIPHER } from "../layout/sa";
import { quad } from "./chacha20";
import * as chacha20poly1305 from "./chacha20poly1305";
import { openOps, sealOps } from "./engine";
import * as gcm from "./gcm";
import { absorb, begin, finish } from "./poly1305";
import { scratchOf } from "./scratch";

export { expandKey as expand, leave } from "./engine";

/** The engine's two calls, with an address of the ops; how many were left to another engine. */
export function open(ops: usize, count: u32): u32 {
  return openOps(ops, count);
}
export function seal(ops: usize, count: u32): u32 {
  return sealOps(ops, count);
}

/**
 * Writes to `to` the tag of the ciphertext of `op` with AAD of any length at `aad`. An op holds 16 bytes of AAD, ESP
 * needs no more; published vectors have longer ones.
 */
export function tagOf(op: usize, aad: usize, aadLength: u32, to: usize): void {
  const scratch = scratchOf(op);
  const sa = <usize>load<u32>(op, OP_SA);
  const text = <usize>load<u32>(op, OP_TEXT);
  const length = load<u32>(op, OP_LENGTH);
  const cipher = load<u32>(sa, SA_CIPHER);
  if (cipher == CIPHER_CHACHA20_POLY1305) {
    v128.store(to, chacha20poly1305.tagOf(op, aad, aadLength, text, length, scratch));
  } else {
    v128.store(to, gcm.tagOf(op, sa, cipher == CIPHER_AES_128_GCM ? 16 : 32, aad, aadLength, text, length, scratch));
  }
}

/**
 * Writes to `to` the Poly1305 tag of `blocks` whole blocks at `from` with the one-time key at `key`: the first 2 × `pairs`
 * of them as they are taken in under ChaCha20, the others alone. `scratch`: 1 KB for the context, a state and a text.
 */
export function poly1305(key: usize, from: usize, blocks: u32, pairs: u32, to: usize, scratch: usize): void {
  begin(scratch, key);
  quad(scratch + 256, scratch + 512, scratch, from, pairs);
  absorb(scratch, from + pairs * 32, blocks - pairs * 2);
  v128.store(to, finish(scratch));
}
