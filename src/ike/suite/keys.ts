/** Key derivation of IKE SAs and Child SAs, RFC 7296 §2.14, §2.17, §2.18; AEADs per RFC 5282 §7. */
import { join, spi64, wipe } from "./octets.ts";
import { prfOf, prfPlus } from "./prf.ts";
import type { CipherKey } from "./protect.ts";
import { type Encryption, type Prf, SALT_LENGTH } from "./transform.ts";

/** Keys of an IKE SA; i: initiator's, r: responder's. With an AEAD there are no SK_ai and SK_ar. */
export interface IkeKeys {
  readonly d: Uint8Array;
  readonly ei: CipherKey;
  readonly er: CipherKey;
  readonly pi: Uint8Array;
  readonly pr: Uint8Array;
}

/** Nonces and SPIs of the exchange that makes an IKE SA: for a rekey those of the CREATE_CHILD_SA and of the new SA. */
export interface Freshness {
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly spiI: bigint;
  readonly spiR: bigint;
}

/** SKEYSEED = prf(Ni | Nr, g^ir), §2.14. The caller wipes it. */
export function skeyseed(prf: Prf, ni: Uint8Array, nr: Uint8Array, shared: Uint8Array): Uint8Array {
  return prfOf(prf, join(ni, nr), shared);
}

/** SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), §2.18. `prf` is that of the old IKE SA. The caller wipes it. */
export function rekeySkeyseed(
  prf: Prf,
  oldD: Uint8Array,
  shared: Uint8Array,
  ni: Uint8Array,
  nr: Uint8Array,
): Uint8Array {
  return prfOf(prf, oldD, shared, ni, nr);
}

/** Cuts key material into pieces that do not share its memory, then wipes it. */
function cut(material: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let at = 0;
  const pieces = lengths.map((length) => {
    at += length;
    return material.slice(at - length, at);
  });
  wipe(material);
  return pieces;
}

/** SK_d | SK_ei | SK_er | SK_pi | SK_pr = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr), §2.14. `prf` is that of the new IKE SA. */
export function ikeKeys(prf: Prf, encryption: Encryption, seed: Uint8Array, fresh: Freshness): IkeKeys {
  const k = encryption.keyLength;
  const p = prf.length;
  const lengths = [p, k, SALT_LENGTH, k, SALT_LENGTH, p, p];
  const input = join(fresh.ni, fresh.nr, spi64(fresh.spiI), spi64(fresh.spiR));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const [d, eiKey, eiSalt, erKey, erSalt, pi, pr] = cut(prfPlus(prf, seed, input, total), lengths);
  return { d, ei: { key: eiKey, salt: eiSalt }, er: { key: erKey, salt: erSalt }, pi, pr };
}

export function wipeIkeKeys(keys: IkeKeys): void {
  wipe(keys.d, keys.ei.key, keys.ei.salt, keys.er.key, keys.er.salt, keys.pi, keys.pr);
}

/** Keys of a pair of ESP SAs, named by who sends with them in the exchange that made the pair. */
export interface ChildKeys {
  readonly initiator: CipherKey;
  readonly responder: CipherKey;
}

/**
 * KEYMAT = prf+(SK_d, [g^ir (new) |] Ni | Nr), §2.17; the initiator's direction comes first. `shared` only when the exchange
 * carried a KE payload; Ni and Nr are those of the exchange that makes the Child SA (IKE_SA_INIT's for the first one).
 */
export function childKeys(
  prf: Prf,
  d: Uint8Array,
  encryption: Encryption,
  ni: Uint8Array,
  nr: Uint8Array,
  shared?: Uint8Array,
): ChildKeys {
  const k = encryption.keyLength;
  const seed = shared === undefined ? join(ni, nr) : join(shared, ni, nr);
  const lengths = [k, SALT_LENGTH, k, SALT_LENGTH];
  const [iKey, iSalt, rKey, rSalt] = cut(prfPlus(prf, d, seed, 2 * (k + SALT_LENGTH)), lengths);
  wipe(seed);
  return { initiator: { key: iKey, salt: iSalt }, responder: { key: rKey, salt: rSalt } };
}

export function wipeChildKeys(keys: ChildKeys): void {
  wipe(keys.initiator.key, keys.initiator.salt, keys.responder.key, keys.responder.salt);
}
