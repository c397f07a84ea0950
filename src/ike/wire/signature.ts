/** Authentication data of method 14, Digital Signature, RFC 7427 §3: length of the next (1), AlgorithmIdentifier, signature. */
import { WireError } from "./error.ts";
import { View } from "./view.ts";
import { Writer } from "./writer.ts";

export interface DigitalSignature {
  /** DER of the AlgorithmIdentifier (RFC 5280 §4.1.1.2), 1–255 bytes. */
  readonly algorithm: Uint8Array;
  /** At least one byte. */
  readonly value: Uint8Array;
}

/** Throws WireError. */
export function parseSignature(data: Uint8Array): DigitalSignature {
  const view = new View(data);
  const length = view.u8("The signature algorithm's length");
  if (length === 0) throw new WireError("value", 0, "A signature without an algorithm");
  const algorithm = view.take(length, "The signature algorithm");
  if (view.left === 0) throw new WireError("truncated", view.offset, "The signature is empty");
  return { algorithm, value: view.rest() };
}

export function signatureData({ algorithm, value }: DigitalSignature): Uint8Array {
  const writer = new Writer();
  writer.u8(algorithm.length);
  writer.bytes(algorithm);
  writer.bytes(value);
  return writer.finish();
}
