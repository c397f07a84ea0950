import { OP_LENGTH, OP_OK, OP_SA, OP_STRIDE, OP_TEXT } from "../layout/arena";
import {
  CIPHER_AES_128_GCM,
  CIPHER_AES_256_GCM,
  CIPHER_CHACHA20_POLY1305,
  SA_CIPHER,
  SA_KEY,
  SA_KEY_SIZE,
  SA_RAW_KEY,
} from "../layout/sa";
import * as chacha20poly1305 from "./chacha20poly1305";
import * as gcm from "./gcm";
import { GROUP, group, grouped, scratchOf, wipe } from "./scratch";

/*
 * The AEAD engine: pass 2 of the fast path, over the op vector that pass 1 wrote (OP_* in layout.ts).
 *
 * - Text of 0–65535 bytes at any address, sealed or opened in place; the 16-byte tag stands right behind it.
 * - Nothing outside [text, text + length + 16) is written, and nothing outside the op, the SA slot and that is read, but
 *   for the scratch in the arena (scratch.ts).
 * - No branch and no address depends on keys or text. Lengths, ciphers and the verdict on a tag are public.
 * - Packets share work, ChaCha20 across all SAs, AES among those of one SA; so they are gathered in groups, wherever they
 *   stand in a window of the op vector. Nothing is moved: what comes after this pass finds the ops in their order.
 * - Another engine may do some ciphers (`leave`): their ops are passed over here, and the caller sees to them.
 */

/** Bit CIPHER_* is set: ops of this cipher are not for this engine, from so many bytes of text on. Each instance has its own. */
let others: u32 = 0;
let fromChacha20: u32 = 0;
let fromAes128: u32 = 0;
let fromAes256: u32 = 0;

/** Leaves the ciphers whose bit 1 << CIPHER_* is set in `ciphers` to another engine; 0: none. */
export function leave(ciphers: u32): void {
  others = ciphers;
}

/** Of a cipher that is left to another engine, texts shorter than `bytes` are done here all the same. */
export function leaveFrom(cipher: u32, bytes: u32): void {
  if (cipher == CIPHER_CHACHA20_POLY1305) fromChacha20 = bytes;
  else if (cipher == CIPHER_AES_128_GCM) fromAes128 = bytes;
  else if (cipher == CIPHER_AES_256_GCM) fromAes256 = bytes;
}

/** Bytes of text from which on an op of this cipher is another engine's; `but` as in `walk`. */
// @ts-ignore: decorator
@inline
function leftFrom(cipher: u32, but: u32): u32 {
  if (((but >> cipher) & 1) == 0) return u32.MAX_VALUE;
  if (cipher == CIPHER_CHACHA20_POLY1305) return fromChacha20;
  return cipher == CIPHER_AES_128_GCM ? fromAes128 : fromAes256;
}

/** Key bytes of an AES-GCM cipher number; 0 for any other. */
// @ts-ignore: decorator
@inline
function aesKeyLength(cipher: u32): u32 {
  if (cipher == CIPHER_AES_128_GCM) return 16;
  return cipher == CIPHER_AES_256_GCM ? 32 : 0;
}

/** Ops that groups are gathered from: one bit each. */
const WINDOW: u32 = 64;

/**
 * Gathers the next group into the scratch, from those of the `count` ops at `ops` that have no bit in `done`: the first of
 * them, and at most GROUP in all that can go with it: one cipher, for AES one SA, and all for this engine or all for another. Their
 * bits. Order among ops means nothing here: each is sealed for itself.
 */
function gather(ops: usize, count: u32, done: u64, but: u32, scratch: usize): u64 {
  let at = <u32>ctz(~done);
  const first = ops + at * OP_STRIDE;
  const sa = load<u32>(first, OP_SA);
  const cipher = load<u32>(sa, SA_CIPHER);
  const from = leftFrom(cipher, but);
  const isLeft = load<u32>(first, OP_LENGTH) >= from;
  let taken: u64 = (<u64>1) << at;
  let size: u32 = 1;
  group(scratch, 0, first);
  for (at++; at < count && size < GROUP; at++) {
    const bit: u64 = (<u64>1) << at;
    if (done & bit) continue;
    const op = ops + at * OP_STRIDE;
    const next = load<u32>(op, OP_SA);
    if (next != sa) {
      if (cipher != CIPHER_CHACHA20_POLY1305 || load<u32>(next, SA_CIPHER) != CIPHER_CHACHA20_POLY1305) continue;
    }
    if (load<u32>(op, OP_LENGTH) >= from != isLeft) continue;
    group(scratch, size++, op);
    taken |= bit;
  }
  return taken;
}

/** Bits for the first `count` (1–64) ops of a window. */
// @ts-ignore: decorator
@inline
function whole(count: u32): u64 {
  return u64.MAX_VALUE >> (WINDOW - count);
}

/**
 * Seals `count` ops at `ops` (in a worker's arena): text becomes ciphertext, the tag is written behind it. Passes over the
 * ciphers in `but` (bits 1 << CIPHER_*; see `leaveFrom`); the number of ops that are left for that reason.
 */
export function sealOps(ops: usize, count: u32, but: u32 = others): u32 {
  return walk(ops, count, but, false);
}

/** Opens `count` ops at `ops`, in the same way: sets OP_OK; where it is 1 the text is plain, else undefined. */
export function openOps(ops: usize, count: u32, but: u32 = others): u32 {
  return walk(ops, count, but, true);
}

function walk(ops: usize, count: u32, but: u32, opens: bool): u32 {
  if (count == 0) return 0;
  const scratch = scratchOf(ops);
  let left: u32 = 0;
  while (count != 0) {
    const window = min(count, WINDOW);
    for (let done = ~whole(window); ~done;) {
      const taken = gather(ops, window, done, but, scratch);
      const size = <u32>popcnt(taken);
      const first = grouped(scratch, 0);
      const sa = <usize>load<u32>(first, OP_SA);
      const cipher = load<u32>(sa, SA_CIPHER);
      if (load<u32>(first, OP_LENGTH) >= leftFrom(cipher, but)) left += size;
      else crypt(size, sa, cipher, opens, scratch);
      done |= taken;
    }
    ops += window * OP_STRIDE;
    count -= window;
  }
  wipe(scratch);
  return left;
}

/** Opens or seals the group in the scratch. */
// @ts-ignore: decorator
@inline
function crypt(size: u32, sa: usize, cipher: u32, opens: bool, scratch: usize): void {
  const keyLength = aesKeyLength(cipher);
  if (cipher == CIPHER_CHACHA20_POLY1305) {
    if (opens) chacha20poly1305.openGroup(size, scratch);
    else chacha20poly1305.sealGroup(size, scratch);
  } else if (keyLength != 0) {
    if (opens) gcm.openGroup(size, sa, keyLength, scratch);
    else gcm.sealGroup(size, sa, keyLength, scratch);
  } else erase(size, scratch);
}

/** A group whose SA names no cipher (its slot was wiped): no text leaves in clear, and nothing verifies. */
function erase(count: u32, scratch: usize): void {
  for (let n: u32 = 0; n < count; n++) {
    const op = grouped(scratch, n);
    memory.fill(load<u32>(op, OP_TEXT), 0, load<u32>(op, OP_LENGTH) + 16);
    store<u32>(op, 0, OP_OK);
  }
}

/**
 * Sets up the key of the SA slot at `sa`, whose SA_CIPHER is set already, from `keyLength` bytes at `key` (without the
 * salt). Traps when the length is not the cipher's: 32, 16 and 32 bytes for CIPHER_* 1, 2 and 3.
 */
export function expandKey(sa: usize, key: usize, keyLength: u32): void {
  const cipher = load<u32>(sa, SA_CIPHER);
  if (cipher == CIPHER_CHACHA20_POLY1305) {
    if (keyLength != 32) unreachable();
    memory.fill(sa + SA_KEY, 0, SA_KEY_SIZE);
    memory.copy(sa + SA_KEY, key, 32);
  } else {
    if (keyLength == 0 || keyLength != aesKeyLength(cipher)) unreachable();
    memory.fill(sa + SA_KEY, 0, SA_KEY_SIZE);
    gcm.expand(sa, key, keyLength);
  }
  memory.copy(sa + SA_RAW_KEY, key, keyLength);
}
