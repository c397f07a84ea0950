// The view of the packet at hand: parsed once, then read by every step of its road.
//
//   parse ── version, lengths, IPv4 checksum if asked, extension headers ──▶ fields below, or a reason to drop
//
// IPv4 header checksum: a packet out of a tunnel is checked, because the peer is another machine and what it forwards may
// have been damaged in its memory before it was sealed (RFC 1812 §5.2.2). A packet from a TUN is not: it comes from our own
// kernel, which has checked or made its header a moment ago.
//
// Ports of fragments: only the first has them (RFC 4301 §7); "ported" is false for the others, for protocols without ports,
// and where the header is cut short.

import { DROP_CHECKSUM, DROP_EXTENSIONS, DROP_MALFORMED } from "./counters";
import {
  IPV4_DESTINATION,
  IPV4_HEADER,
  IPV4_LENGTH,
  IPV4_MF,
  IPV4_OFFSET_MASK,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TOS,
  ipv4ChecksumHolds,
  ipv4Fragment,
  ipv4HeaderLength,
  ipv4SetTos,
} from "./wire/ipv4";
import {
  EXTENSION_FRAGMENT,
  EXTENSIONS_MAX,
  IPV6_DESTINATION,
  IPV6_HEADER,
  IPV6_LENGTH,
  IPV6_NEXT,
  IPV6_SOURCE,
  ipv6SetTrafficClass,
  ipv6TrafficClass,
  isExtension,
} from "./wire/ipv6";
import { load16 } from "./wire/order";
import { hasPorts, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_MOBILITY } from "./wire/transport";

/** Address of the IP header. */
export let start: usize = 0;
/** Bytes of the packet by its own header; what follows in the buffer is not part of it (RFC 4303 §2.7: TFC padding). */
export let length: u32 = 0;
/** 4 or 6. */
export let family: u32 = 0;
/** Bytes of the IPv4 header with options; of the IPv6 header without extensions. */
export let headerLength: u32 = 0;
/** Protocol of the transport header. */
export let protocol: u32 = 0;
/** Address of the transport header; 0 in a fragment that is not the first. */
export let transport: usize = 0;
/** Bytes from the transport header to the packet's end. */
export let transportLength: u32 = 0;
/** Address of the IPv6 fragment header (RFC 8200 §4.5); 0: there is none. */
export let fragmentAt: usize = 0;
/** A fragment other than the first. */
export let laterFragment: bool = false;
/** The two numbers below are known. */
export let ported: bool = false;
/** Ports; for ICMP both are type × 256 + code, for the mobility header type × 256 (RFC 7296 §3.13.1). */
export let sourcePort: u32 = 0;
export let destinationPort: u32 = 0;

/** Looks at the packet of at most `available` bytes at `at`. 0, or a reason to drop it. */
export function parse(at: usize, available: u32, check: bool): u32 {
  start = at;
  ported = false;
  laterFragment = false;
  fragmentAt = 0;
  transport = 0;
  transportLength = 0;
  if (available < IPV4_HEADER) return DROP_MALFORMED;
  const version = (<u32>load<u8>(at)) >> 4;
  family = version;
  if (version == 4) return parse4(at, available, check);
  if (version == 6) return parse6(at, available);
  return DROP_MALFORMED;
}

function parse4(at: usize, available: u32, check: bool): u32 {
  headerLength = ipv4HeaderLength(at);
  length = load16(at + IPV4_LENGTH);
  if (headerLength < IPV4_HEADER || length < headerLength || length > available) return DROP_MALFORMED;
  if (check && !ipv4ChecksumHolds(at, headerLength)) return DROP_CHECKSUM;
  protocol = load<u8>(at, IPV4_PROTOCOL);
  const fragment = ipv4Fragment(at);
  const offset = fragment & IPV4_OFFSET_MASK;
  if (offset == 0) {
    readTransport(at + headerLength, length - headerLength);
    return 0;
  }
  laterFragment = true;
  // A fragment that would end beyond the largest datagram can't be reassembled, and its offset can't be counted on.
  const end = (offset << 3) + length - headerLength;
  return end > 65535 || (length == headerLength && (fragment & IPV4_MF) != 0) ? DROP_MALFORMED : 0;
}

function parse6(at: usize, available: u32): u32 {
  if (available < IPV6_HEADER) return DROP_MALFORMED;
  headerLength = IPV6_HEADER;
  length = load16(at + IPV6_LENGTH) + IPV6_HEADER;
  if (length > available) return DROP_MALFORMED;
  let next = <u32>load<u8>(at, IPV6_NEXT);
  let offset: u32 = IPV6_HEADER;
  for (let seen: u32 = 0; ; seen++) {
    const fragment = next == EXTENSION_FRAGMENT;
    if (!fragment && !isExtension(next)) break;
    if (seen == EXTENSIONS_MAX || offset + 8 > length) return DROP_EXTENSIONS;
    const header = at + offset;
    next = load<u8>(header);
    if (!fragment) {
      offset += (<u32>load<u8>(header, 1) + 1) << 3;
      if (offset > length) return DROP_EXTENSIONS;
    } else {
      fragmentAt = header;
      offset += 8;
      if (load16(header + 2) & 0xfff8) {
        protocol = next;
        laterFragment = true;
        return 0;
      }
    }
  }
  protocol = next;
  readTransport(at + offset, length - offset);
  return 0;
}

function readTransport(at: usize, bytes: u32): void {
  transport = at;
  transportLength = bytes;
  if (bytes < 4) return;
  if (hasPorts(protocol)) {
    sourcePort = load16(at);
    destinationPort = load16(at + 2);
  } else if ((protocol == PROTOCOL_ICMP && family == 4) || (protocol == PROTOCOL_ICMPV6 && family == 6)) {
    sourcePort = load16(at);
    destinationPort = sourcePort;
  } else if (protocol == PROTOCOL_MOBILITY) {
    sourcePort = (<u32>load<u8>(at, 2)) << 8;
    destinationPort = sourcePort;
  } else {
    return;
  }
  ported = true;
}

/** From here on the view is that of a later fragment of the same packet: it has no ports. */
export function forgetPorts(): void {
  ported = false;
}

/** Address of the source address. */
// @ts-ignore: decorator
@inline
export function source(): usize {
  return start + (family == 4 ? <usize>IPV4_SOURCE : <usize>IPV6_SOURCE);
}

/** Address of the destination address. */
// @ts-ignore: decorator
@inline
export function destination(): usize {
  return start + (family == 4 ? <usize>IPV4_DESTINATION : <usize>IPV6_DESTINATION);
}

/** TOS byte or traffic class: DSCP and ECN. */
// @ts-ignore: decorator
@inline
export function tos(): u32 {
  return family == 4 ? <u32>load<u8>(start, IPV4_TOS) : ipv6TrafficClass(start);
}

/** Sets the TOS byte (and corrects the checksum) or the traffic class. */
export function setTos(value: u32): void {
  if (family == 4) ipv4SetTos(start, value);
  else ipv6SetTrafficClass(start, value);
}
