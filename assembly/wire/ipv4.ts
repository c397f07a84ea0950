// IPv4 header, RFC 791 §3.1. Offsets in bytes.
//
//   0 version 4 · IHL 4   1 DSCP 6 · ECN 2   2 total length
//   4 identification                         6 0 · DF · MF · fragment offset 13 (units of 8 bytes)
//   8 TTL                 9 protocol        10 header checksum
//  12 source             16 destination     20 options, up to 40 bytes

import { fold, patch, sum } from "./checksum";
import { load16 } from "./order";

export const IPV4_TOS = 1;
export const IPV4_LENGTH = 2;
export const IPV4_ID = 4;
export const IPV4_FRAGMENT = 6;
export const IPV4_TTL = 8;
export const IPV4_PROTOCOL = 9;
export const IPV4_CHECKSUM = 10;
export const IPV4_SOURCE = 12;
export const IPV4_DESTINATION = 16;
export const IPV4_HEADER: u32 = 20;

/** Flags and mask of the fragment field. */
export const IPV4_DF: u32 = 0x4000;
export const IPV4_MF: u32 = 0x2000;
export const IPV4_OFFSET_MASK: u32 = 0x1fff;

/** Bytes of the header, options included. */
// @ts-ignore: decorator
@inline
export function ipv4HeaderLength(ip: usize): u32 {
  return ((<u32>load<u8>(ip)) & 15) << 2;
}

/** The flags and the fragment offset, as a number. */
// @ts-ignore: decorator
@inline
export function ipv4Fragment(ip: usize): u32 {
  return load16(ip + IPV4_FRAGMENT);
}

/** Does the header checksum hold? */
export function ipv4ChecksumHolds(ip: usize, headerLength: u32): bool {
  return fold(sum(ip, headerLength)) == 0xffff;
}

/** Sets the TOS byte and corrects the checksum. */
export function ipv4SetTos(ip: usize, tos: u32): void {
  const before = <u32>load<u16>(ip);
  store<u8>(ip, <u8>tos, IPV4_TOS);
  patch(ip + IPV4_CHECKSUM, before, <u32>load<u16>(ip));
}

/** One hop less; the TTL must not be 0. */
export function ipv4Decrement(ip: usize): void {
  const before = <u32>load<u16>(ip, IPV4_TTL);
  store<u8>(ip, <u8>(load<u8>(ip, IPV4_TTL) - 1), IPV4_TTL);
  patch(ip + IPV4_CHECKSUM, before, <u32>load<u16>(ip, IPV4_TTL));
}

/** An address (as a number) that a router may forward to: unicast, not loopback, not "this network", not link-local (RFC 6890). */
export function ipv4Routable(address: u32): bool {
  const first = address >> 24;
  return first != 0 && first != 127 && first < 224 && address >> 16 != 0xa9fe;
}
