// ICMP at a filter: queries are flows (RFC 5508 §3), errors belong to the flow of the packet that they quote (§4).
//
// An error passes whatever the rules say when the packet that it quotes could have come by here: its flow is known and still accepted, it
// went the other way, and the error goes to who sent it. So path MTU discovery works through any filter (RFC 1191, RFC 8201). Any
// other error, and any other kind of message, is for the rules, and opens nothing.

import { DROP_FILTER_STRAY } from "./counters";
import { flowless, NEVER_OPENS, ofFlow, sentByOpener, stillAccepted, wayOf } from "./filterflow";
import { KIND_ECHO, KIND_PORTS, KIND_TIMESTAMP, setKey } from "./flowkey";
import { STATE_CUT, STATE_QUERY } from "./flowstate";
import { expired, find, life, stateOf } from "./flowtable";
import { destination, family, source, transport, transportLength } from "./packet";
import {
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_HEADER,
  ICMP_ID,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
  ICMP_TIMESTAMP,
  ICMP_TIMESTAMP_REPLY,
  ICMP_UNREACHABLE,
  ICMPV6_ECHO,
  ICMPV6_ECHO_REPLY,
  ICMPV6_FIRST_INFORMATIONAL,
} from "./wire/icmp";
import {
  IPV4_DESTINATION,
  IPV4_HEADER,
  IPV4_OFFSET_MASK,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  ipv4Fragment,
  ipv4HeaderLength,
} from "./wire/ipv4";
import {
  EXTENSION_FRAGMENT,
  EXTENSIONS_MAX,
  IPV6_DESTINATION,
  IPV6_HEADER,
  IPV6_NEXT,
  IPV6_SOURCE,
  isExtension,
} from "./wire/ipv6";
import { load16, load64 } from "./wire/order";
import { hasPorts, PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from "./wire/transport";

/** Bytes of the quoted packet behind its IP header that are always there (RFC 792, RFC 4443 §2.4 gives more). */
const QUOTED: u32 = 8;

/** The ICMP message at hand. 0, or a reason to drop it. */
export function ofIcmp(set: usize, direction: u32, now: u32): u32 {
  if (transportLength < ICMP_HEADER) return DROP_FILTER_STRAY;
  const type = <u32>load<u8>(transport);
  const query = queryOf(family, type);
  if (query) {
    const asks = isAsking(family, type);
    keyOfQuery(family, source(), destination(), transport, query, asks);
    return ofFlow(set, direction, now, asks ? STATE_QUERY : NEVER_OPENS, 0);
  }
  return isError(type) && isRelated(set, direction, now) ? 0 : flowless(set, direction);
}

/** The kind of query that a type asks or answers; 0: neither. */
function queryOf(version: u32, type: u32): u32 {
  if (version == 6) return type == ICMPV6_ECHO || type == ICMPV6_ECHO_REPLY ? KIND_ECHO : 0;
  if (type == ICMP_ECHO || type == ICMP_ECHO_REPLY) return KIND_ECHO;
  return type == ICMP_TIMESTAMP || type == ICMP_TIMESTAMP_REPLY ? KIND_TIMESTAMP : 0;
}

function isAsking(version: u32, type: u32): bool {
  return version == 6 ? type == ICMPV6_ECHO : type == ICMP_ECHO || type == ICMP_TIMESTAMP;
}

function isError(type: u32): bool {
  if (family == 6) return type < ICMPV6_FIRST_INFORMATIONAL;
  return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

function keyOfQuery(version: u32, from: usize, to: usize, icmp: usize, query: u32, asks: bool): void {
  const id = load16(icmp + ICMP_ID);
  setKey(version, from, to, (id << 16) | id, version == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6, query, asks);
}

/** Is the error at hand about a flow that is known? */
function isRelated(set: usize, direction: u32, now: u32): bool {
  const quoted = transport + ICMP_HEADER;
  const bytes = transportLength - ICMP_HEADER;
  if (!(family == 4 ? keyOfQuoted4(quoted, bytes) : keyOfQuoted6(quoted, bytes))) return false;
  const flow = find();
  if (!flow || expired(life, now) || stateOf(life) == STATE_CUT) return false;
  return wayOf(sentByOpener()) != direction && stillAccepted(flow, set, now);
}

/** Writes the key of the packet that is quoted in `bytes` at `ip`. False: it can't be told. */
function keyOfQuoted4(ip: usize, bytes: u32): bool {
  if (bytes < IPV4_HEADER + QUOTED || load<u8>(ip) >> 4 != 4) return false;
  const header = ipv4HeaderLength(ip);
  if (header < IPV4_HEADER || bytes < header + QUOTED || (ipv4Fragment(ip) & IPV4_OFFSET_MASK) != 0) return false;
  if (load<u32>(ip, IPV4_SOURCE) != load<u32>(destination())) return false;
  return keyOfQuoted(4, ip + IPV4_SOURCE, ip + IPV4_DESTINATION, load<u8>(ip, IPV4_PROTOCOL), ip + header);
}

function keyOfQuoted6(ip: usize, bytes: u32): bool {
  if (bytes < IPV6_HEADER + QUOTED || load<u8>(ip) >> 4 != 6) return false;
  const to = destination();
  if (load64(ip + IPV6_SOURCE) != load64(to) || load64(ip + IPV6_SOURCE + 8) != load64(to + 8)) return false;
  let next = <u32>load<u8>(ip, IPV6_NEXT);
  let offset: u32 = IPV6_HEADER;
  for (let seen: u32 = 0; ; seen++) {
    const fragment = next == EXTENSION_FRAGMENT;
    if (!fragment && !isExtension(next)) break;
    // What follows must be there: first the extension itself.
    if (seen == EXTENSIONS_MAX || offset + 8 > bytes) return false;
    const header = ip + offset;
    if (fragment && (load16(header + 2) & 0xfff8) != 0) return false;
    next = load<u8>(header);
    offset += fragment ? 8 : (<u32>load<u8>(header, 1) + 1) << 3;
  }
  if (offset + QUOTED > bytes) return false;
  return keyOfQuoted(6, ip + IPV6_SOURCE, ip + IPV6_DESTINATION, next, ip + offset);
}

function keyOfQuoted(version: u32, from: usize, to: usize, proto: u32, at: usize): bool {
  if (proto == (version == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6)) {
    const type = <u32>load<u8>(at);
    const query = queryOf(version, type);
    if (!query) return false;
    keyOfQuery(version, from, to, at, query, isAsking(version, type));
    return true;
  }
  const ports = hasPorts(proto) ? (load16(at) << 16) | load16(at + 2) : 0;
  setKey(version, from, to, ports, proto, KIND_PORTS, false);
  return true;
}
