// Superpackets: what the kernel left uncut because the TUN device takes it so (TSO, USO). A segment is cut only when it is
// about to be sealed, so its payload is copied once, from the slot to its place in the datagram.
//
//   startSegments ── headers, sizes, kind checked; headers to the template ──▶ segments
//   writeSegment(i, to) ── template patched for segment i, copied, its payload copied behind it and summed on the way
//
// What differs between segments: IPv4 length, identification (one more each) and checksum, or IPv6 length; TCP sequence number,
// FIN and PSH only on the last, CWR only on the first (RFC 3168 §6.1.2), or UDP length; the transport checksum, always anew.

import { DROP_MALFORMED } from "./counters";
import { TEMPLATE_SIZE, W_TEMPLATE } from "./layout/arena";
import { family, laterFragment, length, parse, protocol, start, transport, transportLength } from "./packet";
import { arena } from "./state";
import { checksum, copySum, fold, sum } from "./wire/checksum";
import { IPV4_CHECKSUM, IPV4_ID, IPV4_LENGTH, IPV4_MF, IPV4_SOURCE, ipv4Fragment, ipv4HeaderLength } from "./wire/ipv4";
import { IPV6_HEADER, IPV6_LENGTH, IPV6_SOURCE } from "./wire/ipv6";
import { load16, load32, store16, store32 } from "./wire/order";
import {
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  TCP_CHECKSUM,
  TCP_CWR,
  TCP_DATA_OFFSET,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_PSH,
  TCP_SEQUENCE,
  UDP_CHECKSUM,
  UDP_HEADER,
  UDP_LENGTH,
} from "./wire/transport";
import {
  GSO_ECN,
  GSO_TCP4,
  GSO_TCP6,
  GSO_UDP,
  VNET_CHECKSUM_OFFSET,
  VNET_CHECKSUM_START,
  VNET_FLAGS,
  VNET_GSO_SIZE,
  VNET_GSO_TYPE,
  VNET_HEADER,
  VNET_NEEDS_CHECKSUM,
} from "./wire/virtio";

/** Segments of the superpacket at hand. */
export let segments: u32 = 0;
/** Bytes of its headers: of the template. */
let templateLength: u32 = 0;
/** Bytes of its longest segment. */
export let longestSegment: u32 = 0;

let body: usize = 0;
let bodyLength: u32 = 0;
let size: u32 = 0;
let version: u32 = 0;
let isTcp: bool = false;
/** Offset of the transport header in the template. */
let transportAt: u32 = 0;
let firstId: u32 = 0;
let firstSequence: u32 = 0;
let flags: u32 = 0;
/** Sum of the pseudo-header, but for the length. */
let pseudo: u64 = 0;
/** UDP without a checksum stays so. */
let unchecked: bool = false;

/** Address of the headers that all segments have in common. */
// @ts-ignore: decorator
@inline
function template(): usize {
  return arena + W_TEMPLATE;
}

/** Sum of a pseudo-header but for the length (RFC 9293 §3.1, RFC 8200 §8.1): addresses of `ip`, and the protocol. */
export function pseudoSum(ip: usize, ipVersion: u32, ofProtocol: u32): u64 {
  const addresses = ipVersion == 4 ? sum(ip + IPV4_SOURCE, 8) : sum(ip + IPV6_SOURCE, 32);
  return addresses + ((<u64>ofProtocol) << 8);
}

/** What a length adds to the sum of a pseudo-header. */
// @ts-ignore: decorator
@inline
export function lengthSum(bytes: u32): u64 {
  return <u64>bswap<u16>(<u16>bytes);
}

/** Begins with the superpacket of `bytes` at `at`, its virtio header in front; it becomes the packet at hand. 0, or why not. */
export function startSegments(at: usize, bytes: u32): u32 {
  const fault = parse(at, bytes, false);
  if (fault) return fault;
  const vnet = at - VNET_HEADER;
  const kind = (<u32>load<u8>(vnet, VNET_GSO_TYPE)) & ~GSO_ECN;
  if (laterFragment || transport == 0 || (family == 4 && (ipv4Fragment(start) & IPV4_MF) != 0)) return DROP_MALFORMED;
  let header = UDP_HEADER;
  if (kind == (family == 4 ? GSO_TCP4 : GSO_TCP6)) {
    if (protocol != PROTOCOL_TCP || transportLength < TCP_HEADER) return DROP_MALFORMED;
    header = ((<u32>load<u8>(transport, TCP_DATA_OFFSET)) >> 4) << 2;
    if (header < TCP_HEADER) return DROP_MALFORMED;
  } else if (kind != GSO_UDP || protocol != PROTOCOL_UDP) {
    return DROP_MALFORMED;
  }
  size = load<u16>(vnet, VNET_GSO_SIZE);
  transportAt = <u32>(transport - start);
  templateLength = transportAt + header;
  if (size == 0 || header > transportLength || templateLength > <u32>TEMPLATE_SIZE) return DROP_MALFORMED;
  isTcp = protocol == PROTOCOL_TCP;
  version = family;
  body = start + templateLength;
  bodyLength = length - templateLength;
  segments = bodyLength == 0 ? 1 : (bodyLength + size - 1) / size;
  longestSegment = templateLength + min(size, bodyLength);
  firstId = load16(start + IPV4_ID);
  pseudo = pseudoSum(start, family, protocol);
  memory.copy(template(), start, templateLength);
  if (isTcp) {
    firstSequence = load32(transport + TCP_SEQUENCE);
    flags = load<u8>(transport, TCP_FLAGS);
  } else {
    unchecked =
      load<u16>(transport, UDP_CHECKSUM) == 0 && ((<u32>load<u8>(vnet, VNET_FLAGS)) & VNET_NEEDS_CHECKSUM) == 0;
  }
  return 0;
}

/** Bytes of `number` segments that follow each other, headers included, from segment `first` on. */
export function bytesOfSegments(first: u32, number: u32): u32 {
  return number * templateLength + min(number * size, bodyLength - first * size);
}

/** Writes segment `index` of the superpacket that was begun to `to`; its bytes, at most `longestSegment`. */
export function writeSegment(index: u32, to: usize): u32 {
  const headers = template();
  const done = index * size;
  const last = index + 1 == segments;
  const payload = last ? bodyLength - done : size;
  const total = templateLength + payload;
  if (version == 4) {
    store16(headers + IPV4_LENGTH, total);
    store16(headers + IPV4_ID, firstId + index);
    store<u16>(headers, 0, IPV4_CHECKSUM);
    store<u16>(headers, checksum(sum(headers, ipv4HeaderLength(headers))), IPV4_CHECKSUM);
  } else {
    store16(headers + IPV6_LENGTH, total - IPV6_HEADER);
  }
  const at = headers + transportAt;
  if (isTcp) {
    store32(at + TCP_SEQUENCE, firstSequence + done);
    const kept = (last ? 0xff : ~(TCP_FIN | TCP_PSH)) & (index == 0 ? 0xff : ~TCP_CWR);
    store<u8>(at, <u8>(flags & kept), TCP_FLAGS);
    store<u16>(at, 0, TCP_CHECKSUM);
  } else {
    store16(at + UDP_LENGTH, total - transportAt);
    store<u16>(at, 0, UDP_CHECKSUM);
  }
  const summed =
    pseudo +
    lengthSum(total - transportAt) +
    sum(at, templateLength - transportAt) +
    copySum(to + templateLength, body + done, payload);
  if (isTcp) store<u16>(at, checksum(summed), TCP_CHECKSUM);
  else if (!unchecked) store<u16>(at, neverZero(summed), UDP_CHECKSUM);
  memory.copy(to, headers, templateLength);
  return total;
}

/** A checksum where 0 would mean "none" (RFC 768). */
function neverZero(total: u64): u16 {
  const value = checksum(total);
  return value == 0 ? 0xffff : value;
}

/**
 * Completes the checksum of the single packet of `bytes` at `at` if its virtio header asks for it: the field holds the sum of
 * the pseudo-header, as the sender's kernel left it. 0, or a reason to drop it.
 */
export function completeChecksum(at: usize, bytes: u32): u32 {
  const vnet = at - VNET_HEADER;
  if (((<u32>load<u8>(vnet, VNET_FLAGS)) & VNET_NEEDS_CHECKSUM) == 0) return 0;
  const from = <u32>load<u16>(vnet, VNET_CHECKSUM_START);
  const offset = <u32>load<u16>(vnet, VNET_CHECKSUM_OFFSET);
  if (from + offset + 2 > bytes) return DROP_MALFORMED;
  store<u16>(at + from + offset, neverZero(<u64>fold(sum(at + from, bytes - from))));
  return 0;
}
