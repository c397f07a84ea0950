/** Addresses of clients, as limits count them. */
import { formatPrefix, parseAddress } from "../router/address.ts";

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** An attacker's own, at the least: an IPv4 /24, an IPv6 /48 (what sites are given, RFC 6177). */
export function clientNetwork(text: string): string {
  const key = clientKey(text);
  const bytes = parseAddress(key.split("/")[0]);
  if (!bytes) return key;
  return bytes.length === 4
    ? formatPrefix({ address: bytes.fill(0, 3), length: 24 })
    : formatPrefix({ address: bytes.fill(0, 6), length: 48 });
}

/** What counts as one address: an IPv4 address, or the /64 that an IPv6 host chooses its addresses from. */
export function clientKey(text: string): string {
  const [, mapped] = MAPPED.exec(text) ?? [];
  if (mapped !== undefined) return mapped;
  const bytes = parseAddress(text.split("%")[0]);
  return bytes?.length === 16 ? formatPrefix({ address: bytes.fill(0, 8), length: 64 }) : text;
}
