// What goes into a shaped tunnel: passes at once, or waits.
//
//   passes ── nothing waits, and the bucket is open: paid for, and sealed where it lies ──▶ the road out goes on
//   wait   ── else it is copied to the worker's cells (cells), in the queue of its flow (line) ──▶ depart
//
// A packet that waits has no sequence number yet and knows its tunnel by index alone: the Child SA, its path and its adjacency may
// change meanwhile. Packets of one tunnel that waits leave in turn; so while anything waits, what comes waits too.

import { fillCells, takeCells } from "./cells";
import { COUNT_SHAPER_QUEUED, DROP_SHAPER } from "./counters";
import { count } from "./drop";
import { G_SHAPER_SEED } from "./layout/globals";
import { ADJ_SHAPE } from "./layout/nexthop";
import {
  CELL_DATA,
  CELL_ROOM,
  LINE_SHAPE,
  PART_DROPPED,
  PART_QUEUED,
  SHAPER_DUE,
  SHAPER_LINES_USED,
  TICKS_PER_NS,
} from "./layout/shaper";
import { emptyLine, hasCells, join, lineOf, openLine, setDue } from "./line";
import { destination, family, protocol, source, sourcePort, destinationPort, start, transport } from "./packet";
import { sendRegion } from "./room";
import { bytesOfSegments, longestSegment, writeSegment } from "./segment";
import { clock, countPassed, ownIndex, isOpen, openFor, opensAt, pay, raise, takeShape, through } from "./shape";
import { shaper } from "./state";
import { IPV4_MF, ipv4Fragment } from "./wire/ipv4";
import { load32, load64 } from "./wire/order";
import { hasPorts } from "./wire/transport";

/** Lines are looked at on this grid, ticks: a millisecond, which is what epoll_wait counts in. */
const GRID: u64 = 1_000_000 * TICKS_PER_NS;

/** May the packet at hand, of `bytes`, go into this shaped tunnel at once? Then it is paid for. */
export function passes(adjacency: usize, bytes: u32): bool {
  if (waiting(adjacency)) return false;
  const now = clock();
  if (!isOpen(now)) return false;
  pay(bytes, now);
  countPassed(1, bytes);
  return true;
}

/** How many of the superpacket's next `wanted` segments, from number `first` on, may go into this shaped tunnel at once? They are paid for. */
export function segmentsPass(adjacency: usize, first: u32, wanted: u32): u32 {
  if (waiting(adjacency)) return 0;
  const now = clock();
  const number = openFor(now, wanted, longestSegment);
  if (number == 0) return 0;
  const bytes = bytesOfSegments(first, number);
  pay(bytes, now);
  countPassed(number, bytes);
  return number;
}

/** Takes the tunnel's shape; does anything wait for it? What waited for a shape that the adjacency had before is dropped. */
function waiting(adjacency: usize): bool {
  takeShape(ownIndex(adjacency));
  const line = lineOf();
  if (!line) return false;
  if (load<u32>(line, LINE_SHAPE) == atomic.load<u32>(adjacency + ADJ_SHAPE)) return true;
  emptyLine(line);
  return false;
}

/** Lets the packet wait that consists of these two pieces; it did not pass. 0, or a reason to drop it. */
export function wait(adjacency: usize, head: usize, headLength: u32, body: usize, bodyLength: u32): u32 {
  const length = headLength + bodyLength;
  const line = lineFor(adjacency, length);
  if (!line) return DROP_SHAPER;
  const packet = takeCells(length, clock());
  fillCells(packet, 0, head, headLength);
  if (bodyLength) fillCells(packet, headLength, body, bodyLength);
  join(line, flowHash(), packet);
  noted();
  return 0;
}

/** Lets segments `first` to `end` − 1 of the superpacket wait; they did not pass. How many could not, and are to be dropped. */
export function segmentsWait(adjacency: usize, first: u32, end: u32): u32 {
  const hash = flowHash();
  const now = clock();
  let lost: u32 = 0;
  for (let i = first; i < end; i++) {
    const length = bytesOfSegments(i, 1);
    const line = lineFor(adjacency, length);
    if (!line) {
      lost++;
      continue;
    }
    const packet = takeCells(length, now);
    if (length <= <u32>CELL_ROOM) {
      writeSegment(i, packet + CELL_DATA);
    } else {
      // A segment is written in one piece; the send region has room for it, and nothing of it is taken.
      const scratch = sendRegion();
      writeSegment(i, scratch);
      fillCells(packet, 0, scratch, length);
    }
    join(line, hash, packet);
    noted();
  }
  return lost;
}

/** The tunnel's line, with cells for a packet of this length; 0: there is no room, which is counted. */
function lineFor(adjacency: usize, length: u32): usize {
  let line = lineOf();
  if (hasCells(line, length)) {
    if (line) return line;
    line = openLine(adjacency);
    if (line) {
      dueAt(line, opensAt(through()));
      return line;
    }
  }
  raise(PART_DROPPED);
  return 0;
}

function noted(): void {
  count(COUNT_SHAPER_QUEUED);
  raise(PART_QUEUED);
}

/** The line is looked at on the next beat of the grid after `at`. */
export function dueAt(line: usize, at: u64): void {
  const due = (at / GRID + 1) * GRID;
  setDue(line, due);
  const next = <f64>due / TICKS_PER_NS;
  if (load<u32>(shaper, SHAPER_LINES_USED) == 1 || next < load<f64>(shaper, SHAPER_DUE)) {
    store<f64>(shaper, next, SHAPER_DUE);
  }
}

/** Hash of the flow of the packet at hand: addresses, protocol, and ports unless it comes in fragments. */
function flowHash(): u32 {
  let hash = mix(load<u32>(G_SHAPER_SEED), protocol);
  if (family == 4) {
    hash = mix(mix(hash, load32(source())), load32(destination()));
    if (ipv4Fragment(start) & IPV4_MF) return done(hash);
  } else {
    const from = load64(source()) ^ (load64(source() + 8) * 0x9e3779b97f4a7c15);
    const to = load64(destination()) ^ (load64(destination() + 8) * 0x9e3779b97f4a7c15);
    hash = mix(mix(hash, <u32>(from ^ (from >> 32))), <u32>(to ^ (to >> 32)));
  }
  return done(transport && hasPorts(protocol) ? mix(hash, (sourcePort << 16) | destinationPort) : hash);
}

/** A step of MurmurHash3, which is in the public domain. */
// @ts-ignore: decorator
@inline
function mix(hash: u32, word: u32): u32 {
  return rotl(hash ^ (rotl(word * 0xcc9e2d51, 15) * 0x1b873593), 13) * 5 + 0xe6546b64;
}

/** Its end: every bit of the input reaches every bit of the hash. */
function done(hash: u32): u32 {
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  return hash ^ (hash >> 16);
}
