/** Addresses of clients, as limits count them. */
import { formatPrefix, parseAddress } from "../router/address.ts";

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** What counts as one address: an IPv4 address, or the /64 that an IPv6 host chooses its addresses from. */
export function clientKey(text: string): string {
  const [, mapped] = MAPPED.exec(text) ?? [];
  if (mapped !== undefined) return mapped;
  const bytes = parseAddress(text.split("%")[0]);
  return bytes?.length === 16 ? formatPrefix({ address: bytes.fill(0, 8), length: 64 }) : text;
}
