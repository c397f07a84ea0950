/** Nonce payload, RFC 7296 §3.9: 16 to 256 bytes. */
import { WireError } from "./error.ts";
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

export interface NoncePayload {
  readonly kind: "nonce";
  /** 16–256 bytes. */
  readonly data: Uint8Array;
}

function check(length: number, offset: number): void {
  if (length < 16 || length > 256) {
    throw new WireError("value", offset, `A nonce of ${length} bytes; RFC 7296 allows 16 to 256`);
  }
}

export function parseNonce(view: View): NoncePayload {
  check(view.left, view.offset);
  return { kind: "nonce", data: view.rest() };
}

export function emitNonce(writer: Writer, payload: NoncePayload): void {
  check(payload.data.length, writer.length);
  writer.bytes(payload.data);
}
