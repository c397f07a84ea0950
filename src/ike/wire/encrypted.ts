/**
 * Encrypted payload SK, RFC 7296 §3.14, as an AEAD fills it (RFC 5282 §3):
 *
 *   generic header │ IV (8) │ ciphertext of [inner payloads │ padding │ pad length (1)] │ tag (16)
 *   └─ next: type of the first inner payload
 *
 * Associated data: everything from the first byte of the IKE header to the last byte of the generic header (RFC 5282 §5.1).
 * The payload is the last of its message.
 */
import { WireError } from "./error.ts";
import type { View } from "./view.ts";

export interface EncryptedPayload {
  readonly kind: "encrypted";
  /** Type of the first payload inside, 0 when there is none. */
  readonly first: number;
  /** IV, ciphertext and tag. */
  readonly body: Uint8Array;
  /** Where the body begins in the message: what stands before it is the associated data. */
  readonly at: number;
}

/** Encrypts for one direction of an IKE SA. src/ike/suite/protect has it; an IV is never used twice. */
export interface Sealer {
  /** Bytes that IV and tag add. */
  readonly overhead: number;
  /** IV, ciphertext, tag. */
  seal(associated: Uint8Array, plain: Uint8Array): Uint8Array;
}

/** Decrypts one direction of an IKE SA. */
export interface Opener {
  /** The plaintext of IV, ciphertext, tag; `undefined` when the tag does not verify or there are too few bytes. */
  open(associated: Uint8Array, body: Uint8Array): Uint8Array | undefined;
}

export function parseEncrypted(first: number, view: View): EncryptedPayload {
  const at = view.offset;
  return { kind: "encrypted", first, body: view.rest(), at };
}

/** Verifies and decrypts; throws "integrity" when that fails. What it returns is free of padding. */
export function unseal(bytes: Uint8Array, at: number, body: Uint8Array, opener: Opener): Uint8Array {
  const plain = opener.open(bytes.subarray(0, at), body);
  if (plain === undefined) throw new WireError("integrity", at, "The encrypted part does not verify");
  if (plain.length === 0) throw new WireError("truncated", 0, "The encrypted part lacks its pad length");
  const padding = plain[plain.length - 1];
  if (padding > plain.length - 1) {
    throw new WireError("length", plain.length - 1, `${padding} bytes of padding in ${plain.length} bytes of content`);
  }
  return plain.subarray(0, plain.length - 1 - padding);
}

/** Content with its pad length: an AEAD needs no padding (RFC 5282 §3). */
export function pad(content: Uint8Array): Uint8Array {
  const plain = new Uint8Array(content.length + 1);
  plain.set(content);
  return plain;
}
