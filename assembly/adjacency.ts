// Next hops: what the route of the packet at hand leads to.

import { DROP_BLACKHOLE, DROP_NO_ROUTE, DROP_NOT_ROUTABLE, DROP_PROHIBITED } from "./counters";
import { fibLookup4, fibLookup6 } from "./fib";
import {
  ADJ_BLACKHOLE,
  ADJ_GUARD,
  ADJ_KIND,
  ADJ_LOCAL,
  ADJ_MTU,
  ADJ_ORIGIN,
  ADJ_PROHIBIT,
  ADJ_STRIDE,
  ADJ_TUNNEL,
  ADJ_ZONE,
} from "./layout/nexthop";
import { destination, family, source } from "./packet";
import { IPV4_MINIMUM_MTU } from "./room";
import { adjacencyBase, adjacencyCount } from "./state";
import { ipv4Routable } from "./wire/ipv4";
import { IPV6_MINIMUM_MTU, ipv6Routable } from "./wire/ipv6";
import { load32, load64 } from "./wire/order";

/** Why `routed` found none: a reason to drop. */
export let noRoute: u32 = 0;

/** No index of an adjacency: it has not been looked up. */
const UNKNOWN: u32 = 0xffffffff;

/** Address of an adjacency. */
// @ts-ignore: decorator
@inline
export function adjacencyAt(index: u32): usize {
  return adjacencyBase + index * ADJ_STRIDE;
}

/**
 * The adjacency that the packet at hand takes in `vrf`, of a kind that carries packets (see `isLocal`), or 0 with `noRoute`
 * set. Multicast, broadcast, loopback and link-local addresses, at either end, are never forwarded (RFC 1812 §5.3.7, RFC 4291
 * §2.5.6). `known`: index of the adjacency that the destination leads to, where that was looked up already (ahead.ts).
 */
export function routed(vrf: u32, known: u32 = UNKNOWN): usize {
  const at = destination();
  let index: u32;
  if (family == 4) {
    const address = load32(at);
    if (!ipv4Routable(address) || !ipv4Routable(load32(source()))) return unroutable();
    index = known == UNKNOWN ? fibLookup4(vrf, address) : known;
  } else {
    if (!ipv6Routable(at) || !ipv6Routable(source())) return unroutable();
    index = known == UNKNOWN ? fibLookup6(vrf, load64(at), load64(at + 8)) : known;
  }
  noRoute = DROP_NO_ROUTE;
  if (index == 0 || index >= adjacencyCount) return 0;
  const adjacency = adjacencyAt(index);
  const kind = atomic.load<u32>(adjacency + ADJ_KIND);
  if (kind == ADJ_TUNNEL || kind == ADJ_LOCAL) return adjacency;
  if (kind == ADJ_BLACKHOLE) noRoute = DROP_BLACKHOLE;
  else if (kind == ADJ_PROHIBIT) noRoute = DROP_PROHIBITED;
  return 0;
}

function unroutable(): usize {
  noRoute = DROP_NOT_ROUTABLE;
  return 0;
}

/** Does this adjacency lead to a TUN device? Else to a tunnel. */
// @ts-ignore: decorator
@inline
export function isLocal(adjacency: usize): bool {
  return atomic.load<u32>(adjacency + ADJ_KIND) == ADJ_LOCAL;
}

/**
 * The largest packet of the family at hand that may leave here; 0: no limit. Never below what IP demands of every link (576,
 * 1280): a tunnel over a narrower path leaves it to the outer network to cut the datagram (RFC 2473 §7).
 */
export function mtuOf(adjacency: usize): u32 {
  const mtu = atomic.load<u32>(adjacency + ADJ_MTU);
  if (mtu == 0) return 0;
  return max(mtu, family == 4 ? IPV4_MINIMUM_MTU : IPV6_MINIMUM_MTU);
}

/** The guard of the TUN device of a local adjacency; 0: there is none. */
// @ts-ignore: decorator
@inline
export function guardOf(adjacency: usize): usize {
  return atomic.load<u32>(adjacency + ADJ_GUARD);
}

/** Would a packet out of the SAs of the tunnel with this index stay in the zone that it comes from, if it went to `adjacency`? */
// @ts-ignore: decorator
@inline
export function staysInZone(from: u32, adjacency: usize): bool {
  const zone = atomic.load<u32>(adjacency + ADJ_ZONE);
  return zone != 0 && from < adjacencyCount && zone == atomic.load<u32>(adjacencyAt(from) + ADJ_ORIGIN);
}
