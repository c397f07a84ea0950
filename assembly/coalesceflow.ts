// The flows whose packets are being put together: a table of the packets that came first, and what may come next.
//
//   find ── openFlow: an entry of TUNOUT, and places for the pieces to come ── append, append … ── closeFlow: headers of a superpacket

import { COUNT_COALESCED } from "./counters";
import { count } from "./drop";
import { FLOWS, FLOW_STRIDE, TUNOUT_IOV, TUNOUT_IOVS, W_FLOWS, W_TUNIOV_COUNT } from "./layout/arena";
import { ADJ_TUN } from "./layout/nexthop";
import { headers, isPushed, payload } from "./mergeable";
import { family, length, protocol, start, transport } from "./packet";
import { lengthSum, pseudoSum } from "./segment";
import { arena } from "./state";
import { addPiece, openWrite, plainHeader } from "./tunwrite";
import { checksum, fold, sum } from "./wire/checksum";
import { IPV4_CHECKSUM, IPV4_HEADER, IPV4_ID, IPV4_LENGTH, IPV4_SOURCE } from "./wire/ipv4";
import { IPV6_LENGTH, IPV6_SOURCE } from "./wire/ipv6";
import { load16, load32, store16 } from "./wire/order";
import {
  PROTOCOL_TCP,
  TCP_CHECKSUM,
  TCP_FLAGS,
  TCP_PSH,
  TCP_SEQUENCE,
  UDP_CHECKSUM,
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
export const PACKETS_MAX: u32 = 64;

// A line of the table: the first packet, and where the next must go on.
/** u32: packets so far; 0: the line is free. */
const FLOW_PACKETS = 0;
/** u32: TUN device. */
const FLOW_TUN = 4;
/** u32: addresses of the first packet's IP and transport header. */
export const FLOW_IP = 8;
export const FLOW_TRANSPORT = 12;
/** u32: bytes of its headers, and of its payload. */
export const FLOW_HEADERS = 16;
export const FLOW_SIZE = 20;
/** u32: sequence number that comes next (TCP), identification that comes next (IPv4). */
export const FLOW_SEQUENCE = 24;
export const FLOW_ID = 28;
/** u32: bytes of the superpacket so far. */
export const FLOW_BYTES = 32;
/** u32: address of its entry in TUNOUT. */
const FLOW_ENTRY = 36;
/** u32: ports, as in the packet. */
const FLOW_PORTS = 40;
/** u8: IP version, protocol; whether the first packet's checksum was found right; whether PSH came. */
const FLOW_FAMILY = 44;
const FLOW_PROTOCOL = 45;
export const FLOW_VERIFIED = 46;
const FLOW_PUSHED = 47;

/** Lines in use are below this. */
let lines: u32 = 0;
/** The line that gives way when all are in use. */
let victim: u32 = 0;

// @ts-ignore: decorator
@inline
function flowAt(line: u32): usize {
  return arena + W_FLOWS + line * FLOW_STRIDE;
}

/** The open flow of the packet at hand, or 0. */
export function find(tun: u32): usize {
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

/** The packet at hand opens a flow: it is the first of a superpacket, if others follow it. */
export function openFlow(adjacency: usize, tcp: bool): void {
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

/** The packet at hand is the next of this flow. */
export function append(flow: usize, tcp: bool): void {
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

/** Closes all flows: what is queued may be written. */
export function closeFlows(): void {
  for (let line: u32 = 0; line < lines; line++) {
    const flow = flowAt(line);
    if (load<u32>(flow, FLOW_PACKETS)) closeFlow(flow);
  }
  lines = 0;
}

/** Nothing more is appended; a superpacket gets the headers that say so. */
export function closeFlow(flow: usize): void {
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
