// Traffic selectors: which packets a Child SA carries (RFC 4301 §4.4.1, RFC 7296 §3.13.1). A packet matches a set if one local
// entry matches one of its ends and one remote entry the other. Entries that a set may hold: ranges of addresses, one protocol
// or any, a range of ports or any or OPAQUE ("not to be seen": later fragments).

import {
  SELECTOR_FAMILY,
  SELECTOR_HIGH,
  SELECTOR_LOW,
  SELECTOR_PORT_HIGH,
  SELECTOR_PORT_LOW,
  SELECTOR_PROTOCOL,
  SELECTOR_STRIDE,
  SELECTORS_HEAD,
  SELECTORS_LOCALS,
  SELECTORS_REMOTES,
} from "./layout/nexthop";
import { destination, destinationPort, family, ported, protocol, source, sourcePort } from "./packet";
import { load32, load64 } from "./wire/order";

/** Does the packet at hand, on its way out, match this set? Its source is our side. 0 is the set of all packets. */
export function matchesOutbound(set: usize): bool {
  if (!set) return true;
  const locals = load<u32>(set, SELECTORS_LOCALS);
  const remotes = set + SELECTORS_HEAD + locals * SELECTOR_STRIDE;
  return (
    anyMatches(set + SELECTORS_HEAD, locals, source(), sourcePort) &&
    anyMatches(remotes, load<u32>(set, SELECTORS_REMOTES), destination(), destinationPort)
  );
}

/** Does the packet at hand, out of a tunnel, match this set? Its destination is our side. 0 is the set of all packets. */
export function matchesInbound(set: usize): bool {
  if (!set) return true;
  const locals = load<u32>(set, SELECTORS_LOCALS);
  const remotes = set + SELECTORS_HEAD + locals * SELECTOR_STRIDE;
  return (
    anyMatches(remotes, load<u32>(set, SELECTORS_REMOTES), source(), sourcePort) &&
    anyMatches(set + SELECTORS_HEAD, locals, destination(), destinationPort)
  );
}

function anyMatches(entry: usize, entries: u32, address: usize, port: u32): bool {
  for (let i: u32 = 0; i < entries; i++) {
    if (matches(entry, address, port)) return true;
    entry += SELECTOR_STRIDE;
  }
  return false;
}

function matches(entry: usize, address: usize, port: u32): bool {
  if (<u32>load<u8>(entry, SELECTOR_FAMILY) != family) return false;
  const wanted = <u32>load<u8>(entry, SELECTOR_PROTOCOL);
  if (wanted != 0 && wanted != protocol) return false;
  return (
    portMatches(load<u16>(entry, SELECTOR_PORT_LOW), load<u16>(entry, SELECTOR_PORT_HIGH), port) &&
    (family == 4
      ? within4(address, entry + SELECTOR_LOW, entry + SELECTOR_HIGH)
      : within6(address, entry + SELECTOR_LOW, entry + SELECTOR_HIGH))
  );
}

/** ANY (0–65535) takes what has ports and what has none; OPAQUE (65535–0) only what has none. RFC 4301 §4.4.1.1, §7. */
// @ts-ignore: decorator
@inline
function portMatches(low: u32, high: u32, port: u32): bool {
  if (low == 0 && high == 65535) return true;
  if (low > high) return !ported;
  return ported && port >= low && port <= high;
}

// @ts-ignore: decorator
@inline
function within4(address: usize, low: usize, high: usize): bool {
  const value = load32(address);
  return value >= load32(low) && value <= load32(high);
}

function within6(address: usize, low: usize, high: usize): bool {
  return !below6(address, low) && !below6(high, address);
}

/** Is IPv6 address a lower than b? */
// @ts-ignore: decorator
@inline
function below6(a: usize, b: usize): bool {
  const x = load64(a);
  const y = load64(b);
  return x < y || (x == y && load64(a + 8) < load64(b + 8));
}
