// The end of the road in: a packet is written to a TUN device from where it lies.
//
// A device with virtio headers wants one in front. 16 bytes in front of a packet out of a tunnel are its sequence number and IV,
// of no more use: the header finds its place there. Any other packet gets one from elsewhere, by an iovec of its own.

import {
  IOV_STRIDE,
  TUNIOV,
  TUNOUT,
  TUNOUT_BYTES,
  TUNOUT_IOV,
  TUNOUT_IOVS,
  TUNOUT_STRIDE,
  TUNOUT_TUN,
  W_TUNIOV_COUNT,
  W_TUN_COUNT,
  W_VNET_PLAIN,
} from "./layout/arena";
import { G_TUN_FLAGS, TUN_VNET } from "./layout/globals";
import { ADJ_TUN } from "./layout/nexthop";
import { arena, host } from "./state";
import { VNET_HEADER } from "./wire/virtio";

/** TUN_* of the device of a local adjacency. */
// @ts-ignore: decorator
@inline
export function tunFlags(adjacency: usize): u32 {
  return load<u32>(G_TUN_FLAGS + (load<u32>(adjacency, ADJ_TUN) << 2));
}

/** Queues `bytes` at `at` for the TUN device of a local adjacency. The caller has asked for room. */
export function writeTun(adjacency: usize, at: usize, bytes: u32): void {
  if ((tunFlags(adjacency) & TUN_VNET) == 0) {
    openWrite(adjacency, at, bytes);
    return;
  }
  const entry = openWrite(adjacency, arena + W_VNET_PLAIN, VNET_HEADER);
  extendWrite(entry, at, bytes);
}

/** The same for a packet that came out of a tunnel: what stands in front of it is overwritten. */
export function writeOpened(adjacency: usize, at: usize, bytes: u32): void {
  if ((tunFlags(adjacency) & TUN_VNET) == 0) openWrite(adjacency, at, bytes);
  else openWrite(adjacency, plainHeader(at), bytes + VNET_HEADER);
}

/** Puts a virtio header that asks for nothing in front of `at`; its address. */
export function plainHeader(at: usize): usize {
  const header = at - VNET_HEADER;
  store<u64>(header, 0);
  store<u16>(header, 0, 8);
  return header;
}

/** A new entry of TUNOUT whose first piece is this; its address. */
export function openWrite(adjacency: usize, at: usize, bytes: u32): usize {
  const index = load<u32>(arena, W_TUN_COUNT);
  const entry = arena + TUNOUT + index * TUNOUT_STRIDE;
  store<u32>(entry, load<u32>(adjacency, ADJ_TUN), TUNOUT_TUN);
  store<u32>(entry, load<u32>(arena, W_TUNIOV_COUNT), TUNOUT_IOV);
  store<u32>(entry, 0, TUNOUT_IOVS);
  store<u32>(entry, 0, TUNOUT_BYTES);
  store<u32>(arena, index + 1, W_TUN_COUNT);
  extendWrite(entry, at, bytes);
  return entry;
}

/** Adds a piece to the entry that was opened last. */
function extendWrite(entry: usize, at: usize, bytes: u32): void {
  store<u32>(arena, load<u32>(arena, W_TUNIOV_COUNT) + 1, W_TUNIOV_COUNT);
  addPiece(entry, at, bytes);
}

/** Adds a piece to an entry for whose iovecs there is a place kept. */
export function addPiece(entry: usize, at: usize, bytes: u32): void {
  const pieces = load<u32>(entry, TUNOUT_IOVS);
  const iov = arena + TUNIOV + (load<u32>(entry, TUNOUT_IOV) + pieces) * IOV_STRIDE;
  store<u64>(iov, host(at));
  store<u64>(iov, bytes, 8);
  store<u32>(entry, pieces + 1, TUNOUT_IOVS);
  store<u32>(entry, load<u32>(entry, TUNOUT_BYTES) + bytes, TUNOUT_BYTES);
}
