/** Routes of edges: long lists, nearly the same for every branch of a component. */

import { equal } from "../../router/config/equal.ts";
import { claimsOf } from "../model/directory.ts";
import { holds } from "../model/prefix.ts";
import type { Branch, Component, Published } from "./member.ts";
import { type Route, type Routes, routeTo } from "./tunnel.ts";

/**
 * What a branch sends into its tunnel: all that is published, but its own and what lies in its own LAN; and its gateway itself. Also what
 * its CCN keeps it from: the gateway refuses that, whereas without a route the host would send it by its default route, in the clear.
 * The lists are copied from one. `was`: what the branch had last time; it is given back when it is still the same.
 */
export function edgeRoutes({ points, published }: Component): (branch: Branch, was?: Routes) => Routes {
  const all = published.map(({ fromEdge }) => fromEdge);
  const lists = new Map<string, Route[]>();
  const listOf = (at: string) => {
    let list = lists.get(at);
    if (!list) {
      list = [...all, routeTo(`${points.get(at)!.gateway.address}/32`, 0, null)];
      lists.set(at, list);
    }
    return list;
  };
  const places = placesOf(published);
  const fresh = ({ instance, at }: Branch): Routes => {
    const routes = listOf(at);
    if (instance.withdrawn.length > 0) {
      const lan = claimsOf(instance);
      const away = (one: Published) => one.owner !== instance.id && !lan.some((own) => holds(own.prefix, one.prefix));
      return Object.freeze([...published.filter(away).map(({ fromEdge }) => fromEdge), routes.at(-1)!]);
    }
    let others: Route[] | undefined;
    for (const place of places.get(instance.id) ?? []) {
      if (others) others.splice(place, 1);
      else others = routes.toSpliced(place, 1);
    }
    return Object.freeze(others ?? routes);
  };
  return (branch, was) => {
    const now = fresh(branch);
    return was && equal(was, now) ? was : now;
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
