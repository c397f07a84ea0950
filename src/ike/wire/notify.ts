/** Notify payload, RFC 7296 §3.10: protocol (1), SPI size (1), type (2), SPI, data. */
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

export interface NotifyPayload {
  readonly kind: "notify";
  /** PROTOCOL in iana.ts; 0 when it concerns no Child SA. */
  readonly protocol: number;
  /** Empty, or the SPI (4 bytes for ESP) of the SA it concerns. */
  readonly spi: Uint8Array;
  /** NOTIFY in iana.ts. */
  readonly notify: number;
  readonly data: Uint8Array;
}

export function parseNotify(view: View): NotifyPayload {
  const protocol = view.u8("The notify's protocol");
  const size = view.u8("The notify's SPI size");
  const notify = view.u16("The notify's type");
  const spi = view.take(size, "The notify's SPI");
  return { kind: "notify", protocol, spi, notify, data: view.rest() };
}

export function emitNotify(writer: Writer, payload: NotifyPayload): void {
  writer.u8(payload.protocol);
  writer.u8(payload.spi.length);
  writer.u16(payload.notify);
  writer.bytes(payload.spi);
  writer.bytes(payload.data);
}

const nothing = new Uint8Array(0);

/** A notify that concerns the IKE SA or the exchange as a whole. */
export function notifyOf(notify: number, data: Uint8Array = nothing): NotifyPayload {
  return { kind: "notify", protocol: 0, spi: nothing, notify, data };
}
