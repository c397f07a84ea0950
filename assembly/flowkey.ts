// Which flow a packet belongs to: guard, two ends, protocol. Both directions give the same key, because the lower of the two ends stands
// first; which end sent the packet is told apart from it (`fromLow`). The key lies in the arena as it would lie in the flow table.
//
// Ports are the transport header's; of an ICMP query (echo, timestamp) its identifier at both ends, and its kind says which end asks:
// hosts that ping each other with one identifier have two flows (RFC 5508 §3). Protocols without ports have one flow for two addresses.
// Fragments behind the first are known by their identification (RFC 791 §3.2, RFC 8200 §4.5), which stands in place of the ports.

import { W_FLOW } from "./layout/arena";
import { FLOW_ADDRESSES, FLOW_DOMAIN, FLOW_META, FLOW_PORTS } from "./layout/filter";
import { sipHash } from "./siphash";
import { arena } from "./state";
import { load64 } from "./wire/order";

/** Kinds, FLOW_META bits 16 and up. */
export const KIND_PORTS: u32 = 0;
/** An ICMP echo that the higher or (+ 1) the lower end asks for; the same for a timestamp. */
export const KIND_ECHO: u32 = 2;
export const KIND_TIMESTAMP: u32 = 4;
/** A datagram in fragments, sent by the higher or (+ 1) the lower end. */
export const KIND_FRAGMENTS: u32 = 6;

/** The source of the packet whose key is at hand is the lower end. */
export let fromLow: bool = false;

/** Where the key at hand lies. */
export let flowKey: usize = 0;

/** The next `setKey` writes here: in the place of a packet that comes later, or at `ownKey`. */
// @ts-ignore: decorator
@inline
export function keyAt(place: usize): void {
  flowKey = place;
}

/** Where the key of the packet at hand is written, if it was not written ahead. */
// @ts-ignore: decorator
@inline
export function ownKey(): usize {
  return arena + W_FLOW;
}

/** Takes up a key that was written ahead. */
// @ts-ignore: decorator
@inline
export function takeKey(place: usize, sourceIsLow: bool): void {
  flowKey = place;
  fromLow = sourceIsLow;
}

/**
 * Writes the key. `a`, `b`: where the addresses of the two ends lie, the packet's source first; `ports`: of `a` in the high half, of `b` in the low one.
 * `kind` is KIND_PORTS, or one of those that know an end: then `asks` says whether that is `a`.
 */
// @ts-ignore: decorator
@inline
export function setKey(version: u32, a: usize, b: usize, ports: u32, proto: u32, kind: u32, asks: bool): void {
  const key = flowKey;
  let first: bool;
  if (version == 4) {
    const x = load<u32>(a);
    const y = load<u32>(b);
    first = x < y || (x == y && ports >>> 16 <= (ports & 0xffff));
    store<u64>(key, 0, FLOW_ADDRESSES);
    store<u64>(key, 0, FLOW_ADDRESSES + 8);
    store<u64>(key, 0, FLOW_ADDRESSES + 16);
    store<u64>(key, first ? (<u64>x) | ((<u64>y) << 32) : (<u64>y) | ((<u64>x) << 32), FLOW_ADDRESSES + 24);
  } else {
    const x = load64(a);
    const y = load64(b);
    const v = load64(a + 8);
    const w = load64(b + 8);
    first = x < y || (x == y && (v < w || (v == w && ports >>> 16 <= (ports & 0xffff))));
    const low = first ? a : b;
    const high = first ? b : a;
    store<u64>(key, load<u64>(low), FLOW_ADDRESSES);
    store<u64>(key, load<u64>(low, 8), FLOW_ADDRESSES + 8);
    store<u64>(key, load<u64>(high), FLOW_ADDRESSES + 16);
    store<u64>(key, load<u64>(high, 8), FLOW_ADDRESSES + 24);
  }
  fromLow = first;
  const side: u32 = kind != KIND_PORTS && first == asks ? 1 : 0;
  store<u32>(key, kind == KIND_FRAGMENTS || first ? ports : rotl<u32>(ports, 16), FLOW_PORTS);
  store<u32>(key, proto | (version << 8) | ((kind + side) << 16), FLOW_META);
}

/** The guard that the packet has come to. Before `hashKey`. */
// @ts-ignore: decorator
@inline
export function setDomain(domain: u32): void {
  store<u32>(flowKey, domain, FLOW_DOMAIN);
}

/** Hash of the key: of its bytes from the addresses on (IPv4: the last 8 of them), and the domain. */
// @ts-ignore: decorator
@inline
export function hashKey(): u64 {
  const key = flowKey;
  const meta = load<u32>(key, FLOW_META);
  const from = ((meta >> 8) & 0xff) == 4 ? <usize>(FLOW_ADDRESSES + 24) : <usize>FLOW_ADDRESSES;
  const end: usize = FLOW_META + 4;
  return sipHash(key + from, key + end, (<u64>load<u32>(key, FLOW_DOMAIN)) | ((<u64>(end - from + 4)) << 56));
}

/** Address of the lower or the higher end in a key or a flow, as in a packet. */
// @ts-ignore: decorator
@inline
export function endOf(flow: usize, low: bool): usize {
  if (((load<u32>(flow, FLOW_META) >> 8) & 0xff) == 4) {
    return flow + <usize>FLOW_ADDRESSES + (low ? 24 : 28);
  }
  return flow + <usize>FLOW_ADDRESSES + (low ? 0 : 16);
}

/** Port of that end. */
// @ts-ignore: decorator
@inline
export function portOf(flow: usize, low: bool): u32 {
  const ports = load<u32>(flow, FLOW_PORTS);
  return low ? ports >>> 16 : ports & 0xffff;
}
