// Messages of recvmmsg and sendmmsg as Linux on x86-64 and arm64 lays them out, and their control data.
//
//   struct mmsghdr   0 name (u64)   8 name length (u32)   16 iovec (u64)   24 iovecs (u64)   32 control (u64)
//                    40 control length (u64)   48 flags (u32)   56 bytes received or sent (u32)   size 64
//   struct iovec     0 base (u64)   8 bytes (u64)
//   struct cmsghdr   0 length with this header (u64)   8 level (u32)   12 type (u32)   16 data; each padded to 8
//
// Control data that we read: the local address (IP_PKTINFO, IPV6_PKTINFO), the TOS byte (IP_TOS, IPV6_TCLASS), the segment
// size of a superpacket (UDP_GRO). That we write: the source address, the TOS byte, the segment size of a run (UDP_SEGMENT).

import { COUNT_RUNS_SENT } from "./counters";
import { count } from "./drop";
import {
  BATCH,
  CTL_STRIDE,
  IOV_STRIDE,
  MSG_STRIDE,
  NAME_STRIDE,
  RX,
  RXCTL,
  RXIOV,
  RXMSG,
  RXNAME,
  SLOT_HEADROOM,
  SLOT_SIZE,
  SLOT_STRIDE,
  SOCKETS,
  TXCTL,
  TXIOV,
  TXMSG,
  TXRUN,
  TXSA,
  TX_MAX,
  W_GSO_REFUSED,
  W_TX_COUNT,
} from "./layout/arena";
import { G_OFFLOAD, OFFLOAD_GSO } from "./layout/globals";
import { PATH_INTERFACE, PATH_NAME, PATH_NAME_LENGTH, PATH_SOCKET, PATH_SOURCE } from "./layout/sa";
import { arena, host } from "./state";

const MSG_NAME = 0;
const MSG_NAME_LENGTH = 8;
const MSG_IOV = 16;
const MSG_IOVS = 24;
const MSG_CONTROL = 32;
const MSG_CONTROL_LENGTH = 40;
const MSG_FLAGS = 48;
const MSG_BYTES = 56;
const MSG_TRUNC: u32 = 0x20;

const CMSG_LEVEL = 8;
const CMSG_TYPE = 12;
const CMSG_DATA = 16;
const CMSG_HEADER: u32 = 16;

const SOL_IP: u32 = 0;
const IP_TOS: u32 = 1;
const IP_PKTINFO: u32 = 8;
const SOL_UDP: u32 = 17;
const UDP_SEGMENT: u32 = 103;
const UDP_GRO: u32 = 104;
/** A run's most: datagrams (UDP_MAX_SEGMENTS of older kernels), bytes (an IPv4 packet's, less its headers). */
const RUN_DATAGRAMS: u32 = 64;
const RUN_BYTES: u32 = 65507;
const SOL_IPV6: u32 = 41;
const IPV6_PKTINFO: u32 = 50;
const IPV6_TCLASS: u32 = 67;

/** The received message at hand. */
export let socket: u32 = 0;
/** Its sender: address and bytes of a sockaddr. */
export let name: usize = 0;
export let nameLength: u32 = 0;
/** The address that it was sent to, 4 or 16 bytes; length 0: the kernel did not say. */
export let local: usize = 0;
export let localLength: u32 = 0;
export let interfaceIndex: u32 = 0;
/** TOS byte of the outer header; 0 where the kernel did not say. */
export let outerTos: u32 = 0;
/** Bytes of each datagram in a superpacket; 0: the message is one datagram. */
export let segment: u32 = 0;

/** Messages that the last recvmmsg wrote to; before the first, all of them want pointers too. */
let used: u32 = BATCH;
let pointed: bool = false;

/** Makes all messages of RXMSG ready for recvmmsg, which overwrites the lengths of name and control and the flags of those it fills. */
export function prepareReceive(): void {
  if (!pointed) pointReceive();
  let message = arena + RXMSG;
  for (let i: u32 = 0; i < used; i++) {
    store<u64>(message, NAME_STRIDE, MSG_NAME_LENGTH);
    store<u64>(message, CTL_STRIDE, MSG_CONTROL_LENGTH);
    store<u64>(message, 0, MSG_FLAGS);
    message += MSG_STRIDE;
  }
  used = 0;
}

/** Says that recvmmsg filled this many messages: the next `prepareReceive` has these to do. */
// @ts-ignore: decorator
@inline
export function wasFilled(messages: u32): void {
  used = messages;
}

/** The part that the kernel leaves alone: a slot, a name and control data for each message. */
function pointReceive(): void {
  let message = arena + RXMSG;
  let iov = arena + RXIOV;
  let from = arena + RXNAME;
  let control = arena + RXCTL;
  let slot = received(0);
  for (let i: u32 = 0; i < <u32>BATCH; i++) {
    store<u64>(message, host(from), MSG_NAME);
    store<u64>(message, host(iov), MSG_IOV);
    store<u64>(message, 1, MSG_IOVS);
    store<u64>(message, host(control), MSG_CONTROL);
    store<u64>(iov, host(slot));
    store<u64>(iov, SLOT_SIZE, 8);
    message += MSG_STRIDE;
    iov += IOV_STRIDE;
    from += NAME_STRIDE;
    control += CTL_STRIDE;
    slot += SLOT_STRIDE;
  }
  pointed = true;
}

/** Address of the first byte that message `index` received. */
// @ts-ignore: decorator
@inline
export function received(index: u32): usize {
  return arena + RX + index * SLOT_STRIDE + SLOT_HEADROOM;
}

/** Bytes that message `index` received, never more than its slot. */
export function receivedLength(index: u32): u32 {
  return min(load<u32>(arena + RXMSG + index * MSG_STRIDE, MSG_BYTES), <u32>SLOT_SIZE);
}

/** Was the message longer than its slot? */
export function wasTruncated(index: u32): bool {
  return (load<u32>(arena + RXMSG + index * MSG_STRIDE, MSG_FLAGS) & MSG_TRUNC) != 0;
}

/** Makes message `index` of socket `on` the one at hand: reads its name and control data. */
export function readMessage(on: u32, index: u32): void {
  const message = arena + RXMSG + index * MSG_STRIDE;
  socket = on;
  name = arena + RXNAME + index * NAME_STRIDE;
  nameLength = min(load<u32>(message, MSG_NAME_LENGTH), <u32>NAME_STRIDE);
  localLength = 0;
  interfaceIndex = 0;
  outerTos = 0;
  segment = 0;
  let at = arena + RXCTL + index * CTL_STRIDE;
  let left = min(<u32>load<u64>(message, MSG_CONTROL_LENGTH), <u32>CTL_STRIDE);
  while (left >= CMSG_HEADER) {
    const size = <u32>load<u64>(at);
    if (size < CMSG_HEADER || size > left) return;
    readControl(at, size - CMSG_HEADER);
    const step = min((size + 7) & ~7, left);
    at += step;
    left -= step;
  }
}

function readControl(at: usize, bytes: u32): void {
  const level = load<u32>(at, CMSG_LEVEL);
  const type = load<u32>(at, CMSG_TYPE);
  if (level == SOL_IP) {
    if (type == IP_TOS && bytes >= 1) outerTos = load<u8>(at, CMSG_DATA);
    else if (type == IP_PKTINFO && bytes >= 12) {
      // struct in_pktinfo: interface, address for a reply, destination of the header.
      interfaceIndex = load<u32>(at, CMSG_DATA);
      local = at + CMSG_DATA + 4;
      localLength = 4;
    }
  } else if (level == SOL_IPV6) {
    if (type == IPV6_TCLASS && bytes >= 4) outerTos = load<u32>(at, CMSG_DATA) & 0xff;
    else if (type == IPV6_PKTINFO && bytes >= 20) {
      // struct in6_pktinfo: address, interface.
      local = at + CMSG_DATA;
      localLength = 16;
      interfaceIndex = load<u32>(at, CMSG_DATA + 16);
    }
  } else if (level == SOL_UDP && type == UDP_GRO && bytes >= 4) {
    segment = load<u32>(at, CMSG_DATA);
  }
}

/**
 * Queues the datagram of `bytes` at `at` for the peer of `path`, with this TOS byte; `sa` is the SA that seals it. One that
 * follows its like in the send region, no longer than it, joins the message of that one, and the kernel (or the interface)
 * cuts the run apart as late as it can. A shorter one ends a run.
 */
export function queueDatagram(path: usize, sa: usize, at: usize, bytes: u32, tos: u32): void {
  const to = load<u32>(path, PATH_SOCKET) & (SOCKETS - 1);
  const counter = arena + W_TX_COUNT + (to << 2);
  const index = load<u32>(counter);
  if (index && joinRun(to, index - 1, path, sa, at, bytes, tos)) return;
  const place = to * TX_MAX + index;
  const message = arena + TXMSG + place * MSG_STRIDE;
  const iov = arena + TXIOV + place * IOV_STRIDE;
  const control = arena + TXCTL + place * CTL_STRIDE;
  store<u64>(iov, host(at));
  store<u64>(iov, bytes, 8);
  store<u64>(message, host(path + PATH_NAME), MSG_NAME);
  store<u64>(message, load<u32>(path, PATH_NAME_LENGTH), MSG_NAME_LENGTH);
  store<u64>(message, host(iov), MSG_IOV);
  store<u64>(message, 1, MSG_IOVS);
  store<u64>(message, host(control), MSG_CONTROL);
  store<u64>(
    message,
    to & 2 ? writeControl6(control, path, tos) : writeControl4(control, path, tos),
    MSG_CONTROL_LENGTH,
  );
  store<u64>(message, 0, MSG_FLAGS);
  store<u32>(message, 0, MSG_BYTES);
  store<u32>(arena + TXSA + (place << 2), <u32>sa);
  store<u32>(arena + TXRUN + (place << 2), bytes);
  store<u32>(counter, index + 1);
}

/** Makes the datagram the next of the run that message `index` is, or begins one with it. */
function joinRun(to: u32, index: u32, path: usize, sa: usize, at: usize, bytes: u32, tos: u32): bool {
  if ((load<u32>(G_OFFLOAD) & OFFLOAD_GSO) == 0 || load<u32>(arena, W_GSO_REFUSED) & (1 << to)) return false;
  const place = to * TX_MAX + index;
  const size = load<u32>(arena + TXRUN + (place << 2));
  if (bytes > size || load<u32>(arena + TXSA + (place << 2)) != <u32>sa) return false;
  const message = arena + TXMSG + place * MSG_STRIDE;
  const iov = arena + TXIOV + place * IOV_STRIDE;
  const control = arena + TXCTL + place * CTL_STRIDE;
  const length = <u32>load<u64>(iov, 8);
  if (load<u64>(iov) + length != host(at) || load<u64>(message, MSG_NAME) != host(path + PATH_NAME)) return false;
  // The TOS byte is the first control message of both families.
  if (load<u32>(control, CMSG_DATA) != tos) return false;
  const datagrams = length / size;
  if (datagrams * size != length || datagrams == RUN_DATAGRAMS || length + bytes > RUN_BYTES) return false;
  if (length == size) {
    const used = <u32>load<u64>(message, MSG_CONTROL_LENGTH);
    header(control + used, 2, SOL_UDP, UDP_SEGMENT);
    store<u64>(control + used, size, CMSG_DATA);
    store<u64>(message, used + 24, MSG_CONTROL_LENGTH);
    count(COUNT_RUNS_SENT);
  }
  store<u64>(iov, length + bytes, 8);
  return true;
}

/** IP_TOS, and IP_PKTINFO where the path names its source. Returns bytes of control data. */
function writeControl4(at: usize, path: usize, tos: u32): u32 {
  putInt(at, SOL_IP, IP_TOS, tos);
  const source = load<u32>(path, PATH_SOURCE);
  if (!source) return 24;
  header(at + 24, 12, SOL_IP, IP_PKTINFO);
  store<u32>(at, load<u32>(path, PATH_INTERFACE), 24 + CMSG_DATA);
  store<u32>(at, source, 24 + CMSG_DATA + 4);
  store<u64>(at, 0, 24 + CMSG_DATA + 8);
  return 24 + 32;
}

/** IPV6_TCLASS, and IPV6_PKTINFO where the path names its source. Returns bytes of control data. */
function writeControl6(at: usize, path: usize, tos: u32): u32 {
  putInt(at, SOL_IPV6, IPV6_TCLASS, tos);
  if (!(load<u64>(path, PATH_SOURCE) | load<u64>(path, PATH_SOURCE + 8))) return 24;
  header(at + 24, 20, SOL_IPV6, IPV6_PKTINFO);
  memory.copy(at + 24 + CMSG_DATA, path + PATH_SOURCE, 16);
  store<u64>(at, load<u32>(path, PATH_INTERFACE), 24 + CMSG_DATA + 16);
  return 24 + 40;
}

/** A control message with an int, 24 bytes. */
function putInt(at: usize, level: u32, type: u32, value: u32): void {
  header(at, 4, level, type);
  store<u64>(at, value, CMSG_DATA);
}

function header(at: usize, bytes: u32, level: u32, type: u32): void {
  store<u64>(at, CMSG_HEADER + bytes);
  store<u32>(at, level, CMSG_LEVEL);
  store<u32>(at, type, CMSG_TYPE);
}
