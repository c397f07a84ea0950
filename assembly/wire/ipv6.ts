// IPv6 header, RFC 8200 §3, and its extension headers, §4. Offsets in bytes.
//
//   0 version 4 · traffic class 8 · flow label 20
//   4 payload length      6 next header     7 hop limit
//   8 source             24 destination

import { load16, load64, store16 } from "./order";

export const IPV6_LENGTH = 4;
export const IPV6_NEXT = 6;
export const IPV6_HOP_LIMIT = 7;
export const IPV6_SOURCE = 8;
export const IPV6_DESTINATION = 24;
export const IPV6_HEADER: u32 = 40;
/** Every link, so every tunnel too, carries packets of this size (§5). */
export const IPV6_MINIMUM_MTU: u32 = 1280;

/** Extension headers that stand between the IPv6 header and the transport header; any other value ends the chain. */
export const EXTENSION_HOP_BY_HOP: u32 = 0;
export const EXTENSION_ROUTING: u32 = 43;
export const EXTENSION_FRAGMENT: u32 = 44;
export const EXTENSION_DESTINATION: u32 = 60;
export const EXTENSION_HIP: u32 = 139;
export const EXTENSION_SHIM6: u32 = 140;
/** A longer chain is dropped: nothing honest is that long, and the walk must be bounded. */
export const EXTENSIONS_MAX: u32 = 8;

/** Is this next header value an extension that has its length in its second byte, in units of 8 bytes less one? */
export function isExtension(next: u32): bool {
  return (
    next == EXTENSION_HOP_BY_HOP ||
    next == EXTENSION_ROUTING ||
    next == EXTENSION_DESTINATION ||
    next == EXTENSION_HIP ||
    next == EXTENSION_SHIM6
  );
}

/** Traffic class: DSCP and ECN. */
// @ts-ignore: decorator
@inline
export function ipv6TrafficClass(ip: usize): u32 {
  return (load16(ip) >> 4) & 0xff;
}

// @ts-ignore: decorator
@inline
export function ipv6SetTrafficClass(ip: usize, trafficClass: u32): void {
  store16(ip, (load16(ip) & 0xf00f) | (trafficClass << 4));
}

/** One hop less; the hop limit must not be 0. */
// @ts-ignore: decorator
@inline
export function ipv6Decrement(ip: usize): void {
  store<u8>(ip, <u8>(load<u8>(ip, IPV6_HOP_LIMIT) - 1), IPV6_HOP_LIMIT);
}

/** An address that a router may forward to: not multicast (ff00::/8), link-local (fe80::/10), unspecified or loopback. RFC 4291 §2.4. */
export function ipv6Routable(at: usize): bool {
  const first = load16(at);
  if (first >= 0xff00 || (first & 0xffc0) == 0xfe80) return false;
  return !(load64(at) == 0 && load64(at + 8) <= 1);
}
