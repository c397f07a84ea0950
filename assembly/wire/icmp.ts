// ICMP, RFC 792, and ICMPv6, RFC 4443: type, code, checksum, four bytes of which a "too big" uses some, then the packet that
// caused it.

export const ICMP_HEADER: u32 = 8;
export const ICMP_CHECKSUM = 2;
/** Next-hop MTU of a type 3 code 4, 16 bits; RFC 1191 §4. */
export const ICMP_MTU4 = 6;
/** MTU of an ICMPv6 type 2, 32 bits; RFC 4443 §3.2. */
export const ICMP_MTU6 = 4;

/** Identifier of a query and its answer. RFC 792, RFC 4443 §4. */
export const ICMP_ID = 4;

export const ICMP_ECHO_REPLY: u32 = 0;
export const ICMP_ECHO: u32 = 8;
export const ICMP_TIMESTAMP: u32 = 13;
export const ICMP_TIMESTAMP_REPLY: u32 = 14;
export const ICMP_UNREACHABLE: u32 = 3;
export const ICMP_SOURCE_QUENCH: u32 = 4;
export const ICMP_REDIRECT: u32 = 5;
export const ICMP_TIME_EXCEEDED: u32 = 11;
export const ICMP_PARAMETER_PROBLEM: u32 = 12;

/** Codes of type 3. RFC 792, RFC 1812 §5.2.7.1. */
export const ICMP_NET_UNREACHABLE: u32 = 0;
export const ICMP_FRAGMENTATION_NEEDED: u32 = 4;
export const ICMP_PROHIBITED: u32 = 13;

export const ICMPV6_UNREACHABLE: u32 = 1;
export const ICMPV6_TOO_BIG: u32 = 2;
export const ICMPV6_TIME_EXCEEDED: u32 = 3;
/** Types below are errors, RFC 4443 §2.1; a redirect (RFC 4861 §4.5) is treated as one, §2.4 (e.2). */
export const ICMPV6_FIRST_INFORMATIONAL: u32 = 128;
export const ICMPV6_ECHO: u32 = 128;
export const ICMPV6_ECHO_REPLY: u32 = 129;
export const ICMPV6_REDIRECT: u32 = 137;

/** Codes of ICMPv6 type 1, RFC 4443 §3.1. */
export const ICMPV6_NO_ROUTE: u32 = 0;
export const ICMPV6_PROHIBITED: u32 = 1;

/** The most that an error may be long, IP header included: RFC 1812 §4.3.2.3 and RFC 4443 §2.4 (c). */
export const ICMP_ERROR_MAX: u32 = 576;
export const ICMPV6_ERROR_MAX: u32 = 1280;
