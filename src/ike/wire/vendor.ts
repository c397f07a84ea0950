/** Vendor ID payload, RFC 7296 §3.12: bytes that only their inventor understands. */
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

export interface VendorPayload {
  readonly kind: "vendor";
  readonly data: Uint8Array;
}

export function parseVendor(view: View): VendorPayload {
  return { kind: "vendor", data: view.rest() };
}

export function emitVendor(writer: Writer, payload: VendorPayload): void {
  writer.bytes(payload.data);
}
