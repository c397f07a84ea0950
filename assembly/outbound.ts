// The road out, pass 1: packets read from a TUN become datagrams, ready to be sealed.
//
//   outbound        for each packet, while there is room; its checksum completed where the kernel left that to us
//     leave         parse → route in the VRF of the TUN → filter of the TUN → another TUN, or
//       intoTunnel  (tunnel) MSS clamp → fits the MTU? → Child SA by selectors → encapsulate, or wait in the shaper
//     inSegments    a superpacket: route, MTU and Child SA once, then segment for segment
//     refuse        drop, count, and an ICMP error where the sender should know
//
// The hub road (deliver) ends in a tunnel as well, and both roads refuse alike. Pass 2 is `seal`; then the worker's loop sends
// W_TX_COUNT messages. TTL: the kernel took one hop when it routed the packet to the TUN, so none is taken here.

import { guardOf, isLocal, mtuOf, noRoute, routed } from "./adjacency";
import { aheadOut, foreseen } from "./ahead";
import { aheadFlowsOut, turnOf } from "./aheadflow";
import {
  COUNT_CROSSED,
  COUNT_ENCAPSULATED,
  COUNT_ICMP_SENT,
  COUNT_ICMP_UNSENT,
  COUNT_SEALED,
  COUNT_SEGMENTED,
  COUNT_TUN_READ,
  DROP_HAIRPIN,
  DROP_NO_PATH,
  DROP_SEQUENCE_LIMIT,
  DROP_SHAPER,
} from "./counters";
import { count, countBy, drop } from "./drop";
import { enclose, nextText, pathOf } from "./encapsulate";
import { filtered } from "./filter";
import { answerIcmp, icmpLength } from "./icmp";
import { AHEAD_GROUP, SLOT_HEADROOM, SLOT_SIZE, SLOT_STRIDE, TUNLEN, TUNRX } from "./layout/arena";
import { DIRECTION_IN, DIRECTION_OUT } from "./layout/filter";
import { G_TUN_FLAGS, G_TUN_GUARDS, G_TUN_VRFS, TUN_VNET } from "./layout/globals";
import { ADJ_TUN } from "./layout/nexthop";
import { family, length, parse, start, tos } from "./packet";
import { beginEvents } from "./ring";
import { hasRoom, roomFor, sendRegion, takeSendRegion } from "./room";
import { countSealed, sequencesTaken, takeSequences } from "./sa";
import { completeChecksum, longestSegment, segments, startSegments, writeSegment } from "./segment";
import { isShaped } from "./shape";
import { segmentsPass, segmentsWait } from "./shaper";
import { arena } from "./state";
import { chooseSa, fittingMtu, intoTunnel, noSa } from "./tunnel";
import { writeTun } from "./tunwrite";
import { GSO_NONE, VNET_GSO_TYPE, VNET_HEADER } from "./wire/virtio";

/** Segments of the superpacket at hand that are done: not 0 while it waits for room in the middle. */
let segmentsDone: u32 = 0;

/**
 * Takes packets `first` to `packets − 1` out of the TUNRX slots (lengths in TUNLEN), all read from device `tun`. Returns how
 * many it took: fewer than there are when the send region, its messages or the op vector could not hold the next one; then
 * seal, send, call `flushed` and go on with the rest.
 */
export function outbound(tun: u32, first: u32, packets: u32): u32 {
  if (first == 0) beginEvents();
  const vrf = load<u32>(G_TUN_VRFS + (tun << 2));
  const guard = <usize>atomic.load<u32>(G_TUN_GUARDS + (tun << 2));
  const headed = (load<u32>(G_TUN_FLAGS + (tun << 2)) & TUN_VNET) != 0;
  let index = first;
  let group = first;
  let seen = first;
  for (; index < packets; index++) {
    if (index == seen) {
      group = index;
      seen = min(index + AHEAD_GROUP, packets);
      aheadOut(index, seen, vrf);
      aheadFlowsOut(index, seen, guard);
    }
    turnOf(index - group);
    const bytes = min(load<u32>(arena + TUNLEN + (index << 2)), <u32>SLOT_SIZE);
    const at = arena + TUNRX + index * SLOT_STRIDE + SLOT_HEADROOM;
    if (headed && <u32>load<u8>(at - VNET_HEADER, VNET_GSO_TYPE) != GSO_NONE) {
      if (!inSegments(at, bytes, tun, vrf, guard, foreseen(index - group))) break;
      segmentsDone = 0;
      continue;
    }
    if (!hasRoom(bytes)) break;
    const fault = headed ? completeChecksum(at, bytes) : 0;
    if (fault) {
      count(COUNT_TUN_READ);
      drop(fault);
      continue;
    }
    const reason = leave(at, bytes, tun, vrf, guard, foreseen(index - group));
    if (reason) refuse(reason, vrf);
  }
  return index - first;
}

/** One packet out of the TUN; `guard` of the TUN, 0: none, or it has judged; `route` as `routed` has it. 0, or a reason to drop it. */
function leave(at: usize, bytes: u32, tun: u32, vrf: u32, guard: usize, route: u32): u32 {
  count(COUNT_TUN_READ);
  const fault = parse(at, bytes, false);
  if (fault) return fault;
  const adjacency = routed(vrf, route);
  if (!adjacency) return noRoute;
  const refused = guard ? filtered(guard, DIRECTION_OUT) : 0;
  if (refused) return refused;
  if (isLocal(adjacency)) {
    // Back to the device that it came from: kernel and router disagree about this route and would play it to and fro.
    if (load<u32>(adjacency, ADJ_TUN) == tun) return DROP_HAIRPIN;
    const far = guardOf(adjacency);
    const unwanted = far ? filtered(far, DIRECTION_IN) : 0;
    if (unwanted) return unwanted;
    writeTun(adjacency, start, length);
    count(COUNT_CROSSED);
    return 0;
  }
  const reason = intoTunnel(adjacency);
  if (!reason) count(COUNT_ENCAPSULATED);
  return reason;
}

/**
 * A superpacket out of the TUN, from segment `segmentsDone` on. False: there is no room for the next segment. Its segments are
 * alike to routes and selectors, so those are asked once; where they are too long for the tunnel, or go to another TUN, each
 * becomes a packet of its own first. `guard` and `route` as `leave` has them; the guard judges all at once.
 */
function inSegments(at: usize, bytes: u32, tun: u32, vrf: u32, guard: usize, route: u32): bool {
  if (!hasRoom(0)) return false;
  const fault = startSegments(at, bytes);
  if (fault) {
    count(COUNT_TUN_READ);
    drop(fault);
    return true;
  }
  if (segmentsDone == 0) count(COUNT_SEGMENTED);
  const adjacency = routed(vrf, route);
  if (adjacency) {
    const refused = guard && segmentsDone == 0 ? filtered(guard, DIRECTION_OUT) : 0;
    if (refused) {
      refuseSegments(refused, vrf);
      return true;
    }
    const mtu = mtuOf(adjacency);
    if (isLocal(adjacency) || (mtu != 0 && longestSegment > mtu)) return oneByOne(tun, vrf, route);
  }
  const sa = adjacency ? chooseSa(adjacency) : 0;
  if (!sa) {
    refuseSegments(adjacency ? noSa : noRoute, vrf);
    return true;
  }
  const fitting = min(segments - segmentsDone, roomFor(longestSegment));
  if (isShaped(adjacency)) return fitting != 0 && shapeSegments(adjacency, sa, fitting);
  sealSegments(sa, fitting);
  countBy(COUNT_TUN_READ, fitting);
  segmentsDone += fitting;
  return segmentsDone == segments;
}

/** Drops what is left of the superpacket at hand. */
function refuseSegments(reason: u32, vrf: u32): void {
  const left = segments - segmentsDone;
  countBy(COUNT_TUN_READ, left);
  countBy(reason, left - 1);
  refuse(reason, vrf);
}

/** Of the next `fitting` segments, those that the tunnel's rate allows now are sealed; then all others of the superpacket wait, one by one. */
function shapeSegments(adjacency: usize, sa: usize, fitting: u32): bool {
  const passing = segmentsPass(adjacency, segmentsDone, fitting);
  if (passing) sealSegments(sa, passing);
  countBy(COUNT_TUN_READ, passing);
  segmentsDone += passing;
  if (passing == fitting) return segmentsDone == segments;
  const left = segments - segmentsDone;
  const lost = segmentsWait(adjacency, segmentsDone, segments);
  countBy(COUNT_TUN_READ, left);
  countBy(COUNT_ENCAPSULATED, left - lost);
  countBy(DROP_SHAPER, lost);
  segmentsDone = segments;
  return true;
}

/** Seals the next `number` segments: each is written where it is sealed; sequence numbers and counters once for all. */
function sealSegments(sa: usize, number: u32): void {
  const path = pathOf(sa);
  if (!path) {
    countBy(DROP_NO_PATH, number);
    return;
  }
  const first = takeSequences(sa, number);
  const sealed = sequencesTaken;
  const mark = tos();
  let bytes: u32 = 0;
  for (let i: u32 = 0; i < sealed; i++) {
    const written = writeSegment(segmentsDone + i, nextText());
    enclose(path, sa, first + <u64>i, written, family, mark);
    bytes += written;
  }
  countSealed(sa, sealed, bytes);
  countBy(COUNT_SEALED, sealed);
  countBy(COUNT_ENCAPSULATED, sealed);
  countBy(DROP_SEQUENCE_LIMIT, number - sealed);
}

/** The rest of the superpacket at hand as whole packets, made in the send region. False: no room for the next. */
function oneByOne(tun: u32, vrf: u32, route: u32): bool {
  for (; segmentsDone < segments; segmentsDone++) {
    // For the packet itself, and for all that it may become.
    if (!hasRoom(longestSegment * 2 + 8)) return false;
    const at = sendRegion();
    const bytes = writeSegment(segmentsDone, at);
    takeSendRegion((bytes + 7) & ~7);
    const reason = leave(at, bytes, tun, vrf, 0, route);
    if (reason) refuse(reason, vrf);
  }
  return true;
}

/** Drops the packet at hand, and tells its sender where there is something to tell. */
export function refuse(reason: u32, vrf: u32): void {
  drop(reason);
  const error = answerIcmp(reason, vrf, fittingMtu);
  if (!error) return;
  count(originate(error, icmpLength, vrf) ? COUNT_ICMP_SENT : COUNT_ICMP_UNSENT);
}

/** Sends a packet of our own on its way: it is routed like any other, but nobody is told if that fails. */
function originate(at: usize, bytes: u32, vrf: u32): bool {
  if (parse(at, bytes, false)) return false;
  const adjacency = routed(vrf);
  if (!adjacency) return false;
  if (!isLocal(adjacency)) return intoTunnel(adjacency) == 0;
  writeTun(adjacency, start, length);
  return true;
}
