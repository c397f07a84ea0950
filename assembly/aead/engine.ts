import {
  CIPHER_AES_128_GCM,
  CIPHER_AES_256_GCM,
  CIPHER_CHACHA20_POLY1305,
  OP_LENGTH,
  OP_OK,
  OP_SA,
  OP_STRIDE,
  OP_TEXT,
  SA_CIPHER,
  SA_KEY,
  SA_KEY_SIZE,
  SA_RAW_KEY,
} from "../layout";
import * as chacha20poly1305 from "./chacha20poly1305";
import * as gcm from "./gcm";
import { GROUP, scratchOf, wipe } from "./scratch";

/*
 * The AEAD engine: pass 2 of the fast path, over the op vector that pass 1 wrote (OP_* in layout.ts).
 *
 * - Text of 0–65535 bytes at any address, sealed or opened in place; the 16-byte tag stands right behind it.
 * - Nothing outside [text, text + length + 16) is written, and nothing outside the op, the SA slot and that is read, but
 *   for the scratch in the arena (scratch.ts).
 * - No branch and no address depends on keys or text. Lengths, ciphers and the verdict on a tag are public.
 * - Neighbours share work: ChaCha20 across all SAs, AES among ops of one SA. An op vector in which the packets of an
 *   SA stand together is done faster; any order is right.
 * - Another engine may do some ciphers (`leave`): their ops are passed over here, and the caller sees to them.
 */

/** Bit CIPHER_* is set: ops of this cipher are not for this engine. Each instance has its own. */
let others: u32 = 0;

/** Leaves the ciphers whose bit 1 << CIPHER_* is set in `ciphers` to another engine; 0: none. */
export function leave(ciphers: u32): void {
  others = ciphers;
}

/** Key bytes of an AES-GCM cipher number; 0 for any other. */
// @ts-ignore: decorator
@inline
function aesKeyLength(cipher: u32): u32 {
  if (cipher == CIPHER_AES_128_GCM) return 16;
  return cipher == CIPHER_AES_256_GCM ? 32 : 0;
}

/** Ops from `op` on, at most `limit` and GROUP, that one group can take: one cipher, and for AES one SA. */
function groupLength(op: usize, limit: u32): u32 {
  const sa = load<u32>(op, OP_SA);
  const cipher = load<u32>(sa, SA_CIPHER);
  const most = min(limit, GROUP);
  let count: u32 = 1;
  for (; count < most; count++) {
    op += OP_STRIDE;
    const next = load<u32>(op, OP_SA);
    if (next == sa) continue;
    if (cipher != CIPHER_CHACHA20_POLY1305 || load<u32>(next, SA_CIPHER) != CIPHER_CHACHA20_POLY1305) break;
  }
  return count;
}

/**
 * Seals `count` ops at `ops` (in a worker's arena): text becomes ciphertext, the tag is written behind it. Passes over the
 * ciphers in `but` (bits 1 << CIPHER_*); the number of ops that are left for that reason.
 */
export function sealOps(ops: usize, count: u32, but: u32 = others): u32 {
  if (count == 0) return 0;
  const scratch = scratchOf(ops);
  let left: u32 = 0;
  while (count != 0) {
    const group = groupLength(ops, count);
    const sa = <usize>load<u32>(ops, OP_SA);
    const cipher = load<u32>(sa, SA_CIPHER);
    const keyLength = aesKeyLength(cipher);
    if ((but >> cipher) & 1) left += group;
    else if (cipher == CIPHER_CHACHA20_POLY1305) chacha20poly1305.sealGroup(ops, group, scratch);
    else if (keyLength != 0) gcm.sealGroup(ops, group, sa, keyLength, scratch);
    else erase(ops, group);
    ops += group * OP_STRIDE;
    count -= group;
  }
  wipe(scratch);
  return left;
}

/** Opens `count` ops at `ops`, in the same way: sets OP_OK; where it is 1 the text is plain, else undefined. */
export function openOps(ops: usize, count: u32, but: u32 = others): u32 {
  if (count == 0) return 0;
  const scratch = scratchOf(ops);
  let left: u32 = 0;
  while (count != 0) {
    const group = groupLength(ops, count);
    const sa = <usize>load<u32>(ops, OP_SA);
    const cipher = load<u32>(sa, SA_CIPHER);
    const keyLength = aesKeyLength(cipher);
    if ((but >> cipher) & 1) left += group;
    else if (cipher == CIPHER_CHACHA20_POLY1305) chacha20poly1305.openGroup(ops, group, scratch);
    else if (keyLength != 0) gcm.openGroup(ops, group, sa, keyLength, scratch);
    else erase(ops, group);
    ops += group * OP_STRIDE;
    count -= group;
  }
  wipe(scratch);
  return left;
}

/** Ops whose SA names no cipher (its slot was wiped): no text leaves in clear, and nothing verifies. */
function erase(ops: usize, count: u32): void {
  for (let op = ops, end = ops + count * OP_STRIDE; op < end; op += OP_STRIDE) {
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
