/** The TUN devices as next hops: where packets for this side of the tunnels leave, and through which filter they pass. */

import { ADJ_LOCAL } from "../../assembly/layout.ts";
import type { Adjacencies } from "./adjacency.ts";
import type { Filters } from "./filter.ts";
import type { FilterHandle } from "./rules.ts";
import type { Tuns } from "./tuns.ts";

export class Entrances {
  readonly #tuns: Tuns;
  readonly #adjacencies: Adjacencies;
  readonly #filters: Filters;
  /** Adjacency → index of its TUN. */
  readonly #tunOf = new Map<number, number>();

  constructor(tuns: Tuns, adjacencies: Adjacencies, filters: Filters) {
    this.#tuns = tuns;
    this.#adjacencies = adjacencies;
    this.#filters = filters;
  }

  /** Makes the device; its adjacency. @throws LinuxError, PlaneError as Tuns.add; PlaneError full (next hops), nothing is left */
  add(name: string, vrf: number): number {
    const tun = this.#tuns.add(name, vrf);
    try {
      const adjacency = this.#adjacencies.add(ADJ_LOCAL, { tun });
      this.#tunOf.set(adjacency, tun);
      return adjacency;
    } catch (error) {
      this.#tuns.remove(tun);
      throw error;
    }
  }

  /** @throws PlaneError unknown, worker */
  remove(adjacency: number): void {
    this.setFilter(adjacency, undefined);
    this.#adjacencies.remove(adjacency, ADJ_LOCAL);
    this.#tuns.remove(this.#tunOf.get(adjacency)!);
    this.#tunOf.delete(adjacency);
  }

  /** What goes into and comes out of the device must pass the filter; undefined: everything may. @throws PlaneError unknown */
  setFilter(adjacency: number, filter: FilterHandle | undefined): void {
    this.#adjacencies.check(adjacency, ADJ_LOCAL);
    this.#filters.setTun({ adjacency, tun: this.#tunOf.get(adjacency)! }, filter);
  }

  /** Adjacencies of the device with this index: one, or none when it was removed. */
  *ofTun(index: number): Iterable<number> {
    for (const [adjacency, tun] of this.#tunOf) if (tun === index) yield adjacency;
  }
}
