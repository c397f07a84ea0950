// A line: the packets of one shaped tunnel that wait in one worker, by flow, served in turn (deficit round robin as RFC 8290 §4.2
// has it: a flow that has just begun goes first, so a ping or a SYN does not wait behind a download). A flow has a queue to itself
// while there is one free among the few that its hash leads to. When too much waits, the flow that has most loses its oldest packet.
//
// A line exists only while packets wait in it, so a gateway with thousands of shaped tunnels has lines for the busy ones.

import { cellsFor, freeCells } from "./cells";
import { dequeue, dropFirst, push } from "./codel";
import { ADJ_SHAPE } from "./layout/nexthop";
import {
  CELL_LENGTH,
  FLOWS_PER_LINE,
  QUEUE_WAYS,
  LINE_ADJ,
  LINE_CELLS,
  LINE_DUE,
  LINE_FLOWS,
  LINE_NEW_FIRST,
  LINE_OLD_FIRST,
  LINE_PLACE,
  LINE_SHAPE,
  LINE_STRIDE,
  PART_BYTES,
  PART_FLOWS,
  PART_LINE,
  PART_WAITING,
  QUEUE_BYTES,
  QUEUE_CREDIT,
  QUEUE_LISTED,
  QUEUE_NEXT,
  QUEUE_STRIDE,
  QUEUE_TAG,
  SHAPER_ACTIVE,
  SHAPER_FREE_LINE,
  SHAPER_FRESH_LINES,
  SHAPER_HEAD,
  SHAPER_LINES,
  SHAPER_LINES_USED,
  SHAPE_LIMIT,
} from "./layout/shaper";
import { ownIndex, part, partOf, shape } from "./shape";
import { shaper, workers } from "./state";

/** Bytes that a flow sends in its turn (RFC 8290 §5.2.4: a packet of an Ethernet). */
const QUANTUM: i32 = 1514;

/** Of a list: where its last flow stands, behind its first. */
const LAST: usize = 4;

/** Line number `place` of those in use. */
// @ts-ignore: decorator
@inline
export function lineAt(place: u32): usize {
  return load<u32>(shaper + SHAPER_ACTIVE + (place << 2));
}

/** Of the shape at hand; 0: nothing waits. */
// @ts-ignore: decorator
@inline
export function lineOf(): usize {
  return load<u32>(part, PART_LINE);
}

/** A line for the tunnel whose shape is at hand; 0: all are in use. */
export function openLine(adjacency: usize): usize {
  let line = <usize>load<u32>(shaper, SHAPER_FREE_LINE);
  if (line) {
    store<u32>(shaper, load<u32>(line, LINE_ADJ), SHAPER_FREE_LINE);
  } else {
    const fresh = load<u32>(shaper, SHAPER_FRESH_LINES);
    if (fresh == SHAPER_LINES) return 0;
    store<u32>(shaper, fresh + 1, SHAPER_FRESH_LINES);
    line = shaper + SHAPER_HEAD + fresh * LINE_STRIDE;
  }
  memory.fill(line, 0, LINE_STRIDE);
  const place = load<u32>(shaper, SHAPER_LINES_USED);
  store<u32>(line, ownIndex(adjacency), LINE_ADJ);
  store<u32>(line, atomic.load<u32>(adjacency + ADJ_SHAPE), LINE_SHAPE);
  store<u32>(line, place, LINE_PLACE);
  store<u32>(shaper + SHAPER_ACTIVE + (place << 2), <u32>line);
  store<u32>(shaper, place + 1, SHAPER_LINES_USED);
  store<u32>(part, <u32>line, PART_LINE);
  return line;
}

/** Gives back a line of the shape at hand, in which nothing waits. */
export function closeLine(line: usize): void {
  store<u32>(part, 0, PART_LINE);
  store<u32>(part, 0, PART_FLOWS);
  const last = load<u32>(shaper, SHAPER_LINES_USED) - 1;
  const place = load<u32>(line, LINE_PLACE);
  const moved = lineAt(last);
  store<u32>(shaper + SHAPER_ACTIVE + (place << 2), <u32>moved);
  store<u32>(moved, place, LINE_PLACE);
  store<u32>(shaper, last, SHAPER_LINES_USED);
  store<u32>(line, load<u32>(shaper, SHAPER_FREE_LINE), LINE_ADJ);
  store<u32>(shaper, <u32>line, SHAPER_FREE_LINE);
}

/** Drops all that waits in a line of the shape at hand, and gives it back. */
export function emptyLine(line: usize): void {
  for (let i: u32 = 0; i < <u32>FLOWS_PER_LINE; i++) {
    while (dropFirst(line, line + LINE_FLOWS + i * QUEUE_STRIDE)) {}
  }
  closeLine(line);
}

/**
 * Are there cells for one more packet of `length` in the line (0: a new one)? A line may have as many as are left free, so one
 * that takes much leaves half of them to others, two a third, and so on (dynamic thresholds, Choudhury and Hahne 1998).
 */
export function hasCells(line: usize, length: u32): bool {
  const held = line ? load<u32>(line, LINE_CELLS) : 0;
  return held + cellsFor(length) <= freeCells();
}

/** Lets a packet of the flow with this hash wait in the line; then, while too much waits, drops. */
export function join(line: usize, hash: u32, packet: usize): void {
  const queue = queueOf(line, hash);
  push(line, queue, packet);
  if (load<u32>(queue, QUEUE_LISTED) == 0) {
    store<u32>(queue, hash, QUEUE_TAG);
    store<u32>(queue, 1, QUEUE_LISTED);
    store<i32>(queue, QUANTUM, QUEUE_CREDIT);
    append(line + LINE_NEW_FIRST, queue);
    store<u32>(part, load<u32>(part, PART_FLOWS) + 1, PART_FLOWS);
  }
  while (isTooMuch() && load<u32>(part, PART_WAITING) > 1) dropFirst(line, longest(line));
}

/** The queue that the flow has, or a free one, or one that it has to share. */
function queueOf(line: usize, hash: u32): usize {
  const set = line + LINE_FLOWS + (hash % (FLOWS_PER_LINE / QUEUE_WAYS)) * (QUEUE_WAYS * QUEUE_STRIDE);
  let free: usize = 0;
  for (let i: u32 = 0; i < <u32>QUEUE_WAYS; i++) {
    const queue = set + i * QUEUE_STRIDE;
    if (load<u32>(queue, QUEUE_LISTED) == 0) free = queue;
    else if (load<u32>(queue, QUEUE_TAG) == hash) return queue;
  }
  return free ? free : set + ((hash >> 8) % QUEUE_WAYS) * QUEUE_STRIDE;
}

/** Does more wait than the shape allows? Of what all workers have together, each may keep its part. */
function isTooMuch(): bool {
  const limit = load<u32>(shape, SHAPE_LIMIT);
  const ours = load<u32>(part, PART_BYTES);
  if (workers == 1) return ours > limit;
  if (ours * workers <= limit) return false;
  let all: u32 = 0;
  for (let i: u32 = 0; i < workers; i++) all += load<u32>(partOf(i), PART_BYTES);
  return all > limit;
}

/** The flow that has most bytes waiting. */
function longest(line: usize): usize {
  let most: u32 = 0;
  let found = line + LINE_FLOWS;
  for (let i: u32 = 0; i < <u32>FLOWS_PER_LINE; i++) {
    const queue = line + LINE_FLOWS + i * QUEUE_STRIDE;
    const bytes = load<u32>(queue, QUEUE_BYTES);
    if (bytes > most) {
      most = bytes;
      found = queue;
    }
  }
  return found;
}

/** The packet whose turn it is at `now`, out of the line; 0: none waits any more. */
export function nextOf(line: usize, now: u64): usize {
  while (true) {
    let list = line + LINE_NEW_FIRST;
    let queue = <usize>load<u32>(list);
    const isNew = queue != 0;
    if (!isNew) {
      list = line + LINE_OLD_FIRST;
      queue = load<u32>(list);
      if (!queue) return 0;
    }
    const credit = load<i32>(queue, QUEUE_CREDIT);
    if (credit <= 0) {
      store<i32>(queue, credit + QUANTUM, QUEUE_CREDIT);
      removeFirst(list);
      append(line + LINE_OLD_FIRST, queue);
      continue;
    }
    const packet = dequeue(line, queue, now);
    if (packet) {
      store<i32>(queue, credit - load<u32>(packet, CELL_LENGTH), QUEUE_CREDIT);
      return packet;
    }
    removeFirst(list);
    // Once round with the others, lest it be a new flow with every packet.
    if (isNew && load<u32>(line, LINE_OLD_FIRST)) {
      append(line + LINE_OLD_FIRST, queue);
    } else {
      store<u32>(queue, 0, QUEUE_LISTED);
      store<u32>(part, load<u32>(part, PART_FLOWS) - 1, PART_FLOWS);
    }
  }
}

function append(list: usize, queue: usize): void {
  const last = load<u32>(list, LAST);
  store<u32>(queue, 0, QUEUE_NEXT);
  if (last) store<u32>(last, <u32>queue, QUEUE_NEXT);
  else store<u32>(list, <u32>queue);
  store<u32>(list, <u32>queue, LAST);
}

function removeFirst(list: usize): void {
  const next = load<u32>(load<u32>(list), QUEUE_NEXT);
  store<u32>(list, next);
  if (!next) store<u32>(list, 0, LAST);
}

/** When the line is looked at again, ticks. */
// @ts-ignore: decorator
@inline
export function setDue(line: usize, at: u64): void {
  store<u64>(line, at, LINE_DUE);
}
