/** Comparing and naming byte strings. */
import { equal } from "./suite/octets.ts";

/** Octet by octet; where one ends, it is the lower one (RFC 7296 §2.8.1). Negative: `a` is lower. Not for secrets. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

/** The lower one of two nonces. */
export function lower(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compare(a, b) <= 0 ? a : b;
}

/** An address as people write it: 192.0.2.1, 2001:db8::1 (RFC 5952). */
export function addressText(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (address[2 * i] << 8) | address[2 * i + 1]);
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (best.start < 0) return text(groups);
  return `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`;
}

/** "192.0.2.1:500", "[2001:db8::1]:500". */
export function endpointText(endpoint: { readonly address: Uint8Array; readonly port: number }): string {
  const address = addressText(endpoint.address);
  return endpoint.address.length === 4 ? `${address}:${endpoint.port}` : `[${address}]:${endpoint.port}`;
}

/** Same address and port. */
export function sameEndpoint(
  a: { readonly address: Uint8Array; readonly port: number },
  b: { readonly address: Uint8Array; readonly port: number },
): boolean {
  return a.port === b.port && equal(a.address, b.address);
}

/** The SPI of an ESP SA as 4 bytes. */
export function espSpiBytes(spi: number): Uint8Array {
  return Uint8Array.of(spi >>> 24, spi >>> 16, spi >>> 8, spi);
}

/** 4 bytes as the SPI of an ESP SA. */
export function espSpiOf(bytes: Uint8Array): number {
  return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
}

/** The SPI of an ESP SA as logs and captures show it: 0xc0ffee01. */
export function espSpiText(spi: number): string {
  return `0x${spi.toString(16).padStart(8, "0")}`;
}
