// What the fast path exports. A worker's loop calls the first part once a batch:
//
//   UDP   fill · recvmmsg · inbound · open · { deliver · seal · sendmmsg, write · flushed } while pending
//   TUN   read … · { outbound · seal · sendmmsg, write · flushed } until all were taken
//   then  depart · seal · sendmmsg · flushed, while it says so, if packets of a shaped tunnel are due
//
// The control thread has an instance of its own, for the FIB and for key set-up.

import { openOps, sealOps } from "./aead/engine";
import { attachFlows } from "./flowtable";
import {
  OPEN_OPS,
  OP_STRIDE,
  SEAL_OPS,
  SOCKETS,
  W_OP_COUNT,
  W_TUNIOV_COUNT,
  W_TUN_COUNT,
  W_TX_COUNT,
  W_TX_USED,
} from "./layout/arena";
import { prepareReceive } from "./message";
import { arena, attachState } from "./state";

export { expandKey as expand, leave, leaveFrom } from "./aead/engine";
export { deliver, pending } from "./deliver";
export { depart, reshape } from "./depart";
export * from "./fibwriter";
export { liveFlows } from "./flowtable";
export { inbound } from "./inbound";
export { outbound } from "./outbound";
export { tooBig } from "./ring";

/** Binds this instance to worker `worker` of the memory whose globals block has been written. First call of all. */
export function attach(worker: u32): void {
  attachState(worker);
  attachFlows();
}

/** Makes RXMSG ready for a recvmmsg of up to BATCH messages. Before each. */
export function fill(): void {
  prepareReceive();
}

/**
 * Pass 2 of the road in: opens the first `count` ops of OPEN_OPS, as `inbound` returned. How many it has left, because
 * their cipher belongs to another engine (`leave`).
 */
export function open(count: u32): u32 {
  return openOps(arena + OPEN_OPS, count);
}

/** Pass 2 of the road out: seals the first `count` ops of SEAL_OPS (W_OP_COUNT) and empties the vector. How many it has left. */
export function seal(count: u32): u32 {
  const left = sealOps(arena + SEAL_OPS, count);
  store<u32>(arena, 0, W_OP_COUNT);
  return left;
}

/** Opens op `index` of OPEN_OPS here, whatever its cipher: the other engine could not. */
export function openOne(index: u32): void {
  openOps(arena + OPEN_OPS + index * OP_STRIDE, 1, 0);
}

/** Seals op `index` of SEAL_OPS here, whatever its cipher. */
export function sealOne(index: u32): void {
  sealOps(arena + SEAL_OPS + index * OP_STRIDE, 1, 0);
}

/** All queued messages were sent and all TUN entries written: the send region is empty again. */
export function flushed(): void {
  for (let socket: u32 = 0; socket < <u32>SOCKETS; socket++) store<u32>(arena + W_TX_COUNT + (socket << 2), 0);
  store<u32>(arena, 0, W_TX_USED);
  store<u32>(arena, 0, W_TUN_COUNT);
  store<u32>(arena, 0, W_TUNIOV_COUNT);
  store<u32>(arena, 0, W_OP_COUNT);
}
