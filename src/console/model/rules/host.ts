/** IPv4 addresses that one host can have. */
import { overlap, parseIpv4, prefixOf } from "../prefix.ts";

/** No address of a host: unspecified and "this network", loopback, multicast and reserved (RFC 6890). */
const NO_HOSTS = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"].map((text) => prefixOf(text)!);

/** Is this text the address of one host? */
export function isHost(text: string): boolean {
  const base = parseIpv4(text);
  return base !== undefined && !NO_HOSTS.some((prefix) => overlap(prefix, { base, length: 32 }));
}
