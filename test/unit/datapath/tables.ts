import { EPOCH_IDLE, G_EPOCH, W_EPOCH } from "../../../assembly/layout.ts";
import { Adjacencies } from "../../../src/datapath/adjacency.ts";
import { Children } from "../../../src/datapath/children.ts";
import { Epochs } from "../../../src/datapath/epoch.ts";
import { arenaOf, makeMemory, type PlaneMemory } from "../../../src/datapath/memory.ts";
import { Pool } from "../../../src/datapath/pool.ts";
import { Selectors } from "../../../src/datapath/selectors.ts";

/** The control side's tables on a small memory, without sockets and workers. */
export function makeTables(workers = 2, sas = 8) {
  const memory = makeMemory({ workers, sas, adjacencies: 8, fib: 65536 });
  const epochs = new Epochs(memory);
  const pool = new Pool(memory);
  const selectors = new Selectors(memory, pool, epochs);
  const adjacencies = new Adjacencies(memory, epochs);
  const children = new Children(memory, pool, epochs, adjacencies);
  return { memory, epochs, pool, selectors, adjacencies, children };
}

/** Plays a worker that begins a batch: it shows the epoch that it reads now. */
export function beginBatch(memory: PlaneMemory, worker: number): void {
  const { words } = memory;
  words[(arenaOf(memory.regions, worker) + W_EPOCH) >>> 2] = words[G_EPOCH >>> 2];
}

/** Plays a worker that waits in epoll. */
export function goIdle(memory: PlaneMemory, worker: number): void {
  memory.words[(arenaOf(memory.regions, worker) + W_EPOCH) >>> 2] = EPOCH_IDLE;
}
