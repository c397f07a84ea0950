// Looking ahead at flows: with many of them each lookup is a cache miss, or several. So for the packets that come next, as for their
// routes (ahead.ts), the places of their flows are worked out and touched side by side; key and hash are kept for the packet's turn.
//
// Only what is plain is looked at, TCP and UDP in whole packets without options or extension headers; the others are hashed when they
// are judged. On its way to the filter nothing in a packet changes that is in its key.

import { adjacencyAt, guardOf } from "./adjacency";
import { foreseen } from "./ahead";
import { fromLow, hashKey, keyAt, KIND_PORTS, setDomain, setKey, takeKey } from "./flowkey";
import { expectHash, firstPlace, nextPlace, tagFor } from "./flowtable";
import {
  OPEN_OPS,
  OP_STRIDE,
  OP_TEXT,
  SLOT_HEADROOM,
  SLOT_STRIDE,
  TUNRX,
  W_AHEAD_FLOWS,
  W_AHEAD_SUM,
} from "./layout/arena";
import { FLOW_DOMAIN, FLOW_ENTRY, FLOW_LIFE, GUARD_DOMAIN } from "./layout/filter";
import { G_GUARDS } from "./layout/globals";
import { adjacencyCount, arena } from "./state";
import {
  IPV4_DESTINATION,
  IPV4_HEADER,
  IPV4_MF,
  IPV4_OFFSET_MASK,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  ipv4Fragment,
} from "./wire/ipv4";
import { IPV6_DESTINATION, IPV6_HEADER, IPV6_NEXT, IPV6_SOURCE } from "./wire/ipv6";
import { load32 } from "./wire/order";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./wire/transport";

/** Behind the key in its place: its hash, 0: there is none; whether the packet's source is the lower end. */
const HASH = FLOW_LIFE;
const FROM_LOW = FLOW_LIFE + 8;
/** Address of the place in the table where it may be. */
const AT = FLOW_LIFE + 12;

/** Places behind the first that are looked at: with as many flows as the limit, three of four are found by then. */
const STEPS: u32 = 2;

/** Are there keys of this group? */
let looked: bool = false;
/** The place of the packet whose turn it is; 0: its key was not written ahead. */
let mine: usize = 0;

// @ts-ignore: decorator
@inline
function placeOf(i: u32): usize {
  return arena + W_AHEAD_FLOWS + i * FLOW_ENTRY;
}

/** Packets `first` to `last − 1` in TUNRX, read from a device with this guard (0: none); their routes are known. */
export function aheadFlowsOut(first: u32, last: u32, guard: usize): void {
  looked = load<u32>(G_GUARDS) != 0;
  if (!looked) return;
  let at = arena + TUNRX + first * SLOT_STRIDE + SLOT_HEADROOM;
  const count = last - first;
  for (let i: u32 = 0; i < count; i++, at += SLOT_STRIDE) look(i, at, guard ? guard : guardAhead(i));
  touch(count);
}

/** Ops `first` to `last − 1` of OPEN_OPS, opened; their routes are known. */
export function aheadFlowsIn(first: u32, last: u32): void {
  looked = load<u32>(G_GUARDS) != 0;
  if (!looked) return;
  let op = arena + OPEN_OPS + first * OP_STRIDE;
  const count = last - first;
  for (let i: u32 = 0; i < count; i++, op += OP_STRIDE) look(i, load<u32>(op, OP_TEXT), guardAhead(i));
  touch(count);
}

/** The turn of packet `i` of the group has come. */
// @ts-ignore: decorator
@inline
export function turnOf(i: u32): void {
  mine = looked ? placeOf(i) : 0;
}

/**
 * Makes the key of the packet at hand, plain TCP or UDP, the key at hand with its hash, if it was written ahead for this guard. Once
 * for a packet: what is judged after it (the next device) is another key.
 */
export function takeAhead(domain: u32): bool {
  const place = mine;
  mine = 0;
  if (!place) return false;
  const hash = load<u64>(place, HASH);
  if (!hash || load<u32>(place, FLOW_DOMAIN) != domain) return false;
  takeKey(place, load<u32>(place, FROM_LOW) != 0);
  expectHash(hash, load<u32>(place, AT));
  return true;
}

/** The guard that the packet's route leads to. */
function guardAhead(i: u32): usize {
  const index = foreseen(i);
  return index < adjacencyCount ? guardOf(adjacencyAt(index)) : 0;
}

function look(i: u32, ip: usize, guard: usize): void {
  const place = placeOf(i);
  store<u64>(place, 0, HASH);
  if (!guard) return;
  keyAt(place);
  const first = <u32>load<u8>(ip);
  if (first == 0x45) {
    const proto = <u32>load<u8>(ip, IPV4_PROTOCOL);
    if ((proto != PROTOCOL_TCP && proto != PROTOCOL_UDP) || (ipv4Fragment(ip) & (IPV4_MF | IPV4_OFFSET_MASK)) != 0)
      return;
    setKey(4, ip + IPV4_SOURCE, ip + IPV4_DESTINATION, load32(ip + IPV4_HEADER), proto, KIND_PORTS, false);
  } else if (first >> 4 == 6) {
    const proto = <u32>load<u8>(ip, IPV6_NEXT);
    if (proto != PROTOCOL_TCP && proto != PROTOCOL_UDP) return;
    setKey(6, ip + IPV6_SOURCE, ip + IPV6_DESTINATION, load32(ip + IPV6_HEADER), proto, KIND_PORTS, false);
  } else {
    return;
  }
  setDomain(load<u32>(guard, GUARD_DOMAIN));
  store<u32>(place, fromLow ? 1 : 0, FROM_LOW);
  store<u64>(place, hashKey(), HASH);
}

/**
 * Where each search begins; and where another flow has that place, the one behind it, and so on. Without a branch: which of them it is
 * is anybody's guess, and a wrong guess costs as much as the rest.
 */
function touch(count: u32): void {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const place = placeOf(i);
    const hash = load<u64>(place, HASH);
    const at = hash ? firstPlace(hash) : place;
    store<u32>(place, <u32>at, AT);
    sum += load<u32>(at);
  }
  for (let step: u32 = 0; step < STEPS; step++) {
    for (let i: u32 = 0; i < count; i++) {
      const place = placeOf(i);
      const at = <usize>load<u32>(place, AT);
      const next = load<u32>(at) == tagFor(load<u64>(place, HASH)) ? at : nextPlace(at);
      store<u32>(place, <u32>next, AT);
      sum += load<u32>(next);
    }
  }
  store<u32>(arena, sum, W_AHEAD_SUM);
}
