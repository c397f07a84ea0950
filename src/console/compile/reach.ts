/** What edges of a component reach: a long list, one value for all of them (protocol/reach.ts). */
import type { Reach } from "../../protocol/reach.ts";
import type { Published } from "./member.ts";

/**
 * All that is published. What is a branch's own, or lies in its LAN, its router leaves out. Also what its CCN keeps a branch from is there: the
 * gateway refuses that, whereas without a route the host would send it by its default route, in the clear. `was`: what it was last time; it is
 * given back when it is still the same.
 */
export function reachOf(vrf: string, published: readonly Published[], was?: Reach): Reach {
  const same =
    was?.routes.length === published.length && published.every(({ text }, i) => text === was.routes[i].prefix);
  if (same) return was;
  return Object.freeze({ vrf, routes: Object.freeze(published.map(({ fromEdge }) => fromEdge)) });
}
