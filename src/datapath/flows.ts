/** What the flow table holds (layout: FLOW_*), for the status. Its entries are the workers' own. */

import type { PlaneMemory } from "./memory.ts";
import type { FastPath } from "./module.ts";
import type { FlowTable } from "./plane.ts";

/** Places that are looked at: 4 MB, a millisecond. A hash has spread the flows, so a part of the table is like the whole. */
const LOOKED_AT = 65_536;

export function flowTable({ regions }: PlaneMemory, fast: Pick<FastPath, "liveFlows">, now = Date.now()): FlowTable {
  const { places } = regions.flows;
  const part = Math.min(places, LOOKED_AT);
  const live = fast.liveFlows(0, part, Math.floor(now / 1000));
  return { entries: Math.round((live * places) / part), limit: regions.flows.limit };
}
