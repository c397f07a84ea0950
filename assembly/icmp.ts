// ICMP errors that the router originates about the packet at hand: RFC 792 and RFC 1812 §4.3.2, RFC 4443 §2.4 and §3.
//
//   answerIcmp ── is there an answer to this reason? ── may this packet be answered? ── is there an address of ours? ──
//                 rate limit ── write the error into the send region

import {
  COUNT_ICMP_LIMITED,
  COUNT_ICMP_UNSENT,
  DROP_INTERWORKING,
  DROP_NO_ROUTE,
  DROP_PROHIBITED,
  DROP_SELECTORS_OUT,
  DROP_TIME_EXCEEDED,
  DROP_TOO_BIG,
} from "./counters";
import { count } from "./drop";
import { W_ICMP_AT, W_ICMP_TOKENS, W_NOW } from "./layout/arena";
import { G_ICMP_RATE, VRFS, VRF_ADDR4, VRF_ADDR6, VRF_STRIDE } from "./layout/globals";
import {
  destination,
  family,
  laterFragment,
  length,
  protocol,
  source,
  start,
  transport,
  transportLength,
} from "./packet";
import { sendRegion, takeSendRegion } from "./room";
import { arena } from "./state";
import { checksum, sum } from "./wire/checksum";
import {
  ICMP_CHECKSUM,
  ICMP_ERROR_MAX,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_HEADER,
  ICMP_MTU4,
  ICMP_MTU6,
  ICMP_NET_UNREACHABLE,
  ICMP_PARAMETER_PROBLEM,
  ICMP_PROHIBITED,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
  ICMPV6_ERROR_MAX,
  ICMPV6_FIRST_INFORMATIONAL,
  ICMPV6_NO_ROUTE,
  ICMPV6_PROHIBITED,
  ICMPV6_REDIRECT,
  ICMPV6_TIME_EXCEEDED,
  ICMPV6_TOO_BIG,
  ICMPV6_UNREACHABLE,
} from "./wire/icmp";
import {
  IPV4_CHECKSUM,
  IPV4_DESTINATION,
  IPV4_DF,
  IPV4_FRAGMENT,
  IPV4_HEADER,
  IPV4_ID,
  IPV4_LENGTH,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TTL,
  ipv4Routable,
} from "./wire/ipv4";
import { IPV6_HEADER, IPV6_HOP_LIMIT, IPV6_LENGTH, IPV6_NEXT, IPV6_SOURCE, ipv6Routable } from "./wire/ipv6";
import { load32, store16, store32 } from "./wire/order";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from "./wire/transport";

const HOPS: u32 = 64;
/** Internetwork control, RFC 1812 §4.3.2.5. */
const PRECEDENCE: u32 = 0xc0;

/** Length of the error that was written. */
export let icmpLength: u32 = 0;

/**
 * Writes the ICMP error that tells the sender of the packet at hand why it was dropped, from the router's own address in
 * `vrf`; `mtu` is what would have fitted. Returns its address in the send region, or 0: there is none to be sent.
 */
export function answerIcmp(reason: u32, vrf: u32, mtu: u32): usize {
  const word = family == 4 ? word4(reason) : word6(reason);
  if (!word || !mayAnswer()) return 0;
  const own = VRFS + vrf * VRF_STRIDE + (family == 4 ? VRF_ADDR4 : VRF_ADDR6);
  if (family == 4 ? load<u32>(own) == 0 : (load<u64>(own) | load<u64>(own, 8)) == 0) {
    count(COUNT_ICMP_UNSENT);
    return 0;
  }
  if (!takeToken()) {
    count(COUNT_ICMP_LIMITED);
    return 0;
  }
  const at = sendRegion();
  if (family == 4) write4(at, own, word, mtu);
  else write6(at, own, word, mtu);
  // Rounded up, so that the datagrams behind it stay aligned: the AEAD reads them in words.
  takeSendRegion((icmpLength + 7) & ~7);
  return at;
}

/** Type and code for a reason, type in the high byte; 0: nobody is told. */
function word4(reason: u32): u32 {
  if (reason == DROP_NO_ROUTE) return (ICMP_UNREACHABLE << 8) | ICMP_NET_UNREACHABLE;
  if (isProhibited(reason)) return (ICMP_UNREACHABLE << 8) | ICMP_PROHIBITED;
  if (reason == DROP_TOO_BIG) return (ICMP_UNREACHABLE << 8) | ICMP_FRAGMENTATION_NEEDED;
  return reason == DROP_TIME_EXCEEDED ? ICMP_TIME_EXCEEDED << 8 : 0;
}

function word6(reason: u32): u32 {
  if (reason == DROP_NO_ROUTE) return (ICMPV6_UNREACHABLE << 8) | ICMPV6_NO_ROUTE;
  if (isProhibited(reason)) return (ICMPV6_UNREACHABLE << 8) | ICMPV6_PROHIBITED;
  if (reason == DROP_TOO_BIG) return ICMPV6_TOO_BIG << 8;
  return reason == DROP_TIME_EXCEEDED ? ICMPV6_TIME_EXCEEDED << 8 : 0;
}

function isProhibited(reason: u32): bool {
  return reason == DROP_PROHIBITED || reason == DROP_SELECTORS_OUT || reason == DROP_INTERWORKING;
}

/**
 * RFC 1812 §4.3.2.7, RFC 4443 §2.4 (e): no error about an error, a later fragment, a packet to or from what is not one host.
 * An ICMP packet too short to show its type counts as an error.
 */
function mayAnswer(): bool {
  if (laterFragment) return false;
  if (family == 4) {
    if (!ipv4Routable(load32(source())) || !ipv4Routable(load32(destination()))) return false;
    return protocol != PROTOCOL_ICMP || (transportLength > 0 && !isError4(load<u8>(transport)));
  }
  if (!ipv6Routable(source()) || !ipv6Routable(destination())) return false;
  return protocol != PROTOCOL_ICMPV6 || (transportLength > 0 && !isError6(load<u8>(transport)));
}

function isError4(type: u32): bool {
  return (
    type == ICMP_UNREACHABLE ||
    type == ICMP_SOURCE_QUENCH ||
    type == ICMP_REDIRECT ||
    type == ICMP_TIME_EXCEEDED ||
    type == ICMP_PARAMETER_PROBLEM
  );
}

function isError6(type: u32): bool {
  return type < ICMPV6_FIRST_INFORMATIONAL || type == ICMPV6_REDIRECT;
}

/** Token bucket, RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f): G_ICMP_RATE a second, and as many at once after a quiet second. */
function takeToken(): bool {
  const rate = <f64>load<u32>(G_ICMP_RATE);
  const now = load<f64>(arena, W_NOW);
  const passed = max<f64>(now - load<f64>(arena, W_ICMP_AT), 0);
  const tokens = min<f64>(load<f64>(arena, W_ICMP_TOKENS) + (passed * rate) / 1000, rate);
  const granted = tokens >= 1;
  store<f64>(arena, now, W_ICMP_AT);
  store<f64>(arena, granted ? tokens - 1 : tokens, W_ICMP_TOKENS);
  return granted;
}

/** As much of the packet as fits into 576 bytes, RFC 1812 §4.3.2.3. Sent with DF: it needs no identification (RFC 6864 §4.1). */
function write4(at: usize, own: usize, word: u32, mtu: u32): void {
  const quoted = min(length, ICMP_ERROR_MAX - IPV4_HEADER - ICMP_HEADER);
  const icmp = at + IPV4_HEADER;
  icmpLength = IPV4_HEADER + ICMP_HEADER + quoted;
  store16(at, 0x4500 | PRECEDENCE);
  store16(at + IPV4_LENGTH, icmpLength);
  store16(at + IPV4_ID, 0);
  store16(at + IPV4_FRAGMENT, IPV4_DF);
  store<u8>(at, <u8>HOPS, IPV4_TTL);
  store<u8>(at, <u8>PROTOCOL_ICMP, IPV4_PROTOCOL);
  store<u16>(at, 0, IPV4_CHECKSUM);
  store<u32>(at, load<u32>(own), IPV4_SOURCE);
  store<u32>(at, load<u32>(source()), IPV4_DESTINATION);
  store<u16>(at, checksum(sum(at, IPV4_HEADER)), IPV4_CHECKSUM);
  store16(icmp, word);
  store32(icmp + 2, 0);
  store16(icmp + ICMP_MTU4, (word & 0xff) == ICMP_FRAGMENTATION_NEEDED ? mtu : 0);
  memory.copy(icmp + ICMP_HEADER, start, quoted);
  store<u16>(icmp, checksum(sum(icmp, ICMP_HEADER + quoted)), ICMP_CHECKSUM);
}

/** As much of the packet as fits into 1280 bytes, RFC 4443 §2.4 (c). The checksum covers a pseudo-header, RFC 8200 §8.1. */
function write6(at: usize, own: usize, word: u32, mtu: u32): void {
  const quoted = min(length, ICMPV6_ERROR_MAX - IPV6_HEADER - ICMP_HEADER);
  const bytes = ICMP_HEADER + quoted;
  const icmp = at + IPV6_HEADER;
  icmpLength = IPV6_HEADER + bytes;
  store32(at, 0x60000000 | (PRECEDENCE << 20));
  store16(at + IPV6_LENGTH, bytes);
  store<u8>(at, <u8>PROTOCOL_ICMPV6, IPV6_NEXT);
  store<u8>(at, <u8>HOPS, IPV6_HOP_LIMIT);
  memory.copy(at + IPV6_SOURCE, own, 16);
  memory.copy(at + IPV6_SOURCE + 16, source(), 16);
  store16(icmp, word);
  store<u16>(icmp, 0, ICMP_CHECKSUM);
  store32(icmp + ICMP_MTU6, word >> 8 == ICMPV6_TOO_BIG ? mtu : 0);
  memory.copy(icmp + ICMP_HEADER, start, quoted);
  const pseudo = sum(at + IPV6_SOURCE, 32) + <u64>bswap<u16>(<u16>bytes) + ((<u64>PROTOCOL_ICMPV6) << 8);
  store<u16>(icmp, checksum(pseudo + sum(icmp, bytes)), ICMP_CHECKSUM);
}
