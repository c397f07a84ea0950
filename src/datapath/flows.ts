/** What the flow table holds (layout: FLOW_*), for the status. Its entries are the workers' own. */

import { monotonic } from "./clock.ts";
import type { PlaneMemory } from "./memory.ts";
import type { FastPath } from "./module.ts";
import type { FlowTable } from "./rules.ts";

/**
 * Places that are looked at: 8 MB, two milliseconds, and all that the default limit has. Of a larger table a part is like the whole,
 * as a hash has spread the flows.
 */
const LOOKED_AT = 131_072;

export function flowTable({ regions }: PlaneMemory, fast: Pick<FastPath, "liveFlows">, now = monotonic()): FlowTable {
  const { places } = regions.flows;
  const part = Math.min(places, LOOKED_AT);
  const live = fast.liveFlows(0, part, Math.floor(now / 1000));
  return { entries: Math.round((live * places) / part), limit: regions.flows.limit };
}
