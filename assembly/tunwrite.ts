// The end of the road in: a packet is written to a TUN device from where it lies. 16 bytes in front of a packet out of a tunnel
// are its IV and sequence number, of no more use: a virtio header will find its place there.

import {
  ADJ_TUN,
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
} from "./layout";
import { arena, host } from "./state";

/** Queues `bytes` at `at` for the TUN device of a local adjacency. The caller has asked for room. */
export function writeTun(adjacency: usize, at: usize, bytes: u32): void {
  const index = load<u32>(arena, W_TUN_COUNT);
  const iovIndex = load<u32>(arena, W_TUNIOV_COUNT);
  const iov = arena + TUNIOV + iovIndex * IOV_STRIDE;
  store<u64>(iov, host(at));
  store<u64>(iov, bytes, 8);
  const entry = arena + TUNOUT + index * TUNOUT_STRIDE;
  store<u32>(entry, load<u32>(adjacency, ADJ_TUN), TUNOUT_TUN);
  store<u32>(entry, iovIndex, TUNOUT_IOV);
  store<u32>(entry, 1, TUNOUT_IOVS);
  store<u32>(entry, bytes, TUNOUT_BYTES);
  store<u32>(arena, iovIndex + 1, W_TUNIOV_COUNT);
  store<u32>(arena, index + 1, W_TUN_COUNT);
}
