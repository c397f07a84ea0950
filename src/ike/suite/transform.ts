/** The one table of transforms: what we can negotiate, with IANA numbers (RFC 7296 §3.3.2) and sizes. */
import type { EspCipher } from "../effect.ts";
import { ENCR, KE, PRF } from "../wire/iana.ts";

/** An AEAD. Salt, IV and tag are alike for all of them: 4, 8 and 16 bytes (RFC 4106, RFC 5282 §7, RFC 7634 §2). */
export interface Encryption {
  readonly name: EspCipher;
  readonly id: number;
  /** Value of the key length attribute; `undefined`: the transform has none and must not carry one. */
  readonly keyBits: number | undefined;
  /** Bytes, without the salt. */
  readonly keyLength: number;
}

/** Bytes of key material behind the key: the fixed part of the nonce. */
export const SALT_LENGTH = 4;
/** Bytes in front of the ciphertext: the part of the nonce that changes. */
export const IV_LENGTH = 8;
/** Bytes behind the ciphertext. */
export const TAG_LENGTH = 16;

export const ENCRYPTIONS: Readonly<Record<EspCipher, Encryption>> = {
  chacha20poly1305: {
    name: "chacha20poly1305",
    id: ENCR.ENCR_CHACHA20_POLY1305,
    keyBits: undefined,
    keyLength: 32,
  },
  aes256gcm16: { name: "aes256gcm16", id: ENCR.ENCR_AES_GCM_16, keyBits: 256, keyLength: 32 },
  aes128gcm16: { name: "aes128gcm16", id: ENCR.ENCR_AES_GCM_16, keyBits: 128, keyLength: 16 },
};

export type PrfName = "sha256" | "sha384" | "sha512";

/** HMAC with SHA-2, RFC 4868. Preferred key length and output length are the same. */
export interface Prf {
  readonly name: PrfName;
  readonly id: number;
  /** Bytes of output, and of SK_d, SK_pi, SK_pr. */
  readonly length: number;
}

export const PRFS: Readonly<Record<PrfName, Prf>> = {
  sha256: { name: "sha256", id: PRF.PRF_HMAC_SHA2_256, length: 32 },
  sha384: { name: "sha384", id: PRF.PRF_HMAC_SHA2_384, length: 48 },
  sha512: { name: "sha512", id: PRF.PRF_HMAC_SHA2_512, length: 64 },
};

export type GroupName = "x25519" | "ecp256" | "ecp384";

/** Elliptic-curve key exchange: RFC 8031 (x25519), RFC 5903 (ecp). */
export interface Group {
  readonly name: GroupName;
  readonly id: number;
  /** Bytes of the public value in a KE payload. */
  readonly publicLength: number;
  /** Bytes of g^ir. */
  readonly sharedLength: number;
}

export const GROUPS: Readonly<Record<GroupName, Group>> = {
  x25519: { name: "x25519", id: KE.curve25519, publicLength: 32, sharedLength: 32 },
  ecp256: { name: "ecp256", id: KE.ecp256, publicLength: 64, sharedLength: 32 },
  ecp384: { name: "ecp384", id: KE.ecp384, publicLength: 96, sharedLength: 48 },
};

/** The group with this IANA number, if we have it. */
export function groupOf(id: number): Group | undefined {
  return Object.values(GROUPS).find((group) => group.id === id);
}
