/** An SA: its slot with sequence numbers, replay window and key, and the path that its datagrams take. */

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

// Path (pool): where datagrams of an SA go, and from where. Replaced whole when a peer moves. One cache line.
export const PATH_SIZE = 64;
/** u32: index into the socket table (worker's UDP sockets): SOCKET_* of the arena. */
export const PATH_SOCKET = 0;
/** u32: bytes of the socket address, 16 or 28. */
export const PATH_NAME_LENGTH = 4;
/** u32: interface index for IPV6_PKTINFO (link-local peers), else 0. */
export const PATH_INTERFACE = 8;
/** struct sockaddr_in / sockaddr_in6 of the peer, as the kernel wants it. */
export const PATH_NAME = 16;
/** 4 or 16 bytes, network order: our source address, for IP_PKTINFO / IPV6_PKTINFO; all 0: let the kernel choose. */
export const PATH_SOURCE = 48;
