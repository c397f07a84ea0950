/** Routes in the datapath. One that may lead over several tunnels, or to an attachment that may not be there, chooses again when told. */
import type { Plane } from "../datapath/plane.ts";
import { prefixOf } from "./address.ts";
import type { Action } from "./diff.ts";
import type { Hops } from "./hops.ts";
import { hopsOf, keyOf, type ResourceOf, type Via } from "./resource.ts";

/** A route whose next hop depends on what is up. */
interface Choice {
  readonly vrf: number;
  readonly prefix: string;
  readonly via: Extract<Via, { readonly kind: "tunnel" | "attachment" }>;
  /** In the FIB now. */
  adjacency: number;
}

export class Routes {
  readonly #plane: Plane;
  readonly #hops: Hops;
  /** Where a route leads as things are. */
  readonly #adjacency: (via: Via) => number;
  /** By key of the route; and those of each tunnel and attachment (key of the resource). */
  readonly #choices = new Map<string, Choice>();
  readonly #choicesOf = new Map<string, Set<string>>();

  constructor(plane: Plane, hops: Hops, adjacency: (via: Via) => number) {
    this.#plane = plane;
    this.#hops = hops;
    this.#adjacency = adjacency;
  }

  /** Adds, moves or removes a route of the VRF with this index: whole, or throws and leaves things as they were. */
  carry(op: Action["op"], route: ResourceOf<"route">, vrf: number): void {
    const { prefix, via } = route;
    const key = keyOf(route);
    if (op === "remove") {
      this.#plane.removeRoute(vrf, prefixOf(prefix));
      this.#settle(key);
      this.#hops.leave(key);
      return;
    }
    const adjacency = this.#lead(key, vrf, prefix, via);
    this.#settle(key);
    const free = via.kind === "attachment" || (via.kind === "tunnel" && via.standby !== undefined);
    if (!free) return;
    this.#choices.set(key, { vrf, prefix, via, adjacency });
    for (const hop of hopsOf(via)) {
      const keys = this.#choicesOf.get(hop) ?? new Set();
      this.#choicesOf.set(hop, keys.add(key));
    }
  }

  /**
   * Has the routes that may lead over this tunnel or attachment (key of the resource) lead where they should now; how many moved. What
   * cannot be moved stays where it is, and keeps no other from moving. @throws what the first refusal was
   */
  choose(hop: string): number {
    let changed = 0;
    const refusals: unknown[] = [];
    for (const key of this.#choicesOf.get(hop) ?? []) {
      const choice = this.#choices.get(key) as Choice;
      const before = choice.adjacency;
      try {
        choice.adjacency = this.#lead(key, choice.vrf, choice.prefix, choice.via);
      } catch (error) {
        refusals.push(error);
      }
      if (choice.adjacency !== before) changed++;
    }
    if (refusals.length > 0) throw refusals[0];
    return changed;
  }

  /** Has the route of this key lead where `via` leads now; the adjacency. */
  #lead(key: string, vrf: number, prefix: string, via: Via): number {
    const adjacency = this.#adjacency(via);
    try {
      this.#plane.setRoute(vrf, prefixOf(prefix), adjacency);
    } catch (error) {
      this.#hops.unwanted(adjacency);
      throw error;
    }
    this.#hops.take(key, adjacency);
    return adjacency;
  }

  /** This route no longer chooses. */
  #settle(key: string): void {
    const choice = this.#choices.get(key);
    if (!choice) return;
    this.#choices.delete(key);
    for (const hop of hopsOf(choice.via)) {
      const keys = this.#choicesOf.get(hop);
      keys?.delete(key);
      if (keys?.size === 0) this.#choicesOf.delete(hop);
    }
  }

  /** Of the routes that may choose this one (key of the resource): does one lead over this tunnel now? undefined: there is none. */
  leads(hop: string, tunnel: number): boolean | undefined {
    const keys = this.#choicesOf.get(hop);
    if (!keys) return undefined;
    for (const key of keys)
      if (this.#hops.tunnelOf((this.#choices.get(key) as Choice).adjacency) === tunnel) return true;
    return false;
  }

  /** What the routes that may choose this one (key of the resource) choose between, keys too, itself among them; empty: there is none. */
  rivals(hop: string): ReadonlySet<string> {
    const keys = [...(this.#choicesOf.get(hop) ?? [])];
    return new Set(keys.flatMap((key) => hopsOf((this.#choices.get(key) as Choice).via)));
  }

  /** Adjacency that a route which may choose among tunnels leads to now; undefined: there is no such route. */
  chosen(vrf: string, prefix: string): number | undefined {
    const choice = this.#choices.get(`route ${vrf} ${prefix}`);
    return choice?.via.kind === "tunnel" ? choice.adjacency : undefined;
  }
}
