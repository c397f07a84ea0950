/**
 * The memory map of the fast path: every offset, size and stride, in bytes.
 *
 * Plain untyped integers on purpose: this file is compiled by `asc` into the WASM module and by `tsc` into the
 * control side (src/datapath), so both sides read one map. It holds no code.
 *
 * One shared `WebAssembly.Memory`. Region bases marked * depend on the limits chosen at start; src/datapath/memory
 * computes them and writes them into the globals block, `attach(worker)` loads them into WASM globals.
 *
 *   0x0000_0000  ┌───────────────────────────────┐
 *                │ static data of the module     │ S-box and swizzle constants; the same bytes in every instance
 *   0x0001_0000  ├───────────────────────────────┤ GLOBALS
 *                │ globals                       │ bases, epoch, host address, sockets
 *   0x0002_0000  ├───────────────────────────────┤ VRFS
 *                │ VRF table                     │ MAX_VRFS × VRF_STRIDE
 *   *ADJ         ├───────────────────────────────┤
 *                │ adjacencies (next hops)       │ what a FIB leaf points at
 *   *SA          ├───────────────────────────────┤
 *                │ SA slots                      │ SA_STRIDE each, keys included; index = low 16 bits of our SPIs
 *   *POOL        ├───────────────────────────────┤
 *                │ pool                          │ child lists, selector sets, paths: blocks replaced whole
 *   *FIB         ├───────────────────────────────┤
 *                │ FIB nodes                     │ IPv4 and IPv6 of all VRFs
 *   *FILTERS     ├───────────────────────────────┤
 *                │ filters                       │ guards and rule sets: blocks replaced whole
 *   *FLOWS       ├───────────────────────────────┤
 *                │ flow table                    │ FLOW_ENTRY each; written by the workers
 *   *SHAPES      ├───────────────────────────────┤
 *                │ shapes                        │ one for each adjacency: rate, bucket, what each worker counted
 *   *SHAPER      ├───────────────────────────────┤
 *                │ worker 0: packets that wait   │ lines, flows and cells of shaped tunnels
 *                │ worker 1 …                    │
 *   *ARENAS      ├───────────────────────────────┤
 *                │ worker 0: counters, slots,    │ ARENA_SIZE each
 *                │           messages, ops, ring │
 *                │ worker 1 …                    │
 *                └───────────────────────────────┘
 *
 * Who writes what: the control thread is the single writer of everything above the arenas, with exceptions that workers
 * own: the sequence, replay and traffic counters of SA slots; the hits of rules, and the flow table; the bucket of a shape and
 * the worker's part of it; the packets that wait in its shaper. A worker is the single writer of its arena.
 * A table change becomes visible by one atomic 32-bit store of an address or index; what it replaced is freed when
 * every worker has passed the epoch (see EPOCH).
 *
 * Numbers are little-endian as WASM keeps them; network fields inside packets stay big-endian. "address" means a WASM
 * address (offset in this memory); "host address" means the process's virtual address, HOST_BASE + address.
 */

// ---------------------------------------------------------------------------------------------------------------------
// Limits that the shapes below depend on.

/** Workers that one process can run. */
export const MAX_WORKERS = 16;
/** Routing domains (VRFs). */
export const MAX_VRFS = 4096;
/** SA slots: an SPI that we hand out carries its slot index in its low 16 bits. */
export const MAX_SAS = 65536;
/** TUN devices that one process can serve. */
export const MAX_TUNS = 1024;

// ---------------------------------------------------------------------------------------------------------------------
// Globals block.

export const GLOBALS = 0x10000;

/** u32, atomic. The writer's epoch, starts at 1, never EPOCH_IDLE. */
export const G_EPOCH = GLOBALS + 0;
/** u32, atomic. Not 0: workers leave their loop. */
export const G_STOP = GLOBALS + 4;
/** u32. Workers that run. An inbound SA belongs to the worker of number (slot index mod this). */
export const G_WORKERS = GLOBALS + 8;
/** u64. Host address of WASM address 0. */
export const G_HOST_BASE = GLOBALS + 16;
/** u32 each: region bases and their entry counts (FIB, POOL, ARENAS: bytes). */
export const G_ADJ_BASE = GLOBALS + 32;
export const G_ADJ_COUNT = GLOBALS + 36;
export const G_SA_BASE = GLOBALS + 40;
export const G_SA_COUNT = GLOBALS + 44;
export const G_POOL_BASE = GLOBALS + 48;
export const G_POOL_SIZE = GLOBALS + 52;
export const G_FIB_BASE = GLOBALS + 56;
export const G_FIB_SIZE = GLOBALS + 60;
export const G_ARENAS_BASE = GLOBALS + 64;
/** u32. ICMP errors (unreachable, too big, time exceeded) that one worker may originate a second. RFC 1812 §4.3.2.8. */
export const G_ICMP_RATE = GLOBALS + 72;
/** u32, atomic. Raised when an SA ends: what a worker keeps of it outside this memory must go. */
export const G_SA_ENDED = GLOBALS + 128;
/** u32: OFFLOAD_* below, what the workers may make use of. */
export const G_OFFLOAD = GLOBALS + 76;
/** u32 × MAX_TUNS: the VRF that packets read from TUN device i belong to. */
export const G_TUN_VRFS = GLOBALS + 0x8000;
/** u32 × MAX_TUNS: TUN_* below, how packets are read from and written to TUN device i. */
export const G_TUN_FLAGS = GLOBALS + 0x9000;
/** u32 × MAX_TUNS, atomic: address of the guard of TUN device i, for what comes out of it; 0: everything may. */
export const G_TUN_GUARDS = GLOBALS + 0xa000;
/** u32 each: base of the flow table, and its places: a power of two. 16 bytes: the key of its hash. */
export const G_FLOWS_BASE = GLOBALS + 0xd0;
export const G_FLOWS_PLACES = GLOBALS + 0xd4;
export const G_FLOWS_KEY = GLOBALS + 0xe0;
/** u32: guards that there are; 0: no flow is looked for. */
export const G_GUARDS = GLOBALS + 0xd8;
/** Private block of the FIB (writer's free lists and counts), FIB_PRIVATE_SIZE bytes; see assembly/fib. */
export const G_FIB_PRIVATE = GLOBALS + 0x1000;
export const FIB_PRIVATE_SIZE = 0x4000;

/** G_OFFLOAD: runs of equal datagrams leave as one message (UDP_SEGMENT), unless W_GSO_REFUSED names the socket. */
export const OFFLOAD_GSO = 1;

/** G_TUN_FLAGS: a virtio header stands in front of each packet; superpackets may be read. */
export const TUN_VNET = 1;
/** … TCP segments that follow each other are written as one superpacket. With TUN_VNET only. */
export const TUN_COALESCE_TCP = 2;
/** … UDP datagrams too (the kernel knows USO). With TUN_VNET only. */
export const TUN_COALESCE_UDP = 4;

/** A worker that waits in epoll stores this as its epoch: it holds no table reference. */
export const EPOCH_IDLE = 0xffffffff;

// ---------------------------------------------------------------------------------------------------------------------
// VRF table. All 0: no such VRF.

export const VRFS = 0x20000;
export const VRF_STRIDE = 64;
/** u32, atomic. Root of the IPv4 / IPv6 FIB of this VRF as assembly/fib defines it; 0: no routes. */
export const VRF_ROOT4 = 0;
export const VRF_ROOT6 = 4;
/** 4 and 16 bytes, network order: the router's own addresses here, source of the ICMP errors it originates. All 0: none. */
export const VRF_ADDR4 = 8;
export const VRF_ADDR6 = 16;

// ---------------------------------------------------------------------------------------------------------------------
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

// Path (pool): where datagrams of an SA go, and from where. Replaced whole when a peer moves. One cache line.
export const PATH_SIZE = 64;
/** u32: index into the socket table (worker's UDP sockets): SOCKET_* below. */
export const PATH_SOCKET = 0;
/** u32: bytes of the socket address, 16 or 28. */
export const PATH_NAME_LENGTH = 4;
/** u32: interface index for IPV6_PKTINFO (link-local peers), else 0. */
export const PATH_INTERFACE = 8;
/** struct sockaddr_in / sockaddr_in6 of the peer, as the kernel wants it. */
export const PATH_NAME = 16;
/** 4 or 16 bytes, network order: our source address, for IP_PKTINFO / IPV6_PKTINFO; all 0: let the kernel choose. */
export const PATH_SOURCE = 48;

/** The UDP sockets of each worker, in this order. */
export const SOCKET_IKE4 = 0;
export const SOCKET_NAT4 = 1;
export const SOCKET_IKE6 = 2;
export const SOCKET_NAT6 = 3;
export const SOCKETS = 4;

// ---------------------------------------------------------------------------------------------------------------------
// Filters: a guard for each TUN device that has one, and the rule sets that guards point at (control writes both).

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
/** u64, atomic: state 8 bits, FLOW_OPENER_LOW, FLOW_OUTWARD, low half of the version in bits 16–31, time of expiry (s) above. */
export const FLOW_LIFE = 48;
/** u32: generation of the rule set that accepted it last. u32: version, one more with each flow that has this place. Both one u64, atomic. */
export const FLOW_GENERATION = 56;
export const FLOW_VERSION = 60;
/** FLOW_LIFE: the lower end opened the flow; it was opened by a packet out of the TUN device. */
export const FLOW_OPENER_LOW = 0x100;
export const FLOW_OUTWARD = 0x200;

// ---------------------------------------------------------------------------------------------------------------------
// SA slots.

/** 101 cache lines: an odd number, so that slots do not fall on the same L1 sets. */
export const SA_STRIDE = 6464;
/** u32, atomic: SA_FREE, SA_IN or SA_OUT. Stored last at publication, cleared first at removal. */
export const SA_STATE = 0;
/** u32: the SPI as a number (host order). */
export const SA_SPI = 4;
/** u32: CIPHER_* below. */
export const SA_CIPHER = 8;
/** u32: SA_ESN. */
export const SA_FLAGS = 12;
/** 4 bytes: salt, the first 4 bytes of the nonce, in wire order (RFC 4106 §4, RFC 7634 §2). */
export const SA_SALT = 16;
/** u32, atomic: address of the path (pool), outbound. Inbound: the path that control believes in, for the peer-moved event. */
export const SA_PATH = 20;
/** u64, atomic. Outbound: last sequence number used. Inbound: highest sequence number that verified (RFC 4303 App. A: T). */
export const SA_SEQUENCE = 24;
/** u64. Outbound: no packet is sent with a sequence number above this. */
export const SA_SEQUENCE_LIMIT = 32;
/** u64 each: packets and inner bytes that were sealed, or opened and accepted. */
export const SA_PACKETS = 40;
export const SA_BYTES = 48;
/** f64: W_NOW of the last packet sealed or accepted; 0: none yet. */
export const SA_LAST = 56;
/** u32: index of the adjacency of the tunnel that it belongs to. */
export const SA_ADJ = 64;
/** u32: VRF of the inner packets (inbound). */
export const SA_VRF = 68;
/** u32: selector set (pool) that inner packets must match, inbound; 0: any. */
export const SA_SELECTORS = 72;
/** u32: inbound packets dropped by the replay window / whose tag did not verify. */
export const SA_REPLAYED = 76;
export const SA_FORGED = 80;
/** u32, atomic flag: worker saw a packet from another source address and told control; control clears it. */
export const SA_MOVED = 84;
/** u32: no two SAs that a slot holds one after the other have the same. Whoever keeps something made of its key compares it. */
export const SA_GENERATION = 248;
/** Replay bitmap, RFC 6479: REPLAY_BLOCKS × u64. */
export const SA_REPLAY = 256;
export const REPLAY_BLOCKS = 32;
/** Window, packets. */
export const REPLAY_WINDOW = 1024;
/** Expanded key material; its inner layout belongs to assembly/aead. Wiped when the SA dies. */
export const SA_KEY = 512;
export const SA_KEY_SIZE = 5952;
/** The last 64 bytes of it: the key itself, for an engine that expands it in its own way. Zeros behind it. */
export const SA_RAW_KEY = SA_KEY + SA_KEY_SIZE - 64;

export const SA_FREE = 0;
export const SA_IN = 1;
export const SA_OUT = 2;

/** SA_FLAGS: 64-bit sequence numbers (RFC 4303 §2.2.1). */
export const SA_ESN = 1;

/** ENCR_CHACHA20_POLY1305, IANA 28, RFC 7634. */
export const CIPHER_CHACHA20_POLY1305 = 1;
/** ENCR_AES_GCM_16, IANA 20, 128-bit key, RFC 4106. */
export const CIPHER_AES_128_GCM = 2;
/** ENCR_AES_GCM_16, IANA 20, 256-bit key, RFC 4106. */
export const CIPHER_AES_256_GCM = 3;

// ESP in UDP (RFC 3948 §2.1, RFC 4303 §2, RFC 4106 §3): what is added around the inner packet.
//   SPI 4 · sequence 4 · IV 8 · inner packet · padding 0–3 · pad length 1 · next header 1 · ICV 16
export const ESP_HEADER = 8;
export const ESP_IV = 8;
export const ESP_TRAILER = 2;
export const ESP_ICV = 16;

// ---------------------------------------------------------------------------------------------------------------------
// Op vector: what pass 1 asks of pass 2 (the AEAD), one cache line each. The seam between roads and engines.

export const OP_STRIDE = 64;
/** u32: address of the SA slot. */
export const OP_SA = 0;
/** u32: address of the text, sealed or opened in place; the tag (16 bytes) follows it. */
export const OP_TEXT = 4;
/** u32: bytes of text without the tag. */
export const OP_LENGTH = 8;
/** u32: after `open`: 1 the tag verified, 0 it did not (then the text is undefined). */
export const OP_OK = 12;
/** u32: bytes of OP_AAD in use: 8, with ESN 12 (RFC 4106 §5). */
export const OP_AAD_LENGTH = 16;
/** u32 each, for the road that made the op: its own use (packet index, ESP start …). */
export const OP_USER = 20;
export const OP_USER2 = 24;
/** 16 bytes: additional authenticated data, SPI ‖ [sequence high ‖] sequence low, big-endian, zero-padded. */
export const OP_AAD = 32;
/** 16 bytes: nonce, salt 4 ‖ IV 8, then 4 bytes of 0. */
export const OP_NONCE = 48;

// ---------------------------------------------------------------------------------------------------------------------
// Worker arena. Offsets are from the arena's base = G_ARENAS_BASE + worker × ARENA_SIZE.

/** u32, atomic: the epoch this worker runs in, or EPOCH_IDLE. */
export const W_EPOCH = 0;
/** f64: time, milliseconds since the Unix epoch; the worker's loop sets it at the top of a batch. */
export const W_NOW = 8;
/** u32: datagrams queued for sending in TXMSG, for each socket: SOCKETS × u32. */
export const W_TX_COUNT = 16;
/** u32: entries of TUNOUT queued. */
export const W_TUN_COUNT = 32;
/** u32: ops in SEAL_OPS that wait for `seal`. */
export const W_OP_COUNT = 36;
/** u32: bytes of TX used in this batch. */
export const W_TX_USED = 40;
/** f64 each: ICMP token bucket: tokens, time of last refill. */
export const W_ICMP_TOKENS = 48;
export const W_ICMP_AT = 56;
/** u32: iovecs of TUNIOV used in this batch. */
export const W_TUNIOV_COUNT = 64;
/** u32 each: ops in OPEN_OPS, and how many of them `deliver` has taken on. Their difference is `pending()`. */
export const W_OPEN_COUNT = 68;
export const W_OPEN_NEXT = 72;

/** u32: bit SOCKET_*: the kernel refused a UDP_SEGMENT message on that socket; written by the worker's loop. */
export const W_GSO_REFUSED = 76;

/** u64 × COUNTERS_MAX: index = a counter of assembly/counters. */
export const W_COUNTERS = 0x100;
export const COUNTERS_MAX = 96;
/** 64 bytes: the IPv4 header of a fragment while it is made (at most 60). */
export const W_SCRATCH = 0x400;
/** 16 bytes, always 0: the virtio header of a packet that asks for nothing. */
export const W_VNET_PLAIN = 0x480;
/** The flow of the packet at hand: the fields of a flow (FLOW_DOMAIN to FLOW_META) that make it what it is. */
export const W_FLOW = 0x4c0;
/** The headers of a segment while it is cut from a superpacket: IP with what extends it, and TCP or UDP. */
export const W_TEMPLATE = 0x500;
export const TEMPLATE_SIZE = 0x200;
/** Flows whose packets are being put together before they are written to a TUN; inner layout: assembly/coalesce. */
export const W_FLOWS = 0x800;
export const FLOWS = 16;
export const FLOW_STRIDE = 64;
/**
 * A group of packets that is looked at in advance (assembly/ahead): lookups in the FIB (28 bytes each, assembly/fibgroup), whose last
 * u32 becomes the packet's place when the lookup is answered, and a word that nobody reads.
 */
export const AHEAD_GROUP = 32;
export const W_AHEAD = 0xc00;
export const W_AHEAD_PLACES = W_AHEAD + AHEAD_GROUP * 24;
export const W_AHEAD_SUM = W_AHEAD_PLACES + AHEAD_GROUP * 4;
export const AHEAD_SIZE = 0x3c0;

/** Packets in one batch: UDP messages of one recvmmsg, packets read from one TUN. */
export const BATCH = 128;

/** A receive slot: one cache line of headroom (virtio header, next layer's growth), 65,536 bytes, tailroom; an odd number of lines. */
export const SLOT_STRIDE = 67648;
export const SLOT_HEADROOM = 64;
export const SLOT_SIZE = 65536;

/** UDP receive: per slot a struct mmsghdr (64), iovec (16), sockaddr (32), control (128). */
export const RXMSG = 0x1000;
export const MSG_STRIDE = 64;
export const RXIOV = RXMSG + BATCH * MSG_STRIDE;
export const IOV_STRIDE = 16;
export const RXNAME = RXIOV + BATCH * IOV_STRIDE;
export const NAME_STRIDE = 32;
export const RXCTL = RXNAME + BATCH * NAME_STRIDE;
export const CTL_STRIDE = 128;

/** TUN receive: u32 length of each packet that was read into TUNRX slot i. */
export const TUNLEN = RXCTL + BATCH * CTL_STRIDE;

/** FLOW_ENTRY × AHEAD_GROUP: key and hash of the flow of each packet of the group (assembly/aheadflow). */
export const W_AHEAD_FLOWS = 0x9000;

/** Scratch of the AEAD engine (its inner layout: assembly/aead/scratch): keystream of a group of packets. Nothing outlives a call. */
export const AEAD = 0x1c000;
export const AEAD_SIZE = 0x2000;

/**
 * UDP send: TX_MAX messages for each socket, gathered from datagrams in TX. A message is one datagram (or, with UDP GSO, a
 * run of equal-sized datagrams that lie side by side). Per message mmsghdr, one iovec, control; the name is the path's.
 */
export const TX_MAX = 2048;
export const TXMSG = 0x20000;
export const TXIOV = TXMSG + SOCKETS * TX_MAX * MSG_STRIDE;
export const TXCTL = TXIOV + SOCKETS * TX_MAX * IOV_STRIDE;

/** u32 for each message of TXMSG, same order: address of the outbound SA slot that sealed it (see `tooBig`). */
export const TXSA = TXCTL + SOCKETS * TX_MAX * CTL_STRIDE;

/** u32 for each message of TXMSG, same order: bytes of its first datagram, of which a run has several (see `queueDatagram`). */
export const TXRUN = TXSA + SOCKETS * TX_MAX * 4;

/** Writes to TUN devices: TUNOUT_MAX entries of 16 bytes {u32 tun, u32 first iovec, u32 iovecs, u32 bytes}, and their iovecs. */
export const TUNOUT_MAX = 2048;
export const TUNOUT = TXRUN + SOCKETS * TX_MAX * 4;
export const TUNOUT_STRIDE = 16;
export const TUNOUT_TUN = 0;
/** Index in TUNIOV (not an address). */
export const TUNOUT_IOV = 4;
export const TUNOUT_IOVS = 8;
export const TUNOUT_BYTES = 12;
export const TUNIOV = TUNOUT + TUNOUT_MAX * TUNOUT_STRIDE;
export const TUNIOV_MAX = 32768;

/**
 * Two op vectors, so that the road in may stop in the middle (its send region is full), have what it queued sealed and sent,
 * and go on:
 *
 *   inbound ──▶ OPEN_OPS ──open──▶ deliver ──▶ SEAL_OPS ──seal──▶ sendmmsg
 *   outbound ─────────────────────────────────▶ SEAL_OPS
 *
 * OPEN_OPS_MAX: 64 datagrams (the most that UDP GRO merges) in each message of a batch.
 */
export const OPEN_OPS = TUNIOV + TUNIOV_MAX * IOV_STRIDE;
export const OPEN_OPS_MAX = 8192;
export const SEAL_OPS = OPEN_OPS + OPEN_OPS_MAX * OP_STRIDE;
export const SEAL_OPS_MAX = 4096;

/**
 * Ring to the control thread (single producer, single consumer): IKE datagrams and events.
 * RING_HEAD (u32, atomic, producer) and RING_TAIL (u32, atomic, consumer) count bytes and wrap at 2^32; the offset in
 * RING_DATA is count mod RING_SIZE. A record is 16-aligned and never wraps: a RECORD_SKIP fills the end.
 * The control thread waits on RING_HEAD with Atomics.waitAsync; the worker's loop notifies after a batch that moved it.
 */
export const RING_HEAD = SEAL_OPS + SEAL_OPS_MAX * OP_STRIDE;
export const RING_TAIL = RING_HEAD + 64;
export const RING_DATA = RING_HEAD + 128;
export const RING_SIZE = 0x80000;

/** Record header, 80 bytes; the payload follows. */
export const RECORD_HEADER = 80;
/** u32: bytes of the whole record, header included, a multiple of 16. */
export const RECORD_SIZE = 0;
/** u32: RECORD_* kind. */
export const RECORD_KIND = 4;
/** u32: payload bytes (RECORD_IKE), SA slot index (RECORD_MOVED, RECORD_TOO_BIG). */
export const RECORD_VALUE = 8;
/** u32: socket index that it arrived on. */
export const RECORD_SOCKET = 12;
/** sockaddr of the sender, 28 bytes. */
export const RECORD_NAME = 16;
/** Our address that it was sent to (from PKTINFO), 16 bytes (IPv4 in the first 4). */
export const RECORD_LOCAL = 48;
/** u32: interface index it arrived on. */
export const RECORD_INTERFACE = 64;

/** Fills the ring's end. */
export const RECORD_SKIP = 0;
/** An IKE message (non-ESP marker removed). */
export const RECORD_IKE = 1;
/** An authentic packet of inbound SA RECORD_VALUE came from RECORD_NAME, not from its path (RFC 7296 §2.23). */
export const RECORD_MOVED = 2;
/** The kernel refused a datagram of outbound SA RECORD_VALUE with EMSGSIZE: look up the path MTU. */
export const RECORD_TOO_BIG = 3;
/** A packet met tunnel (adjacency id) RECORD_VALUE that has no usable Child SA. At most one a batch. */
export const RECORD_ACQUIRE = 4;
/** ESP arrived from RECORD_NAME for SPI RECORD_VALUE that we do not know (RFC 4303 §2.1 audit event). A sample: at most one in 4 ms. */
export const RECORD_UNKNOWN_SPI = 5;

/** UDP receive slots, TUN receive slots, and the send region. */
export const RX = RING_DATA + RING_SIZE + 0x10000;
export const TUNRX = RX + BATCH * SLOT_STRIDE;
/** Datagrams under construction and ICMP errors that we originate: a bump region, emptied by each flush. */
export const TX = TUNRX + BATCH * SLOT_STRIDE;
export const TX_SIZE = 0x1000000;

/** A multiple of 64 KiB. */
export const ARENA_SIZE = (TX + TX_SIZE + 0xffff) & ~0xffff;

// ---------------------------------------------------------------------------------------------------------------------
// Shaping: what goes into a tunnel is held to a rate (assembly/shaper). Times are in ticks, 1/16 ns of the monotonic clock.

export const TICKS_PER_NS = 16;

/**
 * Adjacency, u32, atomic: 0: not shaped. Else a number that no two shapes of this tunnel have had; the same in all its next hops.
 * Stored last.
 */
export const ADJ_SHAPE = 32;

/** u32 each, in the globals block: the shapes and the bytes of each; the workers' shapers and the bytes of each. */
export const G_SHAPES_BASE = GLOBALS + 0x600;
export const G_SHAPE_STRIDE = GLOBALS + 0x604;
export const G_SHAPER_BASE = GLOBALS + 0x608;
export const G_SHAPER_SIZE = GLOBALS + 0x60c;
/** u32: makes it hard to guess which flows share a queue. */
export const G_SHAPER_SEED = GLOBALS + 0x610;

// A shape, at G_SHAPES_BASE + adjacency × G_SHAPE_STRIDE: SHAPE_HEAD bytes, then SHAPE_PART bytes for each worker.
/** u64, atomic: the bucket. Ticks at which what has been sent so far would be through at this rate (GCRA's arrival time). */
export const SHAPE_THROUGH = 0;
/** u64: ticks that a byte takes, times 2^SHAPE_COST_SHIFT. 0: no limit. */
export const SHAPE_COST = 8;
export const SHAPE_COST_SHIFT = 20;
/** u64: ticks that the tunnel may be ahead of its rate. */
export const SHAPE_BURST = 16;
/** u64 each: CoDel's target and interval, ticks (RFC 8289 §4.2, §4.3). */
export const SHAPE_TARGET = 24;
export const SHAPE_INTERVAL = 32;
/** u32: bytes that may wait, in all workers. */
export const SHAPE_LIMIT = 40;
export const SHAPE_HEAD = 64;

// A worker's part of a shape: the worker is its only writer.
/** u32: address of the line where packets wait; 0: none does. */
export const PART_LINE = 0;
/** u32 each: flows, packets and bytes that wait. */
export const PART_FLOWS = 4;
export const PART_WAITING = 8;
export const PART_BYTES = 12;
/** u64 each: packets and their bytes that went on; packets that waited, were dropped, were marked (ECN) instead. */
export const PART_PASSED = 16;
export const PART_PASSED_BYTES = 24;
export const PART_QUEUED = 32;
export const PART_DROPPED = 40;
export const PART_MARKED = 48;
/** u64: ticks for which the packet that left last had waited. */
export const PART_DELAY = 56;
export const SHAPE_PART = 64;

// A worker's shaper, at G_SHAPER_BASE + worker × G_SHAPER_SIZE: SHAPER_HEAD bytes, lines, cells. All 0: nothing waits.
/** f64: the monotonic clock, ns; the worker's loop sets it at the top of a batch. */
export const SHAPER_CLOCK = 0;
/** f64: when the loop is to call `depart`, ns of that clock. Means something only while lines are in use. */
export const SHAPER_DUE = 8;
/** u32: lines in use, and their addresses at SHAPER_ACTIVE. */
export const SHAPER_LINES_USED = 16;
/** u32: first free line, linked by LINE_ADJ; 0: none was given back. */
export const SHAPER_FREE_LINE = 20;
/** u32: lines that were ever in use. */
export const SHAPER_FRESH_LINES = 24;
/** u32: first free cell, linked by CELL_NEXT; 0: none was given back. */
export const SHAPER_FREE_CELL = 28;
/** u32 each: cells that were ever in use, and that are in use. */
export const SHAPER_FRESH_CELLS = 32;
export const SHAPER_CELLS_USED = 36;
/** Tunnels whose packets may wait in one worker at a time. */
export const SHAPER_LINES = 1024;
export const SHAPER_ACTIVE = 64;
export const SHAPER_HEAD = SHAPER_ACTIVE + SHAPER_LINES * 4;

/** A line: the packets of one tunnel that wait in one worker, by flow. An odd number of cache lines. */
export const LINE_STRIDE = 4160;
/** u32: index of the adjacency, and what its ADJ_SHAPE was when the line was made. */
export const LINE_ADJ = 0;
export const LINE_SHAPE = 4;
/** u32: its place in SHAPER_ACTIVE. */
export const LINE_PLACE = 8;
/** u32: cells that its packets take. */
export const LINE_CELLS = 12;
/** u32 each: addresses of flows: lists of new and of old flows (RFC 8290 §4.2). */
export const LINE_NEW_FIRST = 16;
export const LINE_NEW_LAST = 20;
export const LINE_OLD_FIRST = 24;
export const LINE_OLD_LAST = 28;
/** u64: ticks at which it is looked at again. */
export const LINE_DUE = 32;
/** u64: as SHAPE_THROUGH, of this worker's share while others have packets of the tunnel waiting too; 0: none has. */
export const LINE_THROUGH = 40;
export const LINE_FLOWS = 64;

export const FLOWS_PER_LINE = 64;
/** A flow of a packet is one of so many that its hash leads to. */
export const QUEUE_WAYS = 8;
export const QUEUE_STRIDE = 64;
/** u32 each: first and last packet, bytes. */
export const QUEUE_FIRST = 0;
export const QUEUE_LAST = 4;
export const QUEUE_BYTES = 8;
/** i32: bytes that it may still send in its turn. */
export const QUEUE_CREDIT = 12;
/** u32: the next flow of its list; u32: is it on one? */
export const QUEUE_NEXT = 16;
export const QUEUE_LISTED = 20;
/** u32: hash of the flow that has it. */
export const QUEUE_TAG = 24;
/** CoDel, RFC 8289 §5.3: u32 dropping, count, lastcount; u64 first_above_time, drop_next. */
export const QUEUE_DROPPING = 28;
export const QUEUE_COUNT = 32;
export const QUEUE_LAST_COUNT = 36;
export const QUEUE_FIRST_ABOVE = 40;
export const QUEUE_DROP_NEXT = 48;

/** A cell: one packet that waits, or a piece of one. An odd number of cache lines. */
export const CELL_STRIDE = 2112;
/** u32: the next packet of the flow, or the next free cell. */
export const CELL_NEXT = 0;
/** u32: the cell with the packet's next piece; 0: none. */
export const CELL_MORE = 4;
/** Of a packet's first cell. u32: bytes of the packet; u32: its cells; u64: ticks at which it came. */
export const CELL_LENGTH = 8;
export const CELL_CELLS = 12;
export const CELL_TIME = 16;
export const CELL_DATA = 32;
export const CELL_ROOM = CELL_STRIDE - CELL_DATA;

export const SHAPER_CELLS = SHAPER_HEAD + SHAPER_LINES * LINE_STRIDE;
