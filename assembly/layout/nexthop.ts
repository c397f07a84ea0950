/**
 * Next hops: the adjacency that a leaf of the FIB names, and what a tunnel's leads to on the way to an SA: the list of its Child
 * SAs, and the selectors that choose among them.
 */

// Adjacencies: the next hop that a FIB leaf names by its index. Index 0 is "no route" and is never used.

export const ADJ_STRIDE = 64;
/** u32, atomic: ADJ_* kind below. Stored last when an entry is made, cleared first when it goes. */
export const ADJ_KIND = 0;
/** u32: index of the TUN device (ADJ_LOCAL). */
export const ADJ_TUN = 4;
/** u32, atomic: largest inner packet, bytes, that may leave here (tunnel: path MTU − ESP overhead). 0: no limit. */
export const ADJ_MTU = 8;
/** u32, atomic: address in the pool of the child list (ADJ_TUNNEL); 0: no Child SA is up. */
export const ADJ_CHILDREN = 12;
/** u32: control's own id of the tunnel, for events and status. */
export const ADJ_ID = 16;
/** u32, atomic: address of the guard of the TUN device (ADJ_LOCAL), for what goes into it; 0: everything may. */
export const ADJ_GUARD = 20;
/** u32, atomic: the zone that routes to here lead into (ADJ_TUNNEL); 0: none. */
export const ADJ_ZONE = 24;
/** u32, atomic: the zone that packets out of this tunnel's SAs come from; 0: none. */
export const ADJ_ORIGIN = 28;
/**
 * u32, atomic: 0: not shaped. Else a number that no two shapes of this tunnel have had; the same in all its next hops.
 * Stored last.
 */
export const ADJ_SHAPE = 32;

export const ADJ_NONE = 0;
/** Written to a TUN device: the kernel routes it on. */
export const ADJ_LOCAL = 1;
/** Sealed by a Child SA and sent to the peer. */
export const ADJ_TUNNEL = 2;
/** Dropped without a word (RFC 1812 §5.2.7.1 does not apply: the operator asked for silence). */
export const ADJ_BLACKHOLE = 3;
/** Dropped with ICMP "communication administratively prohibited" (type 3 code 13; ICMPv6 type 1 code 1). */
export const ADJ_PROHIBIT = 4;

// Child list (pool): CHILDREN_COUNT, then CHILD_STRIDE bytes a Child SA pair, tried in order, first selector match wins.
export const CHILDREN_COUNT = 0;
export const CHILDREN_HEAD = 16;
export const CHILD_STRIDE = 80;
/** u32: address of the selector set (pool) that a packet must match; 0: any packet. */
export const CHILD_SELECTORS = 0;
/** u32 × MAX_WORKERS, atomic: address of the outbound SA slot for each worker; 0: not usable now. A rekey swaps these in place. */
export const CHILD_SAS = 16;

// Selector set (pool), RFC 7296 §3.13.1: a packet matches if one local and one remote entry match. Outbound: source
// against local, destination against remote. Inbound: the other way round.
export const SELECTORS_LOCALS = 0;
export const SELECTORS_REMOTES = 4;
/** Entries begin here: all locals, then all remotes. */
export const SELECTORS_HEAD = 16;
export const SELECTOR_STRIDE = 48;
/** u8: 4 or 6. */
export const SELECTOR_FAMILY = 0;
/** u8: IP protocol, 0 any. */
export const SELECTOR_PROTOCOL = 1;
/** u16 each, host order: port range, inclusive; 0–65535 any. 65535–0 is OPAQUE. For ICMP: type in the high byte, code in the low. */
export const SELECTOR_PORT_LOW = 2;
export const SELECTOR_PORT_HIGH = 4;
/** 16 bytes each, network order, inclusive; IPv4 in the first 4. */
export const SELECTOR_LOW = 16;
export const SELECTOR_HIGH = 32;
