// What an instance knows of the shared memory: the bases that src/datapath/memory wrote into the globals block. Every worker
// has an instance of its own, so these WASM globals need no lock; nothing else of the fast path lives outside the memory,
// but for the view of the packet at hand (packet.ts) and of its message (message.ts).

import { ARENA_SIZE } from "./layout/arena";
import {
  G_ADJ_BASE,
  G_ADJ_COUNT,
  G_ARENAS_BASE,
  G_HOST_BASE,
  G_SA_BASE,
  G_SHAPER_BASE,
  G_SHAPER_SIZE,
  G_SHAPES_BASE,
  G_SHAPE_STRIDE,
  G_WORKERS,
} from "./layout/globals";
import { CELL_STRIDE, SHAPER_CELLS } from "./layout/shaper";

/** Number of this worker. */
export let worker: u32 = 0;
/** Workers that run. */
export let workers: u32 = 1;
/** Base of this worker's arena. */
export let arena: usize = 0;
/** Host address of WASM address 0: what the kernel must be told, for every pointer in a msghdr or iovec. */
export let hostBase: u64 = 0;
export let saBase: usize = 0;
export let adjacencyBase: usize = 0;
export let adjacencyCount: u32 = 0;
export let shapesBase: usize = 0;
export let shapeStride: u32 = 0;
/** Base of this worker's shaper, and how many cells it has. */
export let shaper: usize = 0;
export let shaperCells: u32 = 0;

/** Loads the bases from the globals block. Once for each instance, after the globals were written. */
export function attachState(index: u32): void {
  worker = index;
  workers = max(load<u32>(G_WORKERS), 1);
  arena = load<u32>(G_ARENAS_BASE) + index * <u32>ARENA_SIZE;
  hostBase = load<u64>(G_HOST_BASE);
  saBase = load<u32>(G_SA_BASE);
  adjacencyBase = load<u32>(G_ADJ_BASE);
  adjacencyCount = load<u32>(G_ADJ_COUNT);
  shapesBase = load<u32>(G_SHAPES_BASE);
  shapeStride = load<u32>(G_SHAPE_STRIDE);
  const shaperSize = load<u32>(G_SHAPER_SIZE);
  shaper = load<u32>(G_SHAPER_BASE) + index * shaperSize;
  shaperCells = shaperSize > <u32>SHAPER_CELLS ? (shaperSize - <u32>SHAPER_CELLS) / <u32>CELL_STRIDE : 0;
}

/** Host address of a WASM address. */
// @ts-ignore: decorator
@inline
export function host(address: usize): u64 {
  return hostBase + <u64>address;
}
