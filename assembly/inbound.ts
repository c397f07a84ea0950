// The road in, pass 1: received UDP messages are told apart, and ESP gets an op each.
//
//   inbound         for each message of the batch
//     arriving      for each datagram in it (several in a superpacket): IKE port, or RFC 3948 §2 and §4 by the first bytes
//       toControl   IKE → the ring
//       keepalive   0xFF → counted
//       toOpen      ESP → SA by its SPI → sequence number → replay window → op
//
// Pass 2 is `open`; pass 3 (deliver) finds in each op the message it came in (OP_USER) and the TOS byte of its outer header
// (OP_USER2). Nothing here is authentic yet, so nothing is changed but counters.

import { aheadIn } from "./ahead";
import {
  COUNT_IKE,
  COUNT_KEEPALIVE,
  COUNT_RUNS_READ,
  COUNT_UDP_READ,
  DROP_BATCH_FULL,
  DROP_IKE_MALFORMED,
  DROP_REPLAYED,
  DROP_RING_FULL,
  DROP_SHORT,
  DROP_TRUNCATED,
  DROP_UNKNOWN_SPI,
  DROP_WRONG_WORKER,
} from "./counters";
import { count, drop } from "./drop";
import { writeAad, writeNonce } from "./encapsulate";
import {
  AHEAD_GROUP,
  BATCH,
  OPEN_OPS,
  OPEN_OPS_MAX,
  OP_LENGTH,
  OP_OK,
  OP_SA,
  OP_STRIDE,
  OP_TEXT,
  OP_USER,
  OP_USER2,
  SOCKET_NAT4,
  SOCKET_NAT6,
  W_OPEN_COUNT,
  W_OPEN_NEXT,
} from "./layout/arena";
import { ESP_ICV, SA_ESN, SA_FLAGS, SA_REPLAYED } from "./layout/sa";
import { outerTos, readMessage, received, receivedLength, segment, wasFilled, wasTruncated } from "./message";
import { inferSequence, isFresh } from "./replay";
import { beginEvents, tellIke, tellUnknownSpi } from "./ring";
import { inboundSa, isOurs } from "./sa";
import { arena } from "./state";
import {
  ESP_MINIMUM,
  ESP_SEQUENCE,
  ESP_TEXT,
  IKE_HEADER,
  IKE_LENGTH,
  NAT_KEEPALIVE,
  NON_ESP_MARKER,
  NON_ESP_MARKER_LENGTH,
} from "./wire/esp";
import { load32 } from "./wire/order";

/**
 * Sorts `messages` messages that recvmmsg put into RXMSG from `socket` (SOCKET_*). Returns the ops in OPEN_OPS. The batch
 * before must have been delivered to its end (`pending() == 0`): its packets lie in the same slots.
 */
export function inbound(socket: u32, messages: u32): u32 {
  beginEvents();
  store<u32>(arena, 0, W_OPEN_COUNT);
  store<u32>(arena, 0, W_OPEN_NEXT);
  messages = min(messages, <u32>BATCH);
  wasFilled(messages);
  let seen: u32 = 0;
  for (let index: u32 = 0; index < messages; index++) {
    if (index == seen) {
      seen = min(index + AHEAD_GROUP, messages);
      aheadIn(index, seen);
    }
    readMessage(socket, index);
    const bytes = receivedLength(index);
    const step = segment ? segment : max(bytes, 1);
    let at = received(index);
    let left = bytes;
    if (step < left) count(COUNT_RUNS_READ);
    do {
      const size = min(step, left);
      count(COUNT_UDP_READ);
      const reason = wasTruncated(index) ? DROP_TRUNCATED : arriving(socket, index, at, size);
      if (reason) drop(reason);
      at += size;
      left -= size;
    } while (left > 0);
  }
  return load<u32>(arena, W_OPEN_COUNT);
}

/** One datagram. 0, or a reason to drop it. */
function arriving(socket: u32, message: u32, at: usize, bytes: u32): u32 {
  if (socket != SOCKET_NAT4 && socket != SOCKET_NAT6) return toControl(at, bytes);
  if (bytes == 1 && <u32>load<u8>(at) == NAT_KEEPALIVE) {
    count(COUNT_KEEPALIVE);
    return 0;
  }
  if (bytes < NON_ESP_MARKER_LENGTH) return DROP_SHORT;
  if (load<u32>(at) == NON_ESP_MARKER) return toControl(at + NON_ESP_MARKER_LENGTH, bytes - NON_ESP_MARKER_LENGTH);
  return bytes < ESP_MINIMUM ? DROP_SHORT : toOpen(message, at, bytes);
}

/** Hands an IKE message to the control thread; what can't be one does not take its time (RFC 7296 §3.1). */
function toControl(at: usize, bytes: u32): u32 {
  if (bytes < IKE_HEADER) return DROP_SHORT;
  if (load32(at + IKE_LENGTH) != bytes) return DROP_IKE_MALFORMED;
  if (!tellIke(at, bytes)) return DROP_RING_FULL;
  count(COUNT_IKE);
  return 0;
}

/** Appends an op for an ESP datagram, unless nobody knows its SPI or its sequence number was seen. */
function toOpen(message: u32, at: usize, bytes: u32): u32 {
  const spi = load32(at);
  const sa = inboundSa(spi);
  if (!sa) {
    tellUnknownSpi(spi);
    return DROP_UNKNOWN_SPI;
  }
  // The replay window is this SA's worker's alone (see sa.ts).
  if (!isOurs(spi)) return DROP_WRONG_WORKER;
  const low = load32(at + ESP_SEQUENCE);
  const sequence = load<u32>(sa, SA_FLAGS) & SA_ESN ? inferSequence(sa, low) : <u64>low;
  if (!isFresh(sa, sequence)) {
    store<u32>(sa, load<u32>(sa, SA_REPLAYED) + 1, SA_REPLAYED);
    return DROP_REPLAYED;
  }
  const index = load<u32>(arena, W_OPEN_COUNT);
  if (index >= <u32>OPEN_OPS_MAX) return DROP_BATCH_FULL;
  const op = arena + OPEN_OPS + index * OP_STRIDE;
  store<u32>(op, <u32>sa, OP_SA);
  store<u32>(op, <u32>at + ESP_TEXT, OP_TEXT);
  store<u32>(op, bytes - ESP_TEXT - ESP_ICV, OP_LENGTH);
  store<u32>(op, 0, OP_OK);
  store<u32>(op, message, OP_USER);
  store<u32>(op, outerTos, OP_USER2);
  writeAad(op, sa, load<u32>(at), sequence);
  writeNonce(op, sa, at);
  store<u32>(arena, index + 1, W_OPEN_COUNT);
  return 0;
}
