/**
 * Payloads whose type we know but whose body the wire folder does not look into: CP and EAP
 * (RFC 7296 §3.15, §3.16).
 */
import { PAYLOAD } from "./iana.ts";
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

export interface OpaquePayload {
  readonly kind: "opaque";
  /** PAYLOAD in iana.ts. */
  readonly type: number;
  readonly body: Uint8Array;
}

/** Types that become OpaquePayload. */
export const OPAQUE_TYPES: readonly number[] = [PAYLOAD.CP, PAYLOAD.EAP];

export function parseOpaque(type: number, view: View): OpaquePayload {
  return { kind: "opaque", type, body: view.rest() };
}

export function emitOpaque(writer: Writer, payload: OpaquePayload): void {
  writer.bytes(payload.body);
}
