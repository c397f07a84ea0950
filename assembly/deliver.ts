// The road in, pass 3: opened packets go to a TUN, or on through another tunnel (the hub road).
//
//   deliver         for each opened op, while there is room
//     arrive        tag verified? → sequence number taken → did the peer move? → trailer → inner header
//       admit       selectors → ECN → traffic counters → MSS clamp
//       forward     route in the SA's VRF → filter → TUN (coalesce), or another zone? → one hop less and into the next tunnel
//     refuse        (outbound) drop, count, ICMP error
//
// A packet stays where it was received: trailer and outer header are simply not written.

import { adjacencyAt, guardOf, isLocal, mtuOf, noRoute, routed, staysInZone } from "./adjacency";
import { aheadDelivered, foreseen } from "./ahead";
import { aheadFlowsIn, turnOf } from "./aheadflow";
import {
  COUNT_DELIVERED,
  COUNT_DUMMY,
  COUNT_HUB,
  DROP_ECN,
  DROP_FORGED,
  DROP_INTERWORKING,
  DROP_NEXT_HEADER,
  DROP_REPLAYED,
  DROP_SELECTORS_IN,
  DROP_TIME_EXCEEDED,
  DROP_TRAILER,
} from "./counters";
import { writeMerged } from "./coalesce";
import { closeFlows } from "./coalesceflow";
import { count } from "./drop";
import { decapsulateEcn } from "./ecn";
import { filtered } from "./filter";
import {
  AHEAD_GROUP,
  OPEN_OPS,
  OP_AAD,
  OP_LENGTH,
  OP_OK,
  OP_SA,
  OP_STRIDE,
  OP_TEXT,
  OP_USER,
  OP_USER2,
  W_OPEN_COUNT,
  W_OPEN_NEXT,
  W_OP_COUNT,
} from "./layout/arena";
import { DIRECTION_IN } from "./layout/filter";
import {
  ESP_TRAILER,
  PATH_NAME,
  SA_ADJ,
  SA_ESN,
  SA_FLAGS,
  SA_FORGED,
  SA_PATH,
  SA_REPLAYED,
  SA_SELECTORS,
  SA_VRF,
} from "./layout/sa";
import { name, nameLength, readMessage, socket } from "./message";
import { clampMss } from "./mss";
import { refuse } from "./outbound";
import { family, length, parse, start } from "./packet";
import { TAKEN_ALREADY, TAKEN_NEWEST, take } from "./replay";
import { tellMoved } from "./ring";
import { hasRoom } from "./room";
import { countOpened } from "./sa";
import { matchesInbound } from "./selectors";
import { adjacencyCount, arena } from "./state";
import { intoTunnel } from "./tunnel";
import { IPV4_TTL, ipv4Decrement } from "./wire/ipv4";
import { IPV6_HOP_LIMIT, ipv6Decrement } from "./wire/ipv6";
import { load32, load64 } from "./wire/order";
import { PROTOCOL_IPV4, PROTOCOL_IPV6, PROTOCOL_NONE } from "./wire/transport";

/** What becomes of a packet that is neither forwarded nor dropped. Above all counters. */
const CONSUMED: u32 = 0xffff;

/**
 * Takes on the ops of OPEN_OPS that `open` has been over. Returns the ops in SEAL_OPS. It stops early when the send side is
 * full: seal, send, write, call `flushed`, and call it again while `pending()` is not 0.
 */
export function deliver(): u32 {
  const end = load<u32>(arena, W_OPEN_COUNT);
  let next = load<u32>(arena, W_OPEN_NEXT);
  comparedMessage = NO_MESSAGE;
  let group = next;
  let seen = next;
  for (; next < end; next++) {
    if (next == seen) {
      group = next;
      seen = min(next + AHEAD_GROUP, end);
      aheadDelivered(next, seen);
      aheadFlowsIn(next, seen);
    }
    turnOf(next - group);
    const op = arena + OPEN_OPS + next * OP_STRIDE;
    if (!hasRoom(load<u32>(op, OP_LENGTH))) break;
    const reason = arrive(op, foreseen(next - group));
    if (reason && reason != CONSUMED) refuse(reason, load<u32>(load<u32>(op, OP_SA), SA_VRF));
  }
  closeFlows();
  store<u32>(arena, next, W_OPEN_NEXT);
  return load<u32>(arena, W_OP_COUNT);
}

/** Opened packets that wait for `deliver`. */
export function pending(): u32 {
  return load<u32>(arena, W_OPEN_COUNT) - load<u32>(arena, W_OPEN_NEXT);
}

/** One opened packet; `route` as `routed` has it. 0, CONSUMED, or a reason to drop it. */
function arrive(op: usize, route: u32): u32 {
  const sa = <usize>load<u32>(op, OP_SA);
  if (!load<u32>(op, OP_OK)) {
    store<u32>(sa, load<u32>(sa, SA_FORGED) + 1, SA_FORGED);
    return DROP_FORGED;
  }
  const taken = take(sa, sequenceOf(op, sa));
  if (taken == TAKEN_ALREADY) {
    store<u32>(sa, load<u32>(sa, SA_REPLAYED) + 1, SA_REPLAYED);
    return DROP_REPLAYED;
  }
  // Only the newest packet says where the peer is: an older one may have been on its way since before it moved.
  if (taken == TAKEN_NEWEST) noticeMove(op, sa);
  const text = <usize>load<u32>(op, OP_TEXT);
  const end = text + load<u32>(op, OP_LENGTH) - ESP_TRAILER;
  const pad = <u32>load<u8>(end);
  const next = <u32>load<u8>(end, 1);
  if (!paddingHolds(text, end, pad)) return DROP_TRAILER;
  if (next == PROTOCOL_NONE) {
    count(COUNT_DUMMY);
    return CONSUMED;
  }
  if (next != PROTOCOL_IPV4 && next != PROTOCOL_IPV6) return DROP_NEXT_HEADER;
  const fault = parse(text, <u32>(end - text) - pad, true);
  if (fault) return fault;
  if (family != (next == PROTOCOL_IPV4 ? 4 : 6)) return DROP_NEXT_HEADER;
  const reason = admit(sa, load<u32>(op, OP_USER2));
  return reason ? reason : forward(sa, route);
}

/** The sequence number that was authenticated, out of the AAD. */
function sequenceOf(op: usize, sa: usize): u64 {
  return load<u32>(sa, SA_FLAGS) & SA_ESN ? load64(op + OP_AAD + 4) : <u64>load32(op + OP_AAD + 4);
}

/** The SA and the message whose sender was compared last; message NO_MESSAGE: none of this batch. */
let comparedSa: usize = 0;
let comparedMessage: u32 = 0;
const NO_MESSAGE: u32 = 0xffffffff;

/** Compares the sender with the path that control believes in: family and port, address; flow label and scope don't count. */
function noticeMove(op: usize, sa: usize): void {
  const message = load<u32>(op, OP_USER);
  // A run of datagrams has one sender.
  if (message == comparedMessage && sa == comparedSa) return;
  const path = <usize>atomic.load<u32>(sa + SA_PATH);
  if (!path) return;
  comparedSa = sa;
  comparedMessage = message;
  readMessage(socket, message);
  const known = path + PATH_NAME;
  const same =
    nameLength <= 16
      ? load<u64>(known) == load<u64>(name)
      : load<u32>(known) == load<u32>(name) &&
        load<u64>(known, 8) == load<u64>(name, 8) &&
        load<u64>(known, 16) == load<u64>(name, 16);
  if (!same) tellMoved(sa);
}

/** Is the padding within the text, and 1, 2, 3 … as RFC 4303 §2.4 has it? */
function paddingHolds(text: usize, end: usize, pad: u32): bool {
  if (pad > <u32>(end - text)) return false;
  const first = end - pad;
  for (let i: u32 = 0; i < pad; i++) {
    if (<u32>load<u8>(first + i) != i + 1) return false;
  }
  return true;
}

/** May the packet at hand come out of this SA? Takes over the outer ECN mark, counts, clamps. 0, or a reason to drop it. */
function admit(sa: usize, outerTos: u32): u32 {
  if (!matchesInbound(load<u32>(sa, SA_SELECTORS))) return DROP_SELECTORS_IN;
  if (!decapsulateEcn(outerTos)) return DROP_ECN;
  countOpened(sa, length);
  const index = load<u32>(sa, SA_ADJ);
  if (index == 0 || index >= adjacencyCount) return 0;
  const mtu = mtuOf(adjacencyAt(index));
  if (mtu) clampMss(mtu);
  return 0;
}

/** Routes the packet at hand, which came out of this SA. 0, or a reason to drop it. */
function forward(sa: usize, route: u32): u32 {
  const adjacency = routed(load<u32>(sa, SA_VRF), route);
  if (!adjacency) return noRoute;
  if (isLocal(adjacency)) {
    const guard = guardOf(adjacency);
    const refused = guard ? filtered(guard, DIRECTION_IN) : 0;
    if (refused) return refused;
    // The kernel takes the hop when it routes the packet on.
    writeMerged(adjacency);
    count(COUNT_DELIVERED);
    return 0;
  }
  if (staysInZone(load<u32>(sa, SA_ADJ), adjacency)) return DROP_INTERWORKING;
  if (!takeHop()) return DROP_TIME_EXCEEDED;
  const reason = intoTunnel(adjacency);
  if (!reason) count(COUNT_HUB);
  return reason;
}

/** One hop less, if there is one left for the next router (RFC 1812 §5.3.1, RFC 8200 §3). */
function takeHop(): bool {
  if (<u32>load<u8>(start + (family == 4 ? IPV4_TTL : IPV6_HOP_LIMIT)) <= 1) return false;
  if (family == 4) ipv4Decrement(start);
  else ipv6Decrement(start);
  return true;
}
