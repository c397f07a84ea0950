/** Filters: the guard of a TUN device, the rule set that it points at, and the table of the flows that rules have accepted. */

/** What stands at a TUN device. One cache line; lives as long as the device has a filter. */
export const GUARD_SIZE = 64;
/** u32, atomic: address of the rule set in force. Another one is in force by one store. */
export const GUARD_SET = 0;
/** u32: number of the guard, never used twice: flows of two TUN devices never meet. */
export const GUARD_DOMAIN = 4;

// Rule set: written whole, never changed but for its hits.
/** u32: no two sets have the same; a flow remembers by which set it was accepted. */
export const SET_GENERATION = 0;
/** u32 each: address of worker 0's hits, bytes from one worker's to the next one's. Hits: u64 a rule, then one for each default. */
export const SET_HITS = 4;
export const SET_HITS_STRIDE = 8;
/** Four lists, each u32 address of its first rule and u32 number of rules: in and out of IPv4, in and out of IPv6. */
export const SET_LISTS = 16;
export const SET_LIST_STRIDE = 8;
/** u32 each: what becomes of a packet that no rule matches, 1: accepted; in, out. u32 each: its index among the hits. */
export const SET_DEFAULTS = 48;
export const SET_DEFAULT_HITS = 56;
/** Rules begin here. */
export const SET_HEAD = 64;

/** A rule, one cache line. */
export const RULE_STRIDE = 64;
/** u32: IP protocol, or RULE_ANY. */
export const RULE_PROTOCOL = 0;
export const RULE_ANY = 256;
/** u32 each: destination ports, inclusive. 0–65535: any, and what has no ports. */
export const RULE_PORT_LOW = 4;
export const RULE_PORT_HIGH = 8;
/** u32: 1 accepted, 0 dropped. */
export const RULE_ACCEPT = 12;
/** u32: index among the hits. */
export const RULE_HIT = 16;
/** 16 bytes each: address and mask of the far side, as in the packet; IPv4 in the first 4. */
export const RULE_ADDRESS = 32;
export const RULE_MASK = 48;

/** Directions: into the TUN device, out of it. */
export const DIRECTION_IN = 0;
export const DIRECTION_OUT = 1;

// ---------------------------------------------------------------------------------------------------------------------
// Flow table: buckets of FLOW_WAYS flows, one cache line each. Every worker reads and writes every flow: assembly/flowtable.

export const FLOW_WAYS = 16;
export const FLOW_ENTRY = 64;
/** u32, atomic: hash of the flow with bit 31 set; 0: free; FLOW_CLAIMED: a worker is writing it. */
export const FLOW_TAG = 0;
export const FLOW_CLAIMED = 1;
/** u32: domain of the guard. */
export const FLOW_DOMAIN = 4;
/** Two addresses, the lower end first: 16 bytes each as in the packet; of IPv4 both in the last 8 bytes, the others are 0. */
export const FLOW_ADDRESSES = 8;
/** u32: port of the lower end in the high half, of the higher end in the low half. */
export const FLOW_PORTS = 40;
/** u32: protocol, IP version << 8, kind << 16 (assembly/flowkey). */
export const FLOW_META = 44;
/** u64, atomic: state 8 bits, FLOW_OPENER_LOW, FLOW_OUTWARD, FLOW_HEADERS, low half of the version in bits 16–31, time of expiry (s) above. */
export const FLOW_LIFE = 48;
/** u32: generation of the rule set that accepted it last. u32: version, one more with each flow that has this place. Both one u64, atomic. */
export const FLOW_GENERATION = 56;
export const FLOW_VERSION = 60;
/** FLOW_LIFE: the lower end opened the flow; it was opened by a packet out of the TUN device. */
export const FLOW_OPENER_LOW = 0x100;
export const FLOW_OUTWARD = 0x200;
/** FLOW_LIFE, of a datagram in fragments, 6 bits: where the headers of its first fragment end, in units of 8 bytes; the largest: nobody knows. */
export const FLOW_HEADERS = 10;
export const FLOW_HEADERS_MAX = 63;
