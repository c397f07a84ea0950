/** The routes of components: where each prefix comes from, whether it is published, and what it is at odds with. */
import type { Directory } from "./directory.ts";
import type { Intent } from "./intent.ts";
import { directoryOf } from "./lineage.ts";
import { prefixKey } from "./prefix.ts";
import type { Claim } from "./prefixset.ts";

export interface RouteOrigin {
  readonly kind: "instance" | "vpc" | "vbr";
  readonly id: string;
  readonly name: string;
}

export interface RouteEntry {
  /** Id of the CEN, or of the CCN when that has none. */
  readonly component: string;
  readonly prefix: string;
  readonly origin: RouteOrigin;
  /** Not withdrawn. Others have a route to it as soon as its owner has a place in the network: a branch once it is activated, and not locked. */
  readonly published: boolean;
  /** What overlaps it in the component: it can be published only when these are withdrawn. */
  readonly conflicts: readonly (RouteOrigin & { readonly prefix: string })[];
}

/**
 * By component, then by address. What is bound to nothing is nobody's route. `component`: only this one; for a CCN with a CEN, that of
 * the CEN.
 */
export function routesOf(intent: Intent, component?: string): RouteEntry[] {
  const directory = directoryOf(intent);
  const wanted = component === undefined ? componentsOf(intent) : [directory.componentOfCcn(component)];
  return wanted.flatMap((id) => routesIn(id, directory));
}

/** Ids of all CENs, and of CCNs without one. */
function componentsOf(intent: Intent): string[] {
  const alone = [...intent.ccn.values()].filter(({ cen }) => cen === null).map(({ id }) => id);
  return [...intent.cen.keys(), ...alone].sort();
}

function routesIn(component: string, directory: Directory): RouteEntry[] {
  const sets = directory.networks(component);
  const claims = sets.flatMap((set) => [...set.claims]).sort(inOrder);
  return claims.map((claim) => ({
    component,
    prefix: claim.text,
    origin: originOf(claim, directory),
    published: claim.published,
    conflicts: sets
      .flatMap((set) => [...set.overlapping(claim.prefix)])
      .filter(({ id }) => id !== claim.id)
      .sort(inOrder)
      .map((rival) => ({ ...originOf(rival, directory), prefix: rival.text })),
  }));
}

function inOrder(a: Claim, b: Claim): number {
  return prefixKey(a.prefix) - prefixKey(b.prefix) || (a.id < b.id ? -1 : 1);
}

function originOf({ kind, id }: Claim, directory: Directory): RouteOrigin {
  const { name } = directory.get(kind, id)!;
  return { kind: kind as RouteOrigin["kind"], id, name };
}
