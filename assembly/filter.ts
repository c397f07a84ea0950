// The filter at a TUN device (a security group): what may go into it, and come out of it. Stateful: a rule accepts the packet that opens
// a flow, and the flow both directions from then on. What it refuses is dropped in silence.
//
//   filtered          a later fragment → goes the way of its first one (filterfragment.ts)
//     whole           an ICMP error → the flow of the packet that it quotes (filtericmp.ts)
//                     else its key (flowkey.ts) → is there a flow (flowtable.ts)?
//       ofFlow        (filterflow.ts) yes: the rules in force accepted it? else judged again → its state goes on
//         opening     no: may it open one? → the first rule that matches (ruleset.ts) → a place in the table
//
// Called once for a packet, and once for a superpacket, whose segments are alike to rules and flows.

import { takeAhead } from "./aheadflow";
import { DROP_FILTER_STRAY } from "./counters";
import { isFirstFragment, keepFragments, laterFragments } from "./filterfragment";
import { ofFlow } from "./filterflow";
import { ofIcmp } from "./filtericmp";
import { keyAt, KIND_PORTS, ownKey, setDomain, setKey } from "./flowkey";
import { STATE_ONE_WAY, STATE_SYN } from "./flowstate";
import { expectHash, seconds } from "./flowtable";
import { GUARD_DOMAIN, GUARD_SET } from "./layout/filter";
import {
  destination,
  destinationPort,
  family,
  laterFragment,
  ported,
  protocol,
  source,
  sourcePort,
  transport,
  transportLength,
} from "./packet";
import { hasPorts, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, TCP_FLAGS, TCP_HEADER } from "./wire/transport";

/** May the packet at hand pass this guard in this direction (DIRECTION_*)? 0, or a reason to drop it. */
export function filtered(guard: usize, direction: u32): u32 {
  const set = <usize>atomic.load<u32>(guard + GUARD_SET);
  const now = seconds();
  const domain = load<u32>(guard, GUARD_DOMAIN);
  if (takeAhead(domain)) return plain(set, direction, now);
  keyAt(ownKey());
  setDomain(domain);
  expectHash(0, 0);
  if (laterFragment) return laterFragments(set, direction, now);
  const reason = whole(set, direction, now);
  if (reason == 0 && isFirstFragment()) keepFragments(set, direction, now);
  return reason;
}

/** A whole packet of TCP or UDP whose key has been written ahead. */
function plain(set: usize, direction: u32, now: u32): u32 {
  if (protocol != PROTOCOL_TCP) {
    return ported ? ofFlow(set, direction, now, STATE_ONE_WAY, 0) : DROP_FILTER_STRAY;
  }
  if (transportLength < TCP_HEADER) return DROP_FILTER_STRAY;
  return ofFlow(set, direction, now, STATE_SYN, load<u8>(transport, TCP_FLAGS));
}

/** A packet that is none of the later fragments. */
function whole(set: usize, direction: u32, now: u32): u32 {
  if (protocol == PROTOCOL_TCP) {
    // Also of a first fragment: one that hides its flags is no honest one (RFC 1858 §3).
    if (transportLength < TCP_HEADER) return DROP_FILTER_STRAY;
    setKey(family, source(), destination(), (sourcePort << 16) | destinationPort, PROTOCOL_TCP, KIND_PORTS, false);
    return ofFlow(set, direction, now, STATE_SYN, load<u8>(transport, TCP_FLAGS));
  }
  if (protocol == (family == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6)) return ofIcmp(set, direction, now);
  let ports: u32 = 0;
  if (hasPorts(protocol)) {
    if (!ported) return DROP_FILTER_STRAY;
    ports = (sourcePort << 16) | destinationPort;
  }
  setKey(family, source(), destination(), ports, protocol, KIND_PORTS, false);
  return ofFlow(set, direction, now, STATE_ONE_WAY, 0);
}
