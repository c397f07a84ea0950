// The road out of the shaper: packets that waited are sealed now that their tunnel's rate allows it.
//
//   depart         each line that is due, while there is room
//     serve        the packet whose turn it is, while the bucket is open, and this worker's share of it
//       leave      copied to the send region, looked at anew: Child SA, sequence number, header and trailer
//
// Several workers with packets for one tunnel draw from one bucket, and the one that looks first would take all that is in it. So
// while others wait too, each holds itself to a part of the rate that goes by the flows that it has waiting, without a burst: what it
// leaves in the bucket is the others'.

import { adjacencyAt } from "./adjacency";
import { giveCells, readCells } from "./cells";
import { count } from "./drop";
import { encloseSingle, nextText } from "./encapsulate";
import { ADJ_KIND, ADJ_SHAPE, ADJ_TUNNEL } from "./layout/nexthop";
import {
  CELL_TIME,
  LINE_ADJ,
  LINE_DUE,
  LINE_SHAPE,
  LINE_THROUGH,
  PART_DELAY,
  PART_DROPPED,
  PART_FLOWS,
  PART_WAITING,
  SHAPER_DUE,
  SHAPER_LINES_USED,
  TICKS_PER_NS,
} from "./layout/shaper";
import { closeLine, emptyLine, lineAt, nextOf, setDue } from "./line";
import { family, length, parse, tos } from "./packet";
import { beginEvents } from "./ring";
import { roomFor } from "./room";
import { clock, countPassed, opensAt, part, partOf, pay, raise, takeShape, through, ticksOf } from "./shape";
import { dueAt } from "./shaper";
import { shaper, workers } from "./state";
import { chooseSa, noSa } from "./tunnel";

/** Bytes of the longest packet that may wait. */
const LONGEST: u32 = 65535;

/**
 * While packets wait, the rate is made up for when a worker comes late by as much as this, ticks: 50 ms, which a busy machine may
 * keep a thread from its core. The burst bounds what an idle tunnel may send at once; this does not add to it.
 */
const LATE: u64 = 50_000_000 * TICKS_PER_NS;

/**
 * Lets go what is due. True: the send region is full; seal, send, call `flushed`, and call it again. The loop calls it when
 * SHAPER_DUE has come and lines are in use.
 */
export function depart(): bool {
  beginEvents();
  const now = clock();
  let next = u64.MAX_VALUE;
  for (let place: u32 = 0; place < load<u32>(shaper, SHAPER_LINES_USED);) {
    const line = lineAt(place);
    if (load<u64>(line, LINE_DUE) <= now) {
      const index = load<u32>(line, LINE_ADJ);
      const adjacency = adjacencyAt(index);
      takeShape(index);
      if (
        atomic.load<u32>(adjacency + ADJ_KIND) != ADJ_TUNNEL ||
        atomic.load<u32>(adjacency + ADJ_SHAPE) != load<u32>(line, LINE_SHAPE)
      ) {
        emptyLine(line);
        continue;
      }
      if (!serve(line, adjacency, now)) return true;
      if (load<u32>(part, PART_WAITING) == 0) {
        // The line that was last has its place now.
        closeLine(line);
        continue;
      }
    }
    next = min(next, load<u64>(line, LINE_DUE));
    place++;
  }
  store<f64>(shaper, <f64>next / TICKS_PER_NS, SHAPER_DUE);
  return false;
}

/** Looks at all lines anew with the next `depart`: a rate has changed. */
export function reshape(): void {
  const lines = load<u32>(shaper, SHAPER_LINES_USED);
  for (let place: u32 = 0; place < lines; place++) setDue(lineAt(place), 0);
  store<f64>(shaper, 0, SHAPER_DUE);
}

/** Packets of the line, while the bucket is open. False: there is no room for another. */
function serve(line: usize, adjacency: usize, now: u64): bool {
  const since = now > LATE ? now - LATE : 0;
  const ours = load<u32>(part, PART_FLOWS);
  const all = workers == 1 ? ours : flowsOfAll();
  if (all == ours) store<u64>(line, 0, LINE_THROUGH);
  else if (load<u64>(line, LINE_THROUGH) == 0) store<u64>(line, now, LINE_THROUGH);
  while (true) {
    const share = load<u64>(line, LINE_THROUGH);
    const opens = max(opensAt(through()), share);
    if (opens > now) {
      dueAt(line, opens);
      return true;
    }
    if (roomFor(LONGEST) == 0) return false;
    const packet = nextOf(line, now);
    if (!packet) return true;
    const waited = now - min(now, load<u64>(packet, CELL_TIME));
    const bytes = leave(adjacency, packet);
    if (!bytes) continue;
    store<u64>(part, waited, PART_DELAY);
    pay(bytes, since);
    if (all != ours) store<u64>(line, max(share, since) + (ticksOf(bytes) * all) / ours, LINE_THROUGH);
  }
}

/** Flows that wait for the tunnel at hand in any worker. */
function flowsOfAll(): u32 {
  let all: u32 = 0;
  for (let i: u32 = 0; i < workers; i++) all += load<u32>(partOf(i), PART_FLOWS);
  return all;
}

/** Seals a packet that waited, and gives back its cells; its bytes, 0: it was dropped. */
function leave(adjacency: usize, packet: usize): u32 {
  const at = nextText();
  const bytes = readCells(packet, at);
  giveCells(packet);
  let reason = parse(at, bytes, false);
  if (!reason) {
    const sa = chooseSa(adjacency);
    reason = sa ? encloseSingle(sa, length, family, tos()) : noSa;
  }
  if (!reason) {
    countPassed(1, bytes);
    return bytes;
  }
  count(reason);
  raise(PART_DROPPED);
  return 0;
}
