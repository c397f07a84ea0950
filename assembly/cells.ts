// Where packets wait: cells of one worker's pool. A packet takes one, a jumbo several that are chained by CELL_MORE. The pool is
// a stack of cells that were given back, and behind it those that were never used; so memory is touched only as far as it is needed.

import {
  CELL_CELLS,
  CELL_DATA,
  CELL_LENGTH,
  CELL_MORE,
  CELL_NEXT,
  CELL_ROOM,
  CELL_STRIDE,
  CELL_TIME,
  SHAPER_CELLS,
  SHAPER_CELLS_USED,
  SHAPER_FREE_CELL,
  SHAPER_FRESH_CELLS,
} from "./layout/shaper";
import { shaper, shaperCells } from "./state";

/** Cells that are free. */
// @ts-ignore: decorator
@inline
export function freeCells(): u32 {
  return shaperCells - load<u32>(shaper, SHAPER_CELLS_USED);
}

/** Cells that a packet of this length takes. */
// @ts-ignore: decorator
@inline
export function cellsFor(length: u32): u32 {
  return length <= <u32>CELL_ROOM ? 1 : (length + <u32>CELL_ROOM - 1) / <u32>CELL_ROOM;
}

/** A cell; there must be a free one. */
function takeCell(): usize {
  store<u32>(shaper, load<u32>(shaper, SHAPER_CELLS_USED) + 1, SHAPER_CELLS_USED);
  const free = <usize>load<u32>(shaper, SHAPER_FREE_CELL);
  if (free) {
    store<u32>(shaper, load<u32>(free, CELL_NEXT), SHAPER_FREE_CELL);
    return free;
  }
  const fresh = load<u32>(shaper, SHAPER_FRESH_CELLS);
  store<u32>(shaper, fresh + 1, SHAPER_FRESH_CELLS);
  return shaper + SHAPER_CELLS + fresh * CELL_STRIDE;
}

/** The first cell of a packet of `length` bytes that came at `now`, with what it needs behind it. The caller has asked for room. */
export function takeCells(length: u32, now: u64): usize {
  const packet = takeCell();
  const cells = cellsFor(length);
  let last = packet;
  for (let i: u32 = 1; i < cells; i++) {
    const more = takeCell();
    store<u32>(last, <u32>more, CELL_MORE);
    last = more;
  }
  store<u32>(last, 0, CELL_MORE);
  store<u32>(packet, 0, CELL_NEXT);
  store<u32>(packet, length, CELL_LENGTH);
  store<u32>(packet, cells, CELL_CELLS);
  store<u64>(packet, now, CELL_TIME);
  return packet;
}

/** Copies `bytes` at `from` into the packet, from its byte `offset` on. */
export function fillCells(packet: usize, offset: u32, from: usize, bytes: u32): void {
  let cell = packet;
  for (; offset >= <u32>CELL_ROOM && bytes != 0; offset -= CELL_ROOM) cell = load<u32>(cell, CELL_MORE);
  while (bytes) {
    const fits = min(bytes, <u32>CELL_ROOM - offset);
    memory.copy(cell + CELL_DATA + offset, from, fits);
    from += fits;
    bytes -= fits;
    offset = 0;
    cell = load<u32>(cell, CELL_MORE);
  }
}

/** Copies the whole packet to `to`; its length. */
export function readCells(packet: usize, to: usize): u32 {
  const length = load<u32>(packet, CELL_LENGTH);
  let cell = packet;
  for (let left = length; left; cell = load<u32>(cell, CELL_MORE)) {
    const fits = min(left, <u32>CELL_ROOM);
    memory.copy(to, cell + CELL_DATA, fits);
    to += fits;
    left -= fits;
  }
  return length;
}

/** Gives back all cells of a packet. */
export function giveCells(packet: usize): void {
  store<u32>(shaper, load<u32>(shaper, SHAPER_CELLS_USED) - load<u32>(packet, CELL_CELLS), SHAPER_CELLS_USED);
  let cell = packet;
  while (cell) {
    const more = <usize>load<u32>(cell, CELL_MORE);
    store<u32>(cell, load<u32>(shaper, SHAPER_FREE_CELL), CELL_NEXT);
    store<u32>(shaper, <u32>cell, SHAPER_FREE_CELL);
    cell = more;
  }
}
