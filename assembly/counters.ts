/**
 * Counters of a worker: index into W_COUNTERS, each a u64. Names and meanings for people: src/datapath/counters.
 *
 * Plain untyped integers, compiled by `asc` and by `tsc` as the memory map is. Indexes below COUNTER_FIRST_EVENT are reasons
 * to drop a packet: each packet or datagram that is not forwarded and not consumed raises exactly one of them. 0 is no
 * reason at all: "not dropped".
 */

// A packet, from a TUN or out of a tunnel.
export const DROP_MALFORMED = 1;
export const DROP_CHECKSUM = 2;
export const DROP_EXTENSIONS = 3;
export const DROP_NOT_ROUTABLE = 4;
export const DROP_NO_ROUTE = 5;
export const DROP_BLACKHOLE = 6;
export const DROP_PROHIBITED = 7;
export const DROP_HAIRPIN = 8;
export const DROP_TIME_EXCEEDED = 9;
export const DROP_TOO_BIG = 10;
/** Filters and zones. */
export const DROP_FILTERED = 11;
export const DROP_FILTER_STRAY = 12;
export const DROP_FILTER_FRAGMENT = 13;
export const DROP_FLOW_TABLE = 14;
export const DROP_INTERWORKING = 15;

// The road out.
export const DROP_NO_SA = 16;
export const DROP_SELECTORS_OUT = 17;
export const DROP_SEQUENCE_LIMIT = 18;
export const DROP_NO_PATH = 19;
/** In addition, where the packet had waited: it had already been counted as forwarded. */
export const DROP_SHAPER = 23;

// A UDP datagram, the road in.
export const DROP_SHORT = 24;
export const DROP_TRUNCATED = 25;
export const DROP_IKE_MALFORMED = 26;
export const DROP_RING_FULL = 27;
export const DROP_UNKNOWN_SPI = 28;
export const DROP_BATCH_FULL = 29;
export const DROP_REPLAYED = 30;
export const DROP_FORGED = 31;
export const DROP_TRAILER = 32;
export const DROP_NEXT_HEADER = 33;
export const DROP_SELECTORS_IN = 34;
export const DROP_ECN = 35;
export const DROP_WRONG_WORKER = 36;

// Refused by the kernel; raised by the worker's loop, in addition: the packet had already been counted as forwarded.
export const DROP_SEND = 40;
export const DROP_SEND_TOO_BIG = 41;
export const DROP_TUN_WRITE = 42;

/** From here on: things that happened, not drops. */
export const COUNTER_FIRST_EVENT = 48;

// Where packets went.
export const COUNT_TUN_READ = 48;
export const COUNT_ENCAPSULATED = 49;
export const COUNT_CROSSED = 50;
export const COUNT_UDP_READ = 51;
export const COUNT_DELIVERED = 52;
export const COUNT_HUB = 53;
export const COUNT_IKE = 54;
export const COUNT_KEEPALIVE = 55;
export const COUNT_DUMMY = 56;

// What was done on the way.
export const COUNT_SEALED = 64;
export const COUNT_FRAGMENTED = 65;
export const COUNT_MSS_CLAMPED = 66;
export const COUNT_CE_COPIED = 67;
export const COUNT_ICMP_SENT = 68;
export const COUNT_ICMP_LIMITED = 69;
export const COUNT_ICMP_UNSENT = 70;
export const COUNT_ACQUIRE = 71;
export const COUNT_MOVED = 72;
export const COUNT_EVENT_LOST = 73;
/** Superpackets: read from a TUN and cut; put together and written to one. */
export const COUNT_SEGMENTED = 74;
export const COUNT_COALESCED = 75;
/** Messages of several datagrams: sent (UDP GSO), received (UDP GRO). */
export const COUNT_RUNS_SENT = 76;
export const COUNT_RUNS_READ = 77;

// Flows of filters.
export const COUNT_FLOW_OPENED = 80;
export const COUNT_FLOW_EVICTED = 81;
export const COUNT_FLOW_CUT = 82;
// Shaped tunnels: packets that had to wait, and that were marked (ECN) instead of dropped.
export const COUNT_SHAPER_QUEUED = 88;
export const COUNT_SHAPER_MARKED = 89;
