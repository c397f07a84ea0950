/**
 * Shaping: what goes into a tunnel is held to a rate (assembly/shaper). The shape of an adjacency, and the packets of it that wait
 * in a worker. Times are in ticks, 1/16 ns of the monotonic clock.
 */

export const TICKS_PER_NS = 16;

// A shape, at G_SHAPES_BASE + adjacency × G_SHAPE_STRIDE: SHAPE_HEAD bytes, then SHAPE_PART bytes for each worker.
/** u64, atomic: the bucket. Ticks at which what has been sent so far would be through at this rate (GCRA's arrival time). */
export const SHAPE_THROUGH = 0;
/** u64: ticks that a byte takes, times 2^SHAPE_COST_SHIFT. 0: no limit. */
export const SHAPE_COST = 8;
export const SHAPE_COST_SHIFT = 20;
/** u64: ticks that the tunnel may be ahead of its rate. */
export const SHAPE_BURST = 16;
/** u64 each: CoDel's target and interval, ticks (RFC 8289 §4.2, §4.3). */
export const SHAPE_TARGET = 24;
export const SHAPE_INTERVAL = 32;
/** u32: bytes that may wait, in all workers. */
export const SHAPE_LIMIT = 40;
export const SHAPE_HEAD = 64;

// A worker's part of a shape: the worker is its only writer.
/** u32: address of the line where packets wait; 0: none does. */
export const PART_LINE = 0;
/** u32 each: flows, packets and bytes that wait. */
export const PART_FLOWS = 4;
export const PART_WAITING = 8;
export const PART_BYTES = 12;
/** u64 each: packets and their bytes that went on; packets that waited, were dropped, were marked (ECN) instead. */
export const PART_PASSED = 16;
export const PART_PASSED_BYTES = 24;
export const PART_QUEUED = 32;
export const PART_DROPPED = 40;
export const PART_MARKED = 48;
/** u64: ticks for which the packet that left last had waited. */
export const PART_DELAY = 56;
export const SHAPE_PART = 64;

// A worker's shaper, at G_SHAPER_BASE + worker × G_SHAPER_SIZE: SHAPER_HEAD bytes, lines, cells. All 0: nothing waits.
/** f64: the monotonic clock, ns; the worker's loop sets it at the top of a batch. */
export const SHAPER_CLOCK = 0;
/** f64: when the loop is to call `depart`, ns of that clock. Means something only while lines are in use. */
export const SHAPER_DUE = 8;
/** u32: lines in use, and their addresses at SHAPER_ACTIVE. */
export const SHAPER_LINES_USED = 16;
/** u32: first free line, linked by LINE_ADJ; 0: none was given back. */
export const SHAPER_FREE_LINE = 20;
/** u32: lines that were ever in use. */
export const SHAPER_FRESH_LINES = 24;
/** u32: first free cell, linked by CELL_NEXT; 0: none was given back. */
export const SHAPER_FREE_CELL = 28;
/** u32 each: cells that were ever in use, and that are in use. */
export const SHAPER_FRESH_CELLS = 32;
export const SHAPER_CELLS_USED = 36;
/** Tunnels whose packets may wait in one worker at a time. */
export const SHAPER_LINES = 1024;
export const SHAPER_ACTIVE = 64;
export const SHAPER_HEAD = SHAPER_ACTIVE + SHAPER_LINES * 4;

/** A line: the packets of one tunnel that wait in one worker, by flow. An odd number of cache lines. */
export const LINE_STRIDE = 4160;
/** u32: index of the adjacency, and what its ADJ_SHAPE was when the line was made. */
export const LINE_ADJ = 0;
export const LINE_SHAPE = 4;
/** u32: its place in SHAPER_ACTIVE. */
export const LINE_PLACE = 8;
/** u32: cells that its packets take. */
export const LINE_CELLS = 12;
/** u32 each: addresses of flows: lists of new and of old flows (RFC 8290 §4.2). */
export const LINE_NEW_FIRST = 16;
export const LINE_NEW_LAST = 20;
export const LINE_OLD_FIRST = 24;
export const LINE_OLD_LAST = 28;
/** u64: ticks at which it is looked at again. */
export const LINE_DUE = 32;
/** u64: as SHAPE_THROUGH, of this worker's share while others have packets of the tunnel waiting too; 0: none has. */
export const LINE_THROUGH = 40;
export const LINE_FLOWS = 64;

export const FLOWS_PER_LINE = 64;
/** A flow of a packet is one of so many that its hash leads to. */
export const QUEUE_WAYS = 8;
export const QUEUE_STRIDE = 64;
/** u32 each: first and last packet, bytes. */
export const QUEUE_FIRST = 0;
export const QUEUE_LAST = 4;
export const QUEUE_BYTES = 8;
/** i32: bytes that it may still send in its turn. */
export const QUEUE_CREDIT = 12;
/** u32: the next flow of its list; u32: is it on one? */
export const QUEUE_NEXT = 16;
export const QUEUE_LISTED = 20;
/** u32: hash of the flow that has it. */
export const QUEUE_TAG = 24;
/** CoDel, RFC 8289 §5.3: u32 dropping, count, lastcount; u64 first_above_time, drop_next. */
export const QUEUE_DROPPING = 28;
export const QUEUE_COUNT = 32;
export const QUEUE_LAST_COUNT = 36;
export const QUEUE_FIRST_ABOVE = 40;
export const QUEUE_DROP_NEXT = 48;

/** A cell: one packet that waits, or a piece of one. An odd number of cache lines. */
export const CELL_STRIDE = 2112;
/** u32: the next packet of the flow, or the next free cell. */
export const CELL_NEXT = 0;
/** u32: the cell with the packet's next piece; 0: none. */
export const CELL_MORE = 4;
/** Of a packet's first cell. u32: bytes of the packet; u32: its cells; u64: ticks at which it came. */
export const CELL_LENGTH = 8;
export const CELL_CELLS = 12;
export const CELL_TIME = 16;
export const CELL_DATA = 32;
export const CELL_ROOM = CELL_STRIDE - CELL_DATA;

export const SHAPER_CELLS = SHAPER_HEAD + SHAPER_LINES * LINE_STRIDE;
