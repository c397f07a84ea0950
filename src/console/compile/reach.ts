/** Routes of edges: long lists, nearly the same for every branch of a component. */
import { claimsOf } from "../model/directory.ts";
import { holds } from "../model/prefix.ts";
import type { Branch, Component, Published } from "./member.ts";
import { equalParts } from "./same.ts";
import { type Route, type Routes, routeTo } from "./tunnel.ts";

/**
 * What a branch may reach: not its own, not its CCN's when these must not talk, and nothing that lies in its own LAN; and its gateway
 * itself. The lists are copied from one. `was`: what the branch had last time; it is given back when it is still the same.
 */
export function edgeRoutes({ points, published }: Component): (branch: Branch, was?: Routes) => Routes {
  const lists = new Map<string, { readonly entries: readonly Published[]; readonly routes: Route[] }>();
  const listOf = (zone: string | null, at: string) => {
    const key = `${zone} ${at}`;
    let list = lists.get(key);
    if (!list) {
      const entries = zone === null ? published : published.filter((one) => one.zone !== zone);
      const gateway = routeTo(`${points.get(at)!.gateway.address}/32`, 0, null);
      list = { entries, routes: [...entries.map(({ fromEdge }) => fromEdge), gateway] };
      lists.set(key, list);
    }
    return list;
  };
  const places = placesOf(published);
  const fresh = ({ instance, zone, at }: Branch): Routes => {
    const { entries, routes } = listOf(zone, at);
    if (instance.withdrawn.length > 0) {
      const lan = claimsOf(instance);
      const away = (one: Published) => one.owner !== instance.id && !lan.some((own) => holds(own.prefix, one.prefix));
      return Object.freeze([...entries.filter(away).map(({ fromEdge }) => fromEdge), routes.at(-1)!]);
    }
    if (zone !== null) return Object.freeze(routes);
    let others: Route[] | undefined;
    for (const place of places.get(instance.id) ?? []) {
      if (others) others.splice(place, 1);
      else others = routes.toSpliced(place, 1);
    }
    return Object.freeze(others ?? routes);
  };
  return (branch, was) => {
    const now = fresh(branch);
    return was && equalParts(was, now) ? was : now;
  };
}

/** Where in the list the entries of each owner stand, the last first. */
function placesOf(published: readonly Published[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [i, { owner }] of published.entries()) {
    const known = places.get(owner);
    if (known) known.unshift(i);
    else places.set(owner, [i]);
  }
  return places;
}
