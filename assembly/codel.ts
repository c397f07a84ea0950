// One flow's packets that wait, and CoDel over them (RFC 8289): what stays above the target for a whole interval is a standing
// queue, and its sender is told by a dropped packet, or by a mark where it knows ECN; then again, the sooner the longer it stays.
//
// Why, when the queue is short anyhow: without it a TCP connection fills the whole bound and every packet of it waits that long; and
// one that sends by ECN would only ever learn by loss.

import { giveCells } from "./cells";
import { COUNT_SHAPER_MARKED, DROP_SHAPER } from "./counters";
import { count } from "./drop";
import {
  CELL_CELLS,
  CELL_DATA,
  CELL_LENGTH,
  CELL_NEXT,
  CELL_TIME,
  LINE_CELLS,
  PART_BYTES,
  PART_DROPPED,
  PART_MARKED,
  PART_WAITING,
  QUEUE_BYTES,
  QUEUE_COUNT,
  QUEUE_DROPPING,
  QUEUE_DROP_NEXT,
  QUEUE_FIRST,
  QUEUE_FIRST_ABOVE,
  QUEUE_LAST,
  QUEUE_LAST_COUNT,
  SHAPE_INTERVAL,
  SHAPE_TARGET,
} from "./layout/shaper";
import { part, raise, shape } from "./shape";
import { IPV4_TOS, ipv4SetTos } from "./wire/ipv4";
import { ipv6SetTrafficClass, ipv6TrafficClass } from "./wire/ipv6";

/** A queue of no more than this, bytes, is never a standing one (RFC 8289 §4.4). */
const ONE_PACKET: u32 = 1514;

/** ECN field: not capable; congestion experienced (RFC 3168 §5). */
const ECN_MASK: u32 = 3;
const CE: u32 = 3;

/** Whether the packet that `pop` took has waited too long for too long. */
let overdue: bool = false;

/** Puts a packet at the end of a flow's queue. */
export function push(line: usize, queue: usize, packet: usize): void {
  const length = load<u32>(packet, CELL_LENGTH);
  const last = load<u32>(queue, QUEUE_LAST);
  if (last) store<u32>(last, <u32>packet, CELL_NEXT);
  else store<u32>(queue, <u32>packet, QUEUE_FIRST);
  store<u32>(queue, <u32>packet, QUEUE_LAST);
  store<u32>(queue, load<u32>(queue, QUEUE_BYTES) + length, QUEUE_BYTES);
  store<u32>(line, load<u32>(line, LINE_CELLS) + load<u32>(packet, CELL_CELLS), LINE_CELLS);
  store<u32>(part, load<u32>(part, PART_WAITING) + 1, PART_WAITING);
  store<u32>(part, load<u32>(part, PART_BYTES) + length, PART_BYTES);
}

/** Takes the first packet out of a flow's queue; 0: there is none. */
function pop(line: usize, queue: usize): usize {
  const packet = <usize>load<u32>(queue, QUEUE_FIRST);
  if (!packet) return 0;
  const length = load<u32>(packet, CELL_LENGTH);
  const next = load<u32>(packet, CELL_NEXT);
  store<u32>(queue, next, QUEUE_FIRST);
  if (!next) store<u32>(queue, 0, QUEUE_LAST);
  store<u32>(queue, load<u32>(queue, QUEUE_BYTES) - length, QUEUE_BYTES);
  store<u32>(line, load<u32>(line, LINE_CELLS) - load<u32>(packet, CELL_CELLS), LINE_CELLS);
  store<u32>(part, load<u32>(part, PART_WAITING) - 1, PART_WAITING);
  store<u32>(part, load<u32>(part, PART_BYTES) - length, PART_BYTES);
  return packet;
}

/** Drops the first packet of a flow's queue; false: there is none. */
export function dropFirst(line: usize, queue: usize): bool {
  const packet = pop(line, queue);
  if (packet) lose(packet);
  return packet != 0;
}

function lose(packet: usize): void {
  count(DROP_SHAPER);
  raise(PART_DROPPED);
  giveCells(packet);
}

/** The packet of the flow that may leave at `now`, 0: none waits. Drops and marks as RFC 8289 §5.5 has it. */
export function dequeue(line: usize, queue: usize, now: u64): usize {
  let packet = popTimed(line, queue, now);
  if (!packet) {
    store<u32>(queue, 0, QUEUE_DROPPING);
    return 0;
  }
  if (load<u32>(queue, QUEUE_DROPPING)) {
    if (!overdue) store<u32>(queue, 0, QUEUE_DROPPING);
    while (load<u32>(queue, QUEUE_DROPPING) && now >= load<u64>(queue, QUEUE_DROP_NEXT)) {
      store<u32>(queue, load<u32>(queue, QUEUE_COUNT) + 1, QUEUE_COUNT);
      scheduleDrop(queue, load<u64>(queue, QUEUE_DROP_NEXT));
      if (mark(packet)) return packet;
      lose(packet);
      packet = popTimed(line, queue, now);
      if (!overdue) store<u32>(queue, 0, QUEUE_DROPPING);
    }
    return packet;
  }
  if (!overdue) return packet;
  beginDropping(queue, now);
  if (mark(packet)) return packet;
  lose(packet);
  return popTimed(line, queue, now);
}

/** Takes the first packet and sets `overdue`: `ok_to_drop` of RFC 8289 §5.6. */
function popTimed(line: usize, queue: usize, now: u64): usize {
  overdue = false;
  const packet = pop(line, queue);
  if (!packet || now < load<u64>(packet, CELL_TIME) + load<u64>(shape, SHAPE_TARGET)) {
    store<u64>(queue, 0, QUEUE_FIRST_ABOVE);
  } else if (load<u32>(queue, QUEUE_BYTES) + load<u32>(packet, CELL_LENGTH) <= ONE_PACKET) {
    store<u64>(queue, 0, QUEUE_FIRST_ABOVE);
  } else if (load<u64>(queue, QUEUE_FIRST_ABOVE) == 0) {
    store<u64>(queue, now + load<u64>(shape, SHAPE_INTERVAL), QUEUE_FIRST_ABOVE);
  } else {
    overdue = now >= load<u64>(queue, QUEUE_FIRST_ABOVE);
  }
  return packet;
}

/** Starts to drop: at the rate that controlled the queue last time, if that was not long ago. */
function beginDropping(queue: usize, now: u64): void {
  const before = load<u32>(queue, QUEUE_COUNT);
  const delta = before - load<u32>(queue, QUEUE_LAST_COUNT);
  const recent = now < load<u64>(queue, QUEUE_DROP_NEXT) + 16 * load<u64>(shape, SHAPE_INTERVAL);
  const begin = <i32>delta > 1 && recent ? delta : 1;
  store<u32>(queue, 1, QUEUE_DROPPING);
  store<u32>(queue, begin, QUEUE_COUNT);
  store<u32>(queue, begin, QUEUE_LAST_COUNT);
  scheduleDrop(queue, now);
}

/** The next drop comes an interval over the square root of the drops so far after `from`: RFC 8289 §5.4, control_law. */
function scheduleDrop(queue: usize, from: u64): void {
  const step = <f64>load<u64>(shape, SHAPE_INTERVAL) / Math.sqrt(<f64>load<u32>(queue, QUEUE_COUNT));
  store<u64>(queue, from + <u64>step, QUEUE_DROP_NEXT);
}

/** Marks a packet whose transport knows ECN (RFC 3168 §5, RFC 8289 §4.4); false: it does not. */
function mark(packet: usize): bool {
  const ip = packet + CELL_DATA;
  const four = (<u32>load<u8>(ip)) >> 4 == 4;
  const tos = four ? <u32>load<u8>(ip, IPV4_TOS) : ipv6TrafficClass(ip);
  if ((tos & ECN_MASK) == 0) return false;
  if (four) ipv4SetTos(ip, tos | CE);
  else ipv6SetTrafficClass(ip, tos | CE);
  count(COUNT_SHAPER_MARKED);
  raise(PART_MARKED);
  return true;
}
