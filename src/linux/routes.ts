/** Routes in the kernel's tables, through iproute2. */

import { LinuxError } from "./error.ts";
import { askBatch, askIp, batchIp, type Where } from "./iproute.ts";

/**
 * Who made a route, rtnetlink(7) `rtm_protocol`: ours carry this number, so that a later run finds what an earlier one
 * left. Numbers above 4 are for daemons to choose; 118 is taken by none in iproute2's rt_protos.
 */
export const ROUTE_PROTOCOL = 118;

/** Metric of a route that gives way to all others: the largest there is. */
export const LAST_METRIC = 4_294_967_295;

export interface KernelRoute {
  /** "192.0.2.0/24", "2001:db8::/32"; "0.0.0.0/0" and "::/0" for the default routes. */
  readonly prefix: string;
  /** Absent: unicast. */
  readonly kind?: "unicast" | "blackhole" | "unreachable" | "prohibit";
  readonly link?: string;
  /** Next hop, an address. */
  readonly via?: string;
  /** The next hop is on the link whatever the link's addresses say. */
  readonly onlink?: true;
  /** Our address that locally made packets take. */
  readonly source?: string;
  readonly metric?: number;
  /** MTU for this route, bytes. */
  readonly mtu?: number;
  /** Absent: ROUTE_PROTOCOL when written. */
  readonly protocol?: number;
  /** Number of the table; absent: main (254). */
  readonly table?: number;
}

/** The arguments of `ip` that select or describe a route. */
function describe(route: KernelRoute): string[] {
  const option = (name: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [name, String(value)];
  return [
    ...(route.kind === undefined || route.kind === "unicast" ? [] : [route.kind]),
    route.prefix,
    ...option("via", route.via),
    ...option("dev", route.link),
    ...(route.onlink ? ["onlink"] : []),
    ...option("src", route.source),
    ...option("metric", route.metric),
    ...option("table", route.table),
    ...option("protocol", route.protocol ?? ROUTE_PROTOCOL),
    ...option("mtu", route.mtu),
  ];
}

/** `add` fails when the prefix has a route of this metric; `replace` puts it in its place; `delete` fails when absent. */
export type RouteVerb = "add" | "replace" | "delete";

/** The arguments of `ip` for one change; for `batchIp`. */
export function routeChange(verb: RouteVerb, route: KernelRoute): string[] {
  return ["route", verb, ...describe(route)];
}

/**
 * Changes many routes in one go, in order; stops at the first that fails.
 *
 * @throws BatchError exists, absent, unreachable (the next hop is on no link that is up), not-permitted
 */
export async function changeRoutes(verb: RouteVerb, routes: readonly KernelRoute[], where: Where = {}): Promise<void> {
  await batchIp(
    routes.map((route) => routeChange(verb, route)),
    where,
  );
}

/** What `listRoutes` looks for; all that is given must fit. */
export interface RouteFilter {
  readonly family?: 4 | 6;
  readonly protocol?: number;
  readonly link?: string;
  /** Absent: main; "all": every table. */
  readonly table?: number | "all";
}

interface RouteEntry {
  readonly type: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  /** Absent when it was filtered for. */
  readonly protocol?: string;
  readonly table?: string;
  readonly metrics?: readonly { readonly mtu?: number }[];
  /** Of a route with several next hops, which has no `dev` of its own. */
  readonly nexthops?: readonly { readonly dev?: string }[];
}

/** rtnetlink(7) `rtm_type`; others (local, broadcast, multicast …) are the kernel's own. */
const KINDS: Readonly<Record<string, KernelRoute["kind"]>> = {
  "1": "unicast",
  "6": "blackhole",
  "7": "unreachable",
  "8": "prohibit",
};
const MAIN_TABLE = 254;

/** A table is there as long as it has routes. */
function noTable(error: unknown): [] {
  if (error instanceof LinuxError && error.code === "absent") return [];
  throw error;
}

/** Routes that the kernel has and that fit; local, broadcast and multicast ones are left out. */
export async function listRoutes(filter: RouteFilter = {}, where: Where = {}): Promise<KernelRoute[]> {
  const found: KernelRoute[] = [];
  for (const family of filter.family === undefined ? ([4, 6] as const) : [filter.family]) {
    const words = [
      // -N: numbers, not names, of types, protocols and tables; -d: the type of each.
      ...["-N", "-d", `-${family}`, "route", "show", "table", String(filter.table ?? MAIN_TABLE)],
      ...(filter.protocol === undefined ? [] : ["protocol", String(filter.protocol)]),
      ...(filter.link === undefined ? [] : ["dev", filter.link]),
    ];
    for (const entry of await askIp<RouteEntry>(words, "list the routes", where).catch(noTable)) {
      const kind = KINDS[entry.type];
      if (kind !== undefined) found.push(kernelRoute(entry, kind, family, filter));
    }
  }
  return found;
}

/** `ip` leaves out what was filtered for. */
function kernelRoute(entry: RouteEntry, kind: KernelRoute["kind"], family: 4 | 6, filter: RouteFilter): KernelRoute {
  const any = family === 4 ? "0.0.0.0/0" : "::/0";
  const host = family === 4 ? "/32" : "/128";
  const link = entry.dev ?? filter.link;
  const mtu = entry.metrics?.find((metric) => metric.mtu !== undefined)?.mtu;
  return {
    prefix: entry.dst === "default" ? any : entry.dst.includes("/") ? entry.dst : `${entry.dst}${host}`,
    kind,
    protocol: Number(entry.protocol ?? filter.protocol ?? 0),
    table: Number(entry.table ?? (filter.table === "all" ? MAIN_TABLE : (filter.table ?? MAIN_TABLE))),
    ...(link === undefined ? {} : { link }),
    ...(entry.gateway === undefined ? {} : { via: entry.gateway }),
    ...(entry.prefsrc === undefined ? {} : { source: entry.prefsrc }),
    ...(entry.metric === undefined ? {} : { metric: entry.metric }),
    ...(mtu === undefined ? {} : { mtu }),
  };
}

/** Where the kernel sends packets to a prefix. */
export interface Way {
  readonly prefix: string;
  /** Several for a route with several next hops. */
  readonly links: readonly string[];
}

/** For each prefix the kernel's table is read twice; for more prefixes than this it is taken whole, once. */
const FEW = 16;

/**
 * Unicast routes of the main table that lie in one of `prefixes`, or cover one of them, the default routes too; each once. For many
 * prefixes others come along.
 *
 * @param prefixes Canonical: "10.1.0.0/24", "fd00:1::/64".
 */
export async function waysTo(prefixes: readonly string[], where: Where = {}): Promise<Way[]> {
  const found = new Map<string, Set<string>>();
  for (const family of [4, 6] as const) {
    const ours = prefixes.filter((prefix) => prefix.includes(":") === (family === 6));
    const show = ["route", "show", "table", String(MAIN_TABLE)];
    const lines =
      ours.length > FEW
        ? [show]
        : ours.flatMap((prefix) => ["root", "match"].map((what) => [...show, "to", what, prefix]));
    for (const entry of await askBatch<RouteEntry>(family, lines, "look up the routes to the local prefixes", where)) {
      if (KINDS[entry.type] !== "unicast") continue;
      const { prefix } = kernelRoute(entry, "unicast", family, {});
      const links = found.get(prefix) ?? new Set<string>();
      for (const { dev } of [entry, ...(entry.nexthops ?? [])]) if (dev !== undefined) links.add(dev);
      found.set(prefix, links);
    }
  }
  return [...found].map(([prefix, links]) => ({ prefix, links: [...links] }));
}
