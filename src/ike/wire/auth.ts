/** Authentication payload, RFC 7296 §3.8: method (1), reserved (3), data. */
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

export interface AuthPayload {
  readonly kind: "auth";
  /** AUTH in iana.ts. */
  readonly method: number;
  readonly data: Uint8Array;
}

export function parseAuth(view: View): AuthPayload {
  const method = view.u8("The authentication method");
  view.skip(3, "The reserved field");
  return { kind: "auth", method, data: view.rest() };
}

export function emitAuth(writer: Writer, payload: AuthPayload): void {
  writer.u8(payload.method);
  writer.u8(0);
  writer.u16(0);
  writer.bytes(payload.data);
}
