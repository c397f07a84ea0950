/** What all workers counted, summed up. */

import { COUNTERS_MAX, W_COUNTERS } from "../../assembly/layout.ts";
import { COUNTERS } from "./counters.ts";
import { arenaOf, type PlaneMemory } from "./memory.ts";

/** By counter name (src/datapath/counters), every counter, 0 included. */
export function tally({ memory, regions }: PlaneMemory): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counter of COUNTERS) sums[counter.name] = 0;
  for (let worker = 0; worker < regions.arenas.count; worker++) {
    const counts = new BigUint64Array(memory.buffer, arenaOf(regions, worker) + W_COUNTERS, COUNTERS_MAX);
    for (const counter of COUNTERS) sums[counter.name] += Number(Atomics.load(counts, counter.index));
  }
  return sums;
}
