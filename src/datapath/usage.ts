/** How full the datapath's tables are, for the status. */

import { MAX_TUNS, MAX_VRFS } from "../../assembly/layout.ts";
import type { PlaneMemory } from "./memory.ts";
import type { TableUsage } from "./plane.ts";
import type { Tables } from "./tables.ts";

export function usage({ regions }: PlaneMemory, tables: Tables): readonly TableUsage[] {
  const { slots, adjacencies, tuns, vrfs, fib, pool } = tables;
  return [
    { table: "sas", used: regions.sas.count - slots.free, limit: regions.sas.count },
    // Index 0 is no next hop.
    { table: "next-hops", used: adjacencies.used, limit: regions.adjacencies.count - 1 },
    { table: "tuns", used: tuns.used, limit: MAX_TUNS },
    { table: "vrfs", used: vrfs.used, limit: MAX_VRFS },
    { table: "fib", used: fib.stats().bytes, limit: regions.fib.size },
    { table: "pool", used: pool.taken, limit: regions.pool.size },
  ];
}
