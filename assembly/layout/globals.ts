/**
 * What stands at a fixed place: the globals block, which holds the bases of the other regions, and the table of VRFs. Before them
 * the limits that shapes and bases depend on.
 */

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
/**
 * u32, atomic. The SA slots from 0 to below this one were handed out once at least; it only grows. Those behind are not even read: a kernel
 * may give a page, and a huge one, for that, and strangers choose the SPIs that they send.
 */
export const G_SA_REACH = GLOBALS + 44;
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
/** u32 each: the shapes and the bytes of each; the workers' shapers and the bytes of each. */
export const G_SHAPES_BASE = GLOBALS + 0x600;
export const G_SHAPE_STRIDE = GLOBALS + 0x604;
export const G_SHAPER_BASE = GLOBALS + 0x608;
export const G_SHAPER_SIZE = GLOBALS + 0x60c;
/** u32: makes it hard to guess which flows share a queue. */
export const G_SHAPER_SEED = GLOBALS + 0x610;
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
