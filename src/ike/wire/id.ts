/** Identification payloads, RFC 7296 §3.5: type (1), reserved (3), data. */
import type { View } from "./view.ts";
import { Writer } from "./writer.ts";

export interface IdPayload {
  readonly kind: "idi" | "idr";
  /** ID in iana.ts. */
  readonly idType: number;
  readonly data: Uint8Array;
  /** The three reserved bytes when the sender put something there: they go into the AUTH calculation (§2.15). */
  readonly reserved?: number;
}

export function parseId(kind: "idi" | "idr", view: View): IdPayload {
  const idType = view.u8("The identity type");
  const reserved = (view.u8("The reserved field") << 16) | view.u16("The reserved field");
  const data = view.rest();
  return reserved === 0 ? { kind, idType, data } : { kind, idType, data, reserved };
}

export function emitId(writer: Writer, payload: IdPayload): void {
  const reserved = payload.reserved ?? 0;
  writer.u8(payload.idType);
  writer.u8(reserved >>> 16);
  writer.u16(reserved & 0xffff);
  writer.bytes(payload.data);
}

/** RestOfInitIDPayload / RestOfRespIDPayload of RFC 7296 §2.15: the payload without its generic header, as it was sent. */
export function idBody(payload: IdPayload): Uint8Array {
  const writer = new Writer();
  emitId(writer, payload);
  return writer.finish();
}
