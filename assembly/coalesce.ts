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
// A flow is a line of a table (coalesceflow), an entry of TUNOUT and a run of iovecs kept for it. Entries are written in the order in which
// their first packets came. A packet that is not appended closes its flow, so none of a flow is ever written before an earlier one.
// At the end of each batch all are closed: nothing waits for a timer.

import {
  FLOW_BYTES,
  FLOW_HEADERS,
  FLOW_ID,
  FLOW_IP,
  FLOW_SEQUENCE,
  FLOW_SIZE,
  FLOW_TRANSPORT,
  FLOW_VERIFIED,
  PACKETS_MAX,
  append,
  closeFlow,
  closeFlows,
  find,
  openFlow,
} from "./coalesceflow";
import { TUNIOV_MAX, W_TUNIOV_COUNT } from "./layout/arena";
import { TUN_COALESCE_TCP, TUN_COALESCE_UDP } from "./layout/globals";
import { ADJ_TUN } from "./layout/nexthop";
import { headers, isMergeableTcp, isMergeableUdp, isPlain, isPushed, payload } from "./mergeable";
import { family, length, protocol, start, transport } from "./packet";
import { lengthSum, pseudoSum } from "./segment";
import { arena } from "./state";
import { tunFlags, writeOpened } from "./tunwrite";
import { fold, sum } from "./wire/checksum";
import { IPV4_DF, IPV4_FRAGMENT, IPV4_ID, IPV4_TOS, IPV4_TTL, ipv4Fragment } from "./wire/ipv4";
import { IPV6_HOP_LIMIT } from "./wire/ipv6";
import { load16, load32 } from "./wire/order";
import { PROTOCOL_TCP, PROTOCOL_UDP, TCP_ACKNOWLEDGMENT, TCP_HEADER, TCP_SEQUENCE, TCP_WINDOW } from "./wire/transport";

const BYTES_MAX: u32 = 65535;

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
