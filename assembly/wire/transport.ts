// The few fields of transport headers that the roads read: ports for selectors, and TCP's SYN for its MSS.
//
//   TCP, RFC 9293 §3.1:  0 source port   2 destination port   12 data offset 4 (words)   13 flags   16 checksum   20 options
//   UDP, UDP-Lite, SCTP, DCCP: ports at 0 and 2

export const PROTOCOL_ICMP: u32 = 1;
export const PROTOCOL_IPV4: u32 = 4;
export const PROTOCOL_TCP: u32 = 6;
export const PROTOCOL_UDP: u32 = 17;
export const PROTOCOL_DCCP: u32 = 33;
export const PROTOCOL_IPV6: u32 = 41;
export const PROTOCOL_ICMPV6: u32 = 58;
/** "No next header": in ESP a dummy packet, RFC 4303 §2.6. */
export const PROTOCOL_NONE: u32 = 59;
export const PROTOCOL_SCTP: u32 = 132;
/** Mobility header, RFC 6275 §6.1: its type, a selector of RFC 4301 §4.4.1.1, is the third byte. */
export const PROTOCOL_MOBILITY: u32 = 135;
export const PROTOCOL_UDP_LITE: u32 = 136;

export const TCP_SEQUENCE = 4;
export const TCP_ACKNOWLEDGMENT = 8;
export const TCP_DATA_OFFSET = 12;
export const TCP_FLAGS = 13;
export const TCP_WINDOW = 14;
export const TCP_CHECKSUM = 16;
export const TCP_HEADER: u32 = 20;
export const TCP_FIN: u32 = 0x01;
export const TCP_SYN: u32 = 0x02;
export const TCP_RST: u32 = 0x04;
export const TCP_PSH: u32 = 0x08;
export const TCP_ACK: u32 = 0x10;
/** Congestion window reduced, RFC 3168 §6.1. */
export const TCP_CWR: u32 = 0x80;

/** UDP, RFC 768:  0 source port   2 destination port   4 length   6 checksum (0: none). */
export const UDP_LENGTH = 4;
export const UDP_CHECKSUM = 6;
export const UDP_HEADER: u32 = 8;

/** Option kinds: end of list and no-operation are single bytes, the others have their length in their second byte. */
export const TCP_OPTION_END: u32 = 0;
export const TCP_OPTION_NOP: u32 = 1;
/** Maximum segment size, 4 bytes; RFC 9293 §3.7.1. */
export const TCP_OPTION_MSS: u32 = 2;

/** Does a header of this protocol begin with a source and a destination port? */
export function hasPorts(protocol: u32): bool {
  return (
    protocol == PROTOCOL_TCP ||
    protocol == PROTOCOL_UDP ||
    protocol == PROTOCOL_SCTP ||
    protocol == PROTOCOL_DCCP ||
    protocol == PROTOCOL_UDP_LITE
  );
}
