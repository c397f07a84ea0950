/** Pseudo-random functions and prf+, RFC 7296 §2.13. */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { wipe } from "./octets.ts";
import type { Prf, PrfName } from "./transform.ts";

const HASHES = { sha256, sha384, sha512 } as const satisfies Record<PrfName, unknown>;

/** prf(key, parts[0] | parts[1] | …); `prf.length` bytes. The key may have any length. */
export function prfOf(prf: Prf, key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = hmac.create(HASHES[prf.name], key);
  for (const part of parts) mac.update(part);
  const output = mac.digest();
  mac.destroy();
  return output;
}

/**
 * prf+(key, seed) cut to `length` bytes: T1 | T2 | …, T1 = prf(key, seed | 1), Tn = prf(key, Tn−1 | seed | n).
 * At most 255 blocks: the counter is one byte.
 */
export function prfPlus(prf: Prf, key: Uint8Array, seed: Uint8Array, length: number): Uint8Array {
  const blocks = Math.ceil(length / prf.length);
  if (blocks > 255) throw new RangeError(`prf+ gives at most ${255 * prf.length} bytes, ${length} were asked for`);
  const output = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array(0);
  for (let n = 1; n <= blocks; n++) {
    const next = prfOf(prf, key, block, seed, Uint8Array.of(n));
    wipe(block);
    block = next;
    const at = (n - 1) * prf.length;
    output.set(block.subarray(0, Math.min(prf.length, length - at)), at);
  }
  wipe(block);
  return output;
}
