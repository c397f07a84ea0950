/**
 * A worker's arena: counters, packets that came, messages to the kernel, what the AEAD is asked, and the ring to the control
 * thread. The worker is its single writer. Offsets are from the arena's base = G_ARENAS_BASE + worker × ARENA_SIZE.
 */

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

/** The UDP sockets of each worker, in this order. */
export const SOCKET_IKE4 = 0;
export const SOCKET_NAT4 = 1;
export const SOCKET_IKE6 = 2;
export const SOCKET_NAT6 = 3;
export const SOCKETS = 4;

// ---------------------------------------------------------------------------------------------------------------------
// The arena, from its start.

/** u32, atomic: the epoch this worker runs in, or EPOCH_IDLE. */
export const W_EPOCH = 0;
/** f64: time, milliseconds of the monotonic clock; the worker's loop sets it at the top of a batch. */
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
/** Flows whose packets are being put together before they are written to a TUN; inner layout: assembly/coalesceflow. */
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
