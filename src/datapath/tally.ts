/** What the workers counted. */

import { COUNT_TUN_READ, COUNT_UDP_READ } from "../../assembly/counters.ts";
import { COUNTERS_MAX, W_COUNTERS, W_GSO_REFUSED } from "../../assembly/layout.ts";
import { COUNTERS } from "./counters.ts";
import { arenaOf, type PlaneMemory } from "./memory.ts";
import type { WorkerLoad } from "./plane.ts";

/** Summed up, by counter name (src/datapath/counters), every counter, 0 included. */
export function tally({ memory, regions }: PlaneMemory): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counter of COUNTERS) sums[counter.name] = 0;
  for (let worker = 0; worker < regions.arenas.count; worker++) {
    const counts = countersOf(memory, arenaOf(regions, worker));
    for (const counter of COUNTERS) sums[counter.name] += Number(Atomics.load(counts, counter.index));
  }
  return sums;
}

/** Of each worker. */
export function loads({ memory, regions }: PlaneMemory): WorkerLoad[] {
  return Array.from({ length: regions.arenas.count }, (_, worker) => {
    const counts = countersOf(memory, arenaOf(regions, worker));
    const of = (index: number): number => Number(Atomics.load(counts, index));
    return { tunRead: of(COUNT_TUN_READ), udpRead: of(COUNT_UDP_READ) };
  });
}

/** Has an interface refused a run of datagrams that some worker sent? */
export function gsoRefused({ words, regions }: PlaneMemory): boolean {
  for (let worker = 0; worker < regions.arenas.count; worker++) {
    if (words[(arenaOf(regions, worker) + W_GSO_REFUSED) >>> 2] !== 0) return true;
  }
  return false;
}

function countersOf(memory: WebAssembly.Memory, arena: number): BigUint64Array {
  return new BigUint64Array(memory.buffer, arena + W_COUNTERS, COUNTERS_MAX);
}
