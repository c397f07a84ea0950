// Fragments at a filter. Only the first has ports (RFC 4301 §7), so it decides for all: when it was accepted, its datagram is remembered in
// the flow table for a short while, and later fragments of it pass. One that comes before the first is dropped and counted: to
// keep it would be to let strangers fill memory, and senders that mind send again. One that would overwrite the headers that were judged is
// dropped too (RFC 3128 §2.1). Where these end is remembered of the first: later ones need not say the truth about their protocol, for
// an IPv6 host asks the first alone (RFC 8200 §4.5).

import { DROP_FILTER_FRAGMENT } from "./counters";
import { KIND_FRAGMENTS, setKey } from "./flowkey";
import { STATE_FRAGMENTS } from "./flowstate";
import { admit, expired, find, generation, life } from "./flowtable";
import { DIRECTION_OUT, FLOW_HEADERS, FLOW_HEADERS_MAX, FLOW_OUTWARD, SET_GENERATION } from "./layout/filter";
import { destination, family, fragmentAt, headerLength, protocol, source, start, transport } from "./packet";
import { IPV4_ID, IPV4_MF, IPV4_OFFSET_MASK, ipv4Fragment } from "./wire/ipv4";
import { load16, load32 } from "./wire/order";
import { PROTOCOL_TCP, TCP_HEADER, UDP_HEADER } from "./wire/transport";

/** Is the packet at hand, which is no later fragment, the first of several? */
export function isFirstFragment(): bool {
  if (family == 4) return (ipv4Fragment(start) & IPV4_MF) != 0;
  return fragmentAt != 0 && (load16(fragmentAt + 2) & 1) != 0;
}

/** The datagram whose first fragment is at hand may pass. */
export function keepFragments(set: usize, direction: u32, now: u32): void {
  keyOfDatagram();
  const known = find();
  let end = headersEnd();
  // Of several first ones the longest: nobody knows which of them the host takes.
  if (known && !expired(life, now)) end = max(end, endOf(life));
  const opened: u32 =
    (direction == <u32>DIRECTION_OUT ? FLOW_OUTWARD : 0) | (min<u32>(end, FLOW_HEADERS_MAX) << FLOW_HEADERS);
  // Without a place for it, its later fragments are dropped when they come.
  admit(STATE_FRAGMENTS, opened, load<u32>(set, SET_GENERATION), now, known);
}

/** Where the headers of the first fragment at hand end in its datagram, in units of 8 bytes, rounded up. */
function headersEnd(): u32 {
  const begin = family == 4 ? start + headerLength : fragmentAt + 8;
  const header = protocol == PROTOCOL_TCP ? TCP_HEADER : UDP_HEADER;
  return (<u32>(transport - begin) + header + 7) >> 3;
}

// @ts-ignore: decorator
@inline
function endOf(its: u64): u32 {
  return ((<u32>its) >> FLOW_HEADERS) & FLOW_HEADERS_MAX;
}

/** A later fragment. 0, or a reason to drop it. */
export function laterFragments(set: usize, direction: u32, now: u32): u32 {
  keyOfDatagram();
  if (!find() || expired(life, now)) return DROP_FILTER_FRAGMENT;
  const end = endOf(life);
  if (offset() < end || end == <u32>FLOW_HEADERS_MAX) return DROP_FILTER_FRAGMENT;
  const outward = ((<u32>life) & FLOW_OUTWARD) != 0;
  // After a change of rules nobody can tell any more whether the first one would be accepted.
  return outward == (direction == <u32>DIRECTION_OUT) && generation == load<u32>(set, SET_GENERATION)
    ? 0
    : DROP_FILTER_FRAGMENT;
}

/** Where the fragment at hand begins in its datagram, in units of 8 bytes. */
function offset(): u32 {
  return family == 4 ? ipv4Fragment(start) & IPV4_OFFSET_MASK : load16(fragmentAt + 2) >> 3;
}

/** RFC 791 §3.2: addresses, protocol, identification. RFC 8200 §4.5: without the protocol. */
function keyOfDatagram(): void {
  const id = family == 4 ? load16(start + IPV4_ID) : load32(fragmentAt + 4);
  setKey(family, source(), destination(), id, family == 4 ? protocol : 0, KIND_FRAGMENTS, true);
}
