/** Delete payload, RFC 7296 §3.11: protocol (1), SPI size (1), count (2), SPIs. The IKE SA has no SPI here. */
import { WireError } from "./error.ts";
import { PROTOCOL } from "./iana.ts";
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

/** SPIs that one payload may name. */
export const MAX_DELETES = 1024;

export interface DeletePayload {
  readonly kind: "delete";
  /** PROTOCOL: IKE, AH or ESP. */
  readonly protocol: number;
  /** Inbound SPIs of the sender; empty for IKE. */
  readonly spis: readonly number[];
}

export function parseDelete(view: View): DeletePayload {
  const at = view.offset;
  const protocol = view.u8("The deleted protocol");
  const size = view.u8("The deleted SPIs' size");
  const count = view.u16("The number of deleted SPIs");
  if (protocol < PROTOCOL.IKE || protocol > PROTOCOL.ESP) {
    throw new WireError("value", at, `A Delete for protocol ${protocol}; known are IKE 1, AH 2 and ESP 3`);
  }
  if (protocol === PROTOCOL.IKE) {
    if (size !== 0 || count !== 0) throw new WireError("value", at, "A Delete of the IKE SA that names SPIs");
  } else if (size !== 4 && count > 0) {
    throw new WireError("value", at, `A Delete with SPIs of ${size} bytes; ESP and AH have 4`);
  }
  if (count > MAX_DELETES) throw new WireError("limit", at, `A Delete of ${count} SAs; the limit is ${MAX_DELETES}`);
  const spis: number[] = [];
  for (let i = 0; i < count; i++) spis.push(view.u32("A deleted SPI"));
  view.done("The Delete payload");
  return { kind: "delete", protocol, spis };
}

export function emitDelete(writer: Writer, payload: DeletePayload): void {
  if (payload.spis.length > MAX_DELETES) {
    throw new WireError("limit", writer.length, `A Delete of ${payload.spis.length} SAs; the limit is ${MAX_DELETES}`);
  }
  writer.u8(payload.protocol);
  writer.u8(payload.protocol === PROTOCOL.IKE ? 0 : 4);
  writer.u16(payload.spis.length);
  for (const spi of payload.spis) writer.u32(spi);
}
