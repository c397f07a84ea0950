/** What tests do with parts of a configuration, and the program does not. */
import type { Parts, PartsDelta } from "../../../src/protocol/parts.ts";
import type { RouterConfig } from "../../../src/router/config/config.ts";

const LISTS = { vrf: "vrfs", attachment: "attachments", filter: "filters", tunnel: "tunnels" } as const;

/** RouterConfig → parts, without credentials: `assemble` the other way round. Each tunnel has all its routes itself. */
export function disassemble(config: RouterConfig): Map<string, unknown> {
  const { vrfs: _v, attachments: _a, filters: _f, tunnels: _t, routes, credentials: _c, ...head } = config;
  const parts = new Map<string, unknown>([["head", head]]);
  for (const [prefix, list] of Object.entries(LISTS)) {
    for (const part of config[list as (typeof LISTS)[keyof typeof LISTS]]) parts.set(`${prefix}/${part.name}`, part);
  }
  for (const route of routes) parts.set(`route/${route.vrf}/${route.prefix}`, route);
  return parts;
}

/** The parts with a delta carried out. */
export function changed(parts: Parts, delta: PartsDelta): Map<string, unknown> {
  const after = new Map(parts);
  for (const key of delta.remove) after.delete(key);
  for (const [key, part] of delta.put) after.set(key, part);
  return after;
}
