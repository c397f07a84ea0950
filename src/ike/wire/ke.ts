/** Key Exchange payload, RFC 7296 §3.4: group (2), reserved (2), public value. */
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

export interface KePayload {
  readonly kind: "ke";
  /** KE in iana.ts. */
  readonly group: number;
  /** Public value as the group's RFC writes it; its length is the group's business (suite/). */
  readonly data: Uint8Array;
}

export function parseKe(view: View): KePayload {
  const group = view.u16("The key exchange method");
  view.skip(2, "The reserved field");
  return { kind: "ke", group, data: view.rest() };
}

export function emitKe(writer: Writer, payload: KePayload): void {
  writer.u16(payload.group);
  writer.u16(0);
  writer.bytes(payload.data);
}
