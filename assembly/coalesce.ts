// The last step of the road in, before a TUN that takes superpackets: packets that follow each other in one flow are written as
// one, so the kernel routes and delivers them at the price of one. Only what the kernel's own GRO would merge, so that cutting it
// again gives the same packets:
//
//   same device, addresses, ports · same TOS, TTL, DF (flow label) · IPv4 without options, identification one more each (any with
//   DF, RFC 6864 §4.1) · not a fragment · both transport checksums hold · sizes equal, a shorter one ends it
//   TCP    ACK and no other flag but PSH, which ends it · next sequence number · same acknowledgment, window and options
//   UDP    with a checksum
//
//   writeMerged ── the packet's flow is held open and it fits? ── append: one more iovec, its payload where it lies
//                  else: the flow is closed, and this packet may open it anew
//
// A flow is a line of the table below, an entry of TUNOUT and a run of iovecs kept for it. Entries are written in the order in which
// their first packets came. A packet that is not appended closes its flow, so none of a flow is ever written before an earlier one.
// At the end of each batch all are closed: nothing waits for a timer.

import { COUNT_COALESCED } from "./counters";
import { count } from "./drop";
import { FLOWS, FLOW_STRIDE, TUNIOV_MAX, TUNOUT_IOV, TUNOUT_IOVS, W_FLOWS, W_TUNIOV_COUNT } from "./layout/arena";
import { TUN_COALESCE_TCP, TUN_COALESCE_UDP } from "./layout/globals";
import { ADJ_TUN } from "./layout/nexthop";
import { family, laterFragment, length, protocol, start, transport, transportLength } from "./packet";
import { lengthSum, pseudoSum } from "./segment";
import { arena } from "./state";
import { addPiece, openWrite, plainHeader, tunFlags, writeOpened } from "./tunwrite";
import { checksum, fold, sum } from "./wire/checksum";
import {
  IPV4_CHECKSUM,
  IPV4_DF,
  IPV4_FRAGMENT,
  IPV4_HEADER,
  IPV4_ID,
  IPV4_LENGTH,
  IPV4_MF,
  IPV4_SOURCE,
  IPV4_TOS,
  IPV4_TTL,
  ipv4Fragment,
} from "./wire/ipv4";
import { IPV6_HEADER, IPV6_HOP_LIMIT, IPV6_LENGTH, IPV6_SOURCE } from "./wire/ipv6";
import { load16, load32, store16 } from "./wire/order";
import {
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  TCP_ACK,
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_PSH,
  TCP_SEQUENCE,
  TCP_WINDOW,
  UDP_CHECKSUM,
  UDP_HEADER,
  UDP_LENGTH,
} from "./wire/transport";
import {
  GSO_TCP4,
  GSO_TCP6,
  GSO_UDP,
  VNET_CHECKSUM_OFFSET,
  VNET_CHECKSUM_START,
  VNET_FLAGS,
  VNET_GSO_SIZE,
  VNET_GSO_TYPE,
  VNET_HEADER,
  VNET_HEADER_LENGTH,
  VNET_NEEDS_CHECKSUM,
} from "./wire/virtio";

/** Packets of one superpacket, as many as the kernel's GRO takes. */
const PACKETS_MAX: u32 = 64;
const BYTES_MAX: u32 = 65535;

// A line of the table: the first packet, and where the next must go on.
/** u32: packets so far; 0: the line is free. */
const FLOW_PACKETS = 0;
/** u32: TUN device. */
const FLOW_TUN = 4;
/** u32: addresses of the first packet's IP and transport header. */
const FLOW_IP = 8;
const FLOW_TRANSPORT = 12;
/** u32: bytes of its headers, and of its payload. */
const FLOW_HEADERS = 16;
const FLOW_SIZE = 20;
/** u32: sequence number that comes next (TCP), identification that comes next (IPv4). */
const FLOW_SEQUENCE = 24;
const FLOW_ID = 28;
/** u32: bytes of the superpacket so far. */
const FLOW_BYTES = 32;
/** u32: address of its entry in TUNOUT. */
const FLOW_ENTRY = 36;
/** u32: ports, as in the packet. */
const FLOW_PORTS = 40;
/** u8: IP version, protocol; whether the first packet's checksum was found right; whether PSH came. */
const FLOW_FAMILY = 44;
const FLOW_PROTOCOL = 45;
const FLOW_VERIFIED = 46;
const FLOW_PUSHED = 47;

/** Lines in use are below this. */
let lines: u32 = 0;
/** The line that gives way when all are in use. */
let victim: u32 = 0;

/** Bytes of IP and transport header of the packet at hand, and of what follows. */
let headers: u32 = 0;
let payload: u32 = 0;

/** Queues the packet at hand, which came out of a tunnel, for the TUN device of a local adjacency: alone, or with its flow. */
export function writeMerged(adjacency: usize): void {
  const takes = tunFlags(adjacency);
  const tcp = protocol == PROTOCOL_TCP;
  if (!(tcp ? takes & TUN_COALESCE_TCP : protocol == PROTOCOL_UDP ? takes & TUN_COALESCE_UDP : 0)) {
    writeOpened(adjacency, start, length);
    return;
  }
  if (!isPlain()) {
    // A fragment, or options: whose flow it is isn't known, so none may be overtaken by what comes later.
    closeFlows();
    writeOpened(adjacency, start, length);
    return;
  }
  const flow = find(load<u32>(adjacency, ADJ_TUN));
  const mergeable = tcp ? isMergeableTcp() : isMergeableUdp();
  if (flow) {
    if (mergeable && continues(flow, tcp) && verified(flow) && checksumHolds(start, transport, length)) {
      append(flow, tcp);
      return;
    }
    closeFlow(flow);
  }
  if (mergeable && !(tcp && isPushed()) && load<u32>(arena, W_TUNIOV_COUNT) + PACKETS_MAX <= <u32>TUNIOV_MAX) {
    openFlow(adjacency, tcp);
  } else {
    writeOpened(adjacency, start, length);
  }
}

/** Closes all flows: what is queued may be written. */
export function closeFlows(): void {
  for (let line: u32 = 0; line < lines; line++) {
    const flow = flowAt(line);
    if (load<u32>(flow, FLOW_PACKETS)) closeFlow(flow);
  }
  lines = 0;
}

// @ts-ignore: decorator
@inline
function flowAt(line: u32): usize {
  return arena + W_FLOWS + line * FLOW_STRIDE;
}

/** Is the transport header right behind a plain IP header, and the packet no fragment? */
function isPlain(): bool {
  if (laterFragment || transport == 0 || transportLength < UDP_HEADER) return false;
  if (family == 6) return transport == start + IPV6_HEADER;
  return transport == start + IPV4_HEADER && (ipv4Fragment(start) & IPV4_MF) == 0;
}

/** Sets `headers` and `payload`. */
function isMergeableTcp(): bool {
  if (transportLength < TCP_HEADER) return false;
  const offset = <u32>load<u8>(transport, TCP_DATA_OFFSET);
  const header = (offset >> 4) << 2;
  // The low half of the byte is reserved, or of accurate ECN: no flag but ACK and PSH.
  if ((offset & 15) != 0 || header < TCP_HEADER || header >= transportLength) return false;
  if (((<u32>load<u8>(transport, TCP_FLAGS)) & ~TCP_PSH) != TCP_ACK) return false;
  headers = <u32>(transport - start) + header;
  payload = transportLength - header;
  return true;
}

/** Sets `headers` and `payload`. */
function isMergeableUdp(): bool {
  if (load16(transport + UDP_LENGTH) != transportLength || load<u16>(transport, UDP_CHECKSUM) == 0) return false;
  headers = <u32>(transport - start) + UDP_HEADER;
  payload = transportLength - UDP_HEADER;
  return payload != 0;
}

// @ts-ignore: decorator
@inline
function isPushed(): bool {
  return ((<u32>load<u8>(transport, TCP_FLAGS)) & TCP_PSH) != 0;
}

/** The open flow of the packet at hand, or 0. */
function find(tun: u32): usize {
  const ports = load<u32>(transport);
  for (let line: u32 = 0; line < lines; line++) {
    const flow = flowAt(line);
    if (load<u32>(flow, FLOW_PORTS) != ports || load<u32>(flow, FLOW_PACKETS) == 0) continue;
    if (load<u32>(flow, FLOW_TUN) != tun || load<u8>(flow, FLOW_PROTOCOL) != <u8>protocol) continue;
    if (load<u8>(flow, FLOW_FAMILY) == <u8>family && sameAddresses(load<u32>(flow, FLOW_IP))) return flow;
  }
  return 0;
}

function sameAddresses(other: usize): bool {
  if (family == 4) return load<u64>(start, IPV4_SOURCE) == load<u64>(other, IPV4_SOURCE);
  const difference =
    (load<u64>(start, IPV6_SOURCE) ^ load<u64>(other, IPV6_SOURCE)) |
    (load<u64>(start, IPV6_SOURCE + 8) ^ load<u64>(other, IPV6_SOURCE + 8)) |
    (load<u64>(start, IPV6_SOURCE + 16) ^ load<u64>(other, IPV6_SOURCE + 16)) |
    (load<u64>(start, IPV6_SOURCE + 24) ^ load<u64>(other, IPV6_SOURCE + 24));
  return difference == 0;
}

/** Is the packet at hand what comes next in this flow? */
function continues(flow: usize, tcp: bool): bool {
  if (payload > load<u32>(flow, FLOW_SIZE) || headers != load<u32>(flow, FLOW_HEADERS)) return false;
  if (load<u32>(flow, FLOW_BYTES) + payload > BYTES_MAX) return false;
  const ip = <usize>load<u32>(flow, FLOW_IP);
  if (family == 4) {
    if (load<u8>(start, IPV4_TOS) != load<u8>(ip, IPV4_TOS) || load<u8>(start, IPV4_TTL) != load<u8>(ip, IPV4_TTL)) {
      return false;
    }
    if (load<u16>(start, IPV4_FRAGMENT) != load<u16>(ip, IPV4_FRAGMENT)) return false;
    if ((ipv4Fragment(start) & IPV4_DF) == 0 && load16(start + IPV4_ID) != load<u32>(flow, FLOW_ID)) return false;
  } else if (load<u32>(start) != load<u32>(ip) || load<u8>(start, IPV6_HOP_LIMIT) != load<u8>(ip, IPV6_HOP_LIMIT)) {
    return false;
  }
  return !tcp || continuesTcp(flow);
}

function continuesTcp(flow: usize): bool {
  const other = <usize>load<u32>(flow, FLOW_TRANSPORT);
  if (
    load32(transport + TCP_SEQUENCE) != load<u32>(flow, FLOW_SEQUENCE) ||
    load<u32>(transport, TCP_ACKNOWLEDGMENT) != load<u32>(other, TCP_ACKNOWLEDGMENT) ||
    load<u16>(transport, TCP_WINDOW) != load<u16>(other, TCP_WINDOW)
  ) {
    return false;
  }
  const end = start + headers;
  let theirs = other + TCP_HEADER;
  for (let mine = transport + TCP_HEADER; mine < end; mine += 4) {
    if (load<u32>(mine) != load<u32>(theirs)) return false;
    theirs += 4;
  }
  return true;
}

/** Does the checksum of the flow's first packet hold? Asked when a second one comes. */
function verified(flow: usize): bool {
  if (load<u8>(flow, FLOW_VERIFIED)) return true;
  if (!checksumHolds(load<u32>(flow, FLOW_IP), load<u32>(flow, FLOW_TRANSPORT), load<u32>(flow, FLOW_BYTES)))
    return false;
  store<u8>(flow, 1, FLOW_VERIFIED);
  return true;
}

/** Of a packet of the family and protocol at hand. */
function checksumHolds(ip: usize, header: usize, bytes: u32): bool {
  const covered = bytes - <u32>(header - ip);
  return fold(pseudoSum(ip, family, protocol) + lengthSum(covered) + sum(header, covered)) == 0xffff;
}

function openFlow(adjacency: usize, tcp: bool): void {
  let line = lines;
  if (line < <u32>FLOWS) {
    lines++;
  } else {
    line = victim;
    victim = (victim + 1) & (FLOWS - 1);
    if (load<u32>(flowAt(line), FLOW_PACKETS)) closeFlow(flowAt(line));
  }
  const flow = flowAt(line);
  const entry = openWrite(adjacency, plainHeader(start), length + VNET_HEADER);
  // Places for the pieces to come; what is not used is given back when nothing else was taken since.
  store<u32>(arena, load<u32>(entry, TUNOUT_IOV) + PACKETS_MAX, W_TUNIOV_COUNT);
  store<u32>(flow, 1, FLOW_PACKETS);
  store<u32>(flow, load<u32>(adjacency, ADJ_TUN), FLOW_TUN);
  store<u32>(flow, <u32>start, FLOW_IP);
  store<u32>(flow, <u32>transport, FLOW_TRANSPORT);
  store<u32>(flow, headers, FLOW_HEADERS);
  store<u32>(flow, payload, FLOW_SIZE);
  store<u32>(flow, tcp ? load32(transport + TCP_SEQUENCE) + payload : 0, FLOW_SEQUENCE);
  store<u32>(flow, (load16(start + IPV4_ID) + 1) & 0xffff, FLOW_ID);
  store<u32>(flow, length, FLOW_BYTES);
  store<u32>(flow, <u32>entry, FLOW_ENTRY);
  store<u32>(flow, load<u32>(transport), FLOW_PORTS);
  store<u8>(flow, <u8>family, FLOW_FAMILY);
  store<u8>(flow, <u8>protocol, FLOW_PROTOCOL);
  store<u16>(flow, 0, FLOW_VERIFIED);
}

function append(flow: usize, tcp: bool): void {
  addPiece(load<u32>(flow, FLOW_ENTRY), start + headers, payload);
  const packets = load<u32>(flow, FLOW_PACKETS) + 1;
  store<u32>(flow, packets, FLOW_PACKETS);
  store<u32>(flow, load<u32>(flow, FLOW_SEQUENCE) + payload, FLOW_SEQUENCE);
  store<u32>(flow, (load<u32>(flow, FLOW_ID) + 1) & 0xffff, FLOW_ID);
  store<u32>(flow, load<u32>(flow, FLOW_BYTES) + payload, FLOW_BYTES);
  const pushed = tcp && isPushed();
  if (pushed) store<u8>(flow, 1, FLOW_PUSHED);
  if (pushed || payload < load<u32>(flow, FLOW_SIZE) || packets == PACKETS_MAX) closeFlow(flow);
}

/** Nothing more is appended; a superpacket gets the headers that say so. */
function closeFlow(flow: usize): void {
  const packets = load<u32>(flow, FLOW_PACKETS);
  const entry = <usize>load<u32>(flow, FLOW_ENTRY);
  store<u32>(flow, 0, FLOW_PACKETS);
  const first = load<u32>(entry, TUNOUT_IOV);
  if (first + PACKETS_MAX == load<u32>(arena, W_TUNIOV_COUNT)) {
    store<u32>(arena, first + load<u32>(entry, TUNOUT_IOVS), W_TUNIOV_COUNT);
  }
  if (packets == 1) return;
  count(COUNT_COALESCED);
  const ip = <usize>load<u32>(flow, FLOW_IP);
  const header = <usize>load<u32>(flow, FLOW_TRANSPORT);
  const bytes = load<u32>(flow, FLOW_BYTES);
  const ipVersion = <u32>load<u8>(flow, FLOW_FAMILY);
  const covered = bytes - <u32>(header - ip);
  if (ipVersion == 4) {
    store16(ip + IPV4_LENGTH, bytes);
    store<u16>(ip, 0, IPV4_CHECKSUM);
    store<u16>(ip, checksum(sum(ip, IPV4_HEADER)), IPV4_CHECKSUM);
  } else {
    store16(ip + IPV6_LENGTH, covered);
  }
  const ofProtocol = <u32>load<u8>(flow, FLOW_PROTOCOL);
  const partial = <u16>fold(pseudoSum(ip, ipVersion, ofProtocol) + lengthSum(covered));
  let kind = GSO_UDP;
  let field: u32 = UDP_CHECKSUM;
  if (ofProtocol == PROTOCOL_TCP) {
    kind = ipVersion == 4 ? GSO_TCP4 : GSO_TCP6;
    field = TCP_CHECKSUM;
    if (load<u8>(flow, FLOW_PUSHED)) store<u8>(header, load<u8>(header, TCP_FLAGS) | (<u8>TCP_PSH), TCP_FLAGS);
  } else {
    store16(header + UDP_LENGTH, covered);
  }
  store<u16>(header + field, partial);
  const vnet = ip - VNET_HEADER;
  store<u8>(vnet, <u8>VNET_NEEDS_CHECKSUM, VNET_FLAGS);
  store<u8>(vnet, <u8>kind, VNET_GSO_TYPE);
  store<u16>(vnet, <u16>load<u32>(flow, FLOW_HEADERS), VNET_HEADER_LENGTH);
  store<u16>(vnet, <u16>load<u32>(flow, FLOW_SIZE), VNET_GSO_SIZE);
  store<u16>(vnet, <u16>(header - ip), VNET_CHECKSUM_START);
  store<u16>(vnet, <u16>field, VNET_CHECKSUM_OFFSET);
}
