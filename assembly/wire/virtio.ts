// struct virtio_net_hdr, which a TUN device with IFF_VNET_HDR puts in front of each packet: linux/virtio_net.h, virtio 1.2 §5.1.6.
// Its numbers are little-endian (the host's order, on the hosts that we run on).
//
//   0 flags   1 GSO type   2 header length (never trusted)   4 segment size   6 checksum start   8 checksum offset

/** Bytes of the header. */
export const VNET_HEADER = 10;
export const VNET_FLAGS = 0;
export const VNET_GSO_TYPE = 1;
export const VNET_HEADER_LENGTH = 2;
export const VNET_GSO_SIZE = 4;
export const VNET_CHECKSUM_START = 6;
export const VNET_CHECKSUM_OFFSET = 8;

/** VNET_FLAGS: the checksum field holds the sum of the pseudo-header only, the rest is to be added. */
export const VNET_NEEDS_CHECKSUM: u32 = 1;

export const GSO_NONE: u32 = 0;
export const GSO_TCP4: u32 = 1;
export const GSO_TCP6: u32 = 4;
export const GSO_UDP: u32 = 5;
/** Beside the type: the TCP superpacket has CWR set. */
export const GSO_ECN: u32 = 0x80;
