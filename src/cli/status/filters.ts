/** The table of filters. */
import { PROTOCOLS } from "../../router/config/filter.ts";
import type { RouterStatus } from "../../router/status/schema.ts";
import { fitted } from "../fit.ts";
import { countText, table } from "../table.ts";
import type { Colours } from "./colours.ts";

/** A row a rule, and one for each default; then how full the flow table is. */
export function filterLines({ filters, flows }: RouterStatus, { bold, width }: Colours): string[] {
  const rows = filters.flatMap(({ name, devices, rules, ...defaults }) => {
    const filter = [name, devices.join(", ") || "–"];
    return [
      ...rules.map(({ id, direction, protocol, ports, prefix, action, hits }) => [
        ...filter,
        id,
        direction,
        protocolText(protocol),
        ports === null ? "" : ports.low === ports.high ? String(ports.low) : `${ports.low}-${ports.high}`,
        prefix,
        action,
        countText(hits),
      ]),
      ...(["in", "out"] as const).map((direction) => {
        const { action, hits } = defaults[direction];
        return [...filter, "default", direction, "any", "", "any", action, countText(hits)];
      }),
    ];
  });
  const heading = ["FILTER", "DEVICE", "RULE", "WAY", "PROTOCOL", "PORTS", "PREFIX", "ACTION", "HITS"];
  const shape = fitted(heading, rows, { width, least: ["DEVICE", "RULE"] });
  const { entries, limit, evicted, refused } = flows;
  const trouble = [
    ...(evicted > 0 ? [`${countText(evicted)} evicted`] : []),
    ...(refused > 0 ? [`${countText(refused)} packets found no place`] : []),
  ];
  return [
    ...table(shape.heading, shape.cells, bold),
    `${bold("flows:")} ${[`${flowsText(entries, limit)} of ${countText(limit)}`, ...trouble].join(", ")}`,
  ];
}

function protocolText(number: number | null): string {
  if (number === null) return "any";
  return Object.entries(PROTOCOLS).find(([, known]) => known === number)?.[0] ?? String(number);
}

/** Tables of up to so many flows are counted whole; of larger ones a part is (src/datapath/flows.ts), where few flows may all be missed. */
const COUNTED = 65_536;
const FEW = 1000;

function flowsText(entries: number, limit: number): string {
  if (limit <= COUNTED) return countText(entries);
  return entries < FEW ? `fewer than ${countText(FEW)}` : `about ${countText(entries)}`;
}
