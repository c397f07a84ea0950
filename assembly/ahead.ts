// Looking ahead: of the packets that come next, the memory that their road will touch is touched now, for all of them side by side.
//
//   aheadOut        TUN slots         ─┐
//                                      ├─ route ─▶ adjacency ─▶ child list ─▶ SA, selectors ─▶ key, path
//   aheadDelivered  opened ops        ─┘
//   aheadIn         received messages ─── SPI ─▶ SA, replay block, key ─▶ path
//
// With thousands of SAs each arrow is a cache miss, and a packet that walks its road alone waits for one after the other. Here each
// arrow is a loop over AHEAD_GROUP packets: their loads do not depend on each other, so the processor has their misses under way at
// once. WASM has no prefetch; a plain load does it. But for the route (`foreseen`), nothing is decided here: what was touched is
// looked up anew when the packet's turn comes, and then lies in the cache. A packet that is malformed or cut short does no harm: the
// addresses made of its bytes are checked before they are followed, and what it leads to is not used.

import { adjacencyAt } from "./adjacency";
import { fibAnswer, fibAnswered, fibAsk4, fibAsk6 } from "./fibgroup";
import {
  OPEN_OPS,
  OP_SA,
  OP_STRIDE,
  OP_TEXT,
  SLOT_HEADROOM,
  SLOT_STRIDE,
  TUNRX,
  W_AHEAD,
  W_AHEAD_PLACES,
  W_AHEAD_SUM,
} from "./layout/arena";
import { G_SA_REACH } from "./layout/globals";
import { ADJ_CHILDREN, ADJ_KIND, ADJ_TUNNEL, CHILDREN_HEAD, CHILD_SAS, CHILD_SELECTORS } from "./layout/nexthop";
import { REPLAY_BLOCKS, SA_ADJ, SA_KEY, SA_PATH, SA_REPLAY, SA_STRIDE, SA_VRF } from "./layout/sa";
import { received } from "./message";
import { adjacencyCount, arena, saBase, worker } from "./state";
import { ESP_SEQUENCE } from "./wire/esp";
import { IPV4_DESTINATION } from "./wire/ipv4";
import { IPV6_DESTINATION } from "./wire/ipv6";
import { load32, load64 } from "./wire/order";

/** Place of packet `i` of the group: an address on its road, 0 where it leaves it. */
// @ts-ignore: decorator
@inline
function place(i: u32): usize {
  return arena + W_AHEAD_PLACES + (i << 2);
}

/** The adjacency's index that the destination of packet `i` of the group has led to; 0: no route. */
// @ts-ignore: decorator
@inline
export function foreseen(i: u32): u32 {
  return fibAnswered(arena + W_AHEAD, i);
}

/** Keeps what was loaded from being left out as unused. */
// @ts-ignore: decorator
@inline
function touched(sum: u32): void {
  store<u32>(arena, sum, W_AHEAD_SUM);
}

/** Asks for the route of packet `i` of the group, which lies at `at`. */
// @ts-ignore: decorator
@inline
function ask(i: u32, vrf: u32, at: usize): void {
  if ((<u32>load<u8>(at)) >> 4 == 6) {
    fibAsk6(arena + W_AHEAD, i, vrf, load64(at + IPV6_DESTINATION), load64(at + IPV6_DESTINATION + 8));
  } else {
    fibAsk4(arena + W_AHEAD, i, vrf, load32(at + IPV4_DESTINATION));
  }
}

/** Packets `first` to `last − 1` in TUNRX, read from a device of `vrf`. */
export function aheadOut(first: u32, last: u32, vrf: u32): void {
  let at = arena + TUNRX + first * SLOT_STRIDE + SLOT_HEADROOM;
  const count = last - first;
  for (let i: u32 = 0; i < count; i++, at += SLOT_STRIDE) ask(i, vrf, at);
  alongRoutes(count);
}

/** Ops `first` to `last − 1` of OPEN_OPS, opened. */
export function aheadDelivered(first: u32, last: u32): void {
  let op = arena + OPEN_OPS + first * OP_STRIDE;
  const count = last - first;
  let sum: u32 = 0;
  for (let i: u32 = 0; i < count; i++, op += OP_STRIDE) {
    const sa = <usize>load<u32>(op, OP_SA);
    const tunnel = load<u32>(sa, SA_ADJ);
    if (tunnel < adjacencyCount) sum += load<u32>(adjacencyAt(tunnel));
    ask(i, load<u32>(sa, SA_VRF), <usize>load<u32>(op, OP_TEXT));
  }
  touched(sum);
  alongRoutes(count);
}

/** Ends the lookups. What `chooseSa` will read; where a packet goes the way of the one before it, there is nothing new to touch. */
function alongRoutes(count: u32): void {
  fibAnswer(arena + W_AHEAD, count);
  let before: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const index = foreseen(i);
    store<u32>(place(i), 0);
    if (index == before) continue;
    before = index;
    const adjacency = adjacencyAt(index < adjacencyCount ? index : 0);
    if (atomic.load<u32>(adjacency + ADJ_KIND) == ADJ_TUNNEL) {
      store<u32>(place(i), atomic.load<u32>(adjacency + ADJ_CHILDREN));
    }
  }
  let sum: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const children = <usize>load<u32>(place(i));
    if (!children) continue;
    const child = children + CHILDREN_HEAD;
    const selectors = <usize>load<u32>(child, CHILD_SELECTORS);
    if (selectors) sum += load<u32>(selectors) + load<u32>(selectors, 64);
    store<u32>(place(i), atomic.load<u32>(child + CHILD_SAS + (worker << 2)));
  }
  touched(sum);
  alongSas(count);
}

/** From the SA in each place on: its key's first line, and where its datagrams go. */
function alongSas(count: u32): void {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const sa = <usize>load<u32>(place(i));
    if (!sa) continue;
    sum += load<u32>(sa, SA_KEY);
    store<u32>(place(i), atomic.load<u32>(sa + SA_PATH));
  }
  for (let i: u32 = 0; i < count; i++) {
    const path = <usize>load<u32>(place(i));
    if (path) sum += load<u32>(path);
  }
  touched(sum);
}

/** Received messages `first` to `last − 1`. Of a run only the first datagram: the others are most often of its SA. */
export function aheadIn(first: u32, last: u32): void {
  let at = received(first);
  const count = last - first;
  const reach = atomic.load<u32>(G_SA_REACH);
  let sum: u32 = 0;
  for (let i: u32 = 0; i < count; i++, at += SLOT_STRIDE) {
    const index = load32(at) & 0xffff;
    const sa = saBase + (index < reach ? index : 0) * SA_STRIDE;
    const block = (load32(at + ESP_SEQUENCE) >> 6) & (REPLAY_BLOCKS - 1);
    sum += load<u32>(sa + SA_REPLAY + (block << 3)) + load<u32>(sa, SA_ADJ);
    store<u32>(place(i), <u32>sa);
  }
  touched(sum);
  alongSas(count);
}
