/**
 * Traffic Selector payloads, RFC 7296 §3.13: count (1), reserved (3), selectors.
 * One selector: type (1), protocol (1), length (2), first port (2), last port (2), first address, last address.
 */
import type { TrafficSelector } from "../effect.ts";
import { WireError } from "./error.ts";
import { TS } from "./iana.ts";
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

/** Selectors in one payload: what its count can say. */
export const MAX_SELECTORS = 255;

export interface TsPayload {
  readonly kind: "tsi" | "tsr";
  /** IPv4 and IPv6 ranges. Selectors of other types are left out: a responder may narrow them away (§2.9). */
  readonly selectors: readonly TrafficSelector[];
}

/** First address beyond last: the range would be empty. */
function reversed(low: Uint8Array, high: Uint8Array): boolean {
  for (let i = 0; i < low.length; i++) if (low[i] !== high[i]) return low[i] > high[i];
  return false;
}

export function parseTs(kind: "tsi" | "tsr", view: View): TsPayload {
  const at = view.offset;
  const count = view.u8("The number of traffic selectors");
  view.skip(3, "The reserved field");
  if (count === 0) throw new WireError("value", at, "A Traffic Selector payload without a selector");
  const selectors: TrafficSelector[] = [];
  for (let i = 0; i < count; i++) {
    const start = view.offset;
    const type = view.u8("A traffic selector's type");
    const protocol = view.u8("A traffic selector's protocol");
    const length = view.u16("A traffic selector's length");
    if (length < 8) throw new WireError("length", start, `A traffic selector of ${length} bytes; it has at least 8`);
    const body = view.inner(length - 4, "A traffic selector");
    const size = type === TS.IPV4_ADDR_RANGE ? 4 : type === TS.IPV6_ADDR_RANGE ? 16 : 0;
    if (size === 0) continue;
    const portLow = body.u16("A traffic selector's first port");
    const portHigh = body.u16("A traffic selector's last port");
    const low = body.take(size, "A traffic selector's first address");
    const high = body.take(size, "A traffic selector's last address");
    body.done("A traffic selector");
    if (portLow > portHigh && !(portLow === 65_535 && portHigh === 0)) {
      throw new WireError("value", start, `Ports ${portLow} to ${portHigh} are neither a range nor OPAQUE`);
    }
    if (reversed(low, high)) throw new WireError("value", start, "A traffic selector ends before it begins");
    selectors.push({ protocol, portLow, portHigh, low, high });
  }
  view.done("The Traffic Selector payload");
  return { kind, selectors };
}

export function emitTs(writer: Writer, payload: TsPayload): void {
  const { selectors } = payload;
  if (selectors.length === 0 || selectors.length > MAX_SELECTORS) {
    throw new WireError(
      "limit",
      writer.length,
      `${selectors.length} traffic selectors; 1 to ${MAX_SELECTORS} can be sent`,
    );
  }
  writer.u8(selectors.length);
  writer.u8(0);
  writer.u16(0);
  for (const selector of selectors) {
    const size = selector.low.length;
    if ((size !== 4 && size !== 16) || selector.high.length !== size) {
      throw new WireError("value", writer.length, "A traffic selector's addresses are 4 or 16 bytes, both alike");
    }
    writer.u8(size === 4 ? TS.IPV4_ADDR_RANGE : TS.IPV6_ADDR_RANGE);
    writer.u8(selector.protocol);
    writer.u16(8 + 2 * size);
    writer.u16(selector.portLow);
    writer.u16(selector.portHigh);
    writer.bytes(selector.low);
    writer.bytes(selector.high);
  }
}
