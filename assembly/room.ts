// Room for one more packet. A road asks before it touches a packet, for the most that the packet can take, and stops while
// there is not enough; so no packet is ever half done, and nothing behind this point has to look for room.
//
// The most: the packet in fragments, each with its own IP header and ESP, and one ICMP error, which is written once and once
// more behind an ESP header.

import {
  SEAL_OPS_MAX,
  SOCKET_IKE4,
  SOCKET_IKE6,
  SOCKET_NAT4,
  SOCKET_NAT6,
  TUNIOV_MAX,
  TUNOUT_MAX,
  TX,
  TX_MAX,
  TX_SIZE,
  W_OP_COUNT,
  W_TUN_COUNT,
  W_TUNIOV_COUNT,
  W_TX_COUNT,
  W_TX_USED,
} from "./layout/arena";
import { arena } from "./state";
import { ESP_OVERHEAD } from "./wire/esp";
import { ICMPV6_ERROR_MAX } from "./wire/icmp";

/** An IPv4 packet is never cut for an MTU below this: every host takes 576 bytes (RFC 791 §3.1). */
export const IPV4_MINIMUM_MTU: u32 = 576;
/** So a fragment carries this at least, with the longest header (60) and its payload cut to a multiple of 8. */
const FRAGMENT_PAYLOAD: u32 = 512;
/** Longest IPv4 header. */
const FRAGMENT_HEADER: u32 = 60;
const ICMP_BYTES: u32 = 2 * (ICMPV6_ERROR_MAX + ESP_OVERHEAD);

/** Is there room for all that a packet of this length can turn into? */
export function hasRoom(length: u32): bool {
  const pieces = length / FRAGMENT_PAYLOAD + 2;
  const bytes = length + pieces * (FRAGMENT_HEADER + ESP_OVERHEAD) + ICMP_BYTES;
  return (
    load<u32>(arena, W_TX_USED) + bytes <= <u32>TX_SIZE &&
    load<u32>(arena, W_OP_COUNT) + pieces <= <u32>SEAL_OPS_MAX &&
    mostQueued() + pieces <= <u32>TX_MAX &&
    load<u32>(arena, W_TUN_COUNT) + 2 <= <u32>TUNOUT_MAX &&
    load<u32>(arena, W_TUNIOV_COUNT) + 4 <= <u32>TUNIOV_MAX
  );
}

/** For how many datagrams more is there room, around packets of at most this length that are neither cut nor refused? */
export function roomFor(length: u32): u32 {
  const bytes = (<u32>TX_SIZE - load<u32>(arena, W_TX_USED)) / (length + ESP_OVERHEAD);
  const ops = <u32>SEAL_OPS_MAX - load<u32>(arena, W_OP_COUNT);
  return min(bytes, min(ops, <u32>TX_MAX - mostQueued()));
}

/** Messages queued for the socket that has most. */
function mostQueued(): u32 {
  const four = max(queued(SOCKET_IKE4), queued(SOCKET_NAT4));
  return max(four, max(queued(SOCKET_IKE6), queued(SOCKET_NAT6)));
}

// @ts-ignore: decorator
@inline
function queued(socket: u32): u32 {
  return load<u32>(arena + W_TX_COUNT + (socket << 2));
}

/** The free end of the send region. */
// @ts-ignore: decorator
@inline
export function sendRegion(): usize {
  return arena + TX + load<u32>(arena, W_TX_USED);
}

/** Takes `bytes` of the send region. */
// @ts-ignore: decorator
@inline
export function takeSendRegion(bytes: u32): void {
  store<u32>(arena, load<u32>(arena, W_TX_USED) + bytes, W_TX_USED);
}
