/** The adjacency table (layout: ADJ_*): next hops that FIB leaves name by index. */

import {
  ADJ_CHILDREN,
  ADJ_GUARD,
  ADJ_ID,
  ADJ_KIND,
  ADJ_LOCAL,
  ADJ_MTU,
  ADJ_NONE,
  ADJ_ORIGIN,
  ADJ_SHAPE,
  ADJ_STRIDE,
  ADJ_TUN,
  ADJ_TUNNEL,
  ADJ_ZONE,
} from "../../assembly/layout.ts";
import type { Epochs } from "./epoch.ts";
import { PlaneError } from "./error.ts";
import type { PlaneMemory } from "./memory.ts";

export class Adjacencies {
  readonly #memory: PlaneMemory;
  readonly #epochs: Epochs;
  /** Kind of each index in use. */
  readonly #kinds = new Map<number, number>();
  /** Further next hops of a tunnel (`addHop`), by the tunnel's own; and the tunnel's own by each of those. */
  readonly #hops = new Map<number, Set<number>>();
  readonly #tunnelOf = new Map<number, number>();
  /** Indexes given back, oldest first. */
  readonly #free: number[] = [];
  /** Index 0 is "no route". */
  #fresh = 1;

  constructor(memory: PlaneMemory, epochs: Epochs) {
    this.#memory = memory;
    this.#epochs = epochs;
  }

  /**
   * A new next hop of kind ADJ_*; its index.
   *
   * @param fields `tun`: index of the TUN (ADJ_LOCAL). `mtu`: largest inner packet, bytes; 0 no limit (ADJ_TUNNEL). `zone`: that
   * routes to it lead into. `children`, `id`, `shape`: of the tunnel that it is a further next hop of.
   * @throws PlaneError full
   */
  add(
    kind: number,
    fields: {
      readonly tun?: number;
      readonly mtu?: number;
      readonly zone?: number;
      readonly children?: number;
      readonly id?: number;
      readonly shape?: number;
    } = {},
  ): number {
    const index = this.#free.shift() ?? this.#fresh++;
    if (index >= this.#memory.regions.adjacencies.count) {
      this.#fresh--;
      throw new PlaneError("full", `All ${index - 1} next hops are in use; raise the limit of tunnels.`);
    }
    const at = this.address(index);
    const { view, words } = this.#memory;
    this.#memory.bytes.fill(0, at, at + ADJ_STRIDE);
    view.setUint32(at + ADJ_TUN, fields.tun ?? 0, true);
    view.setUint32(at + ADJ_MTU, fields.mtu ?? 0, true);
    view.setUint32(at + ADJ_CHILDREN, fields.children ?? 0, true);
    view.setUint32(at + ADJ_ID, fields.id ?? index, true);
    view.setUint32(at + ADJ_SHAPE, fields.shape ?? 0, true);
    view.setUint32(at + ADJ_ZONE, fields.zone ?? 0, true);
    view.setUint32(at + ADJ_ORIGIN, fields.zone ?? 0, true);
    // Last, so that a worker sees a whole entry or none.
    Atomics.store(words, (at + ADJ_KIND) >>> 2, kind);
    this.#kinds.set(index, kind);
    return index;
  }

  /**
   * One more next hop of a tunnel, whose routes lead into another zone. It has the tunnel's children, MTU and id, and follows
   * them as long as it is there.
   *
   * @throws PlaneError full, unknown
   */
  addHop(tunnel: number, zone: number): number {
    this.check(tunnel, ADJ_TUNNEL);
    const { words } = this.#memory;
    const from = this.address(tunnel) >>> 2;
    const fields = [ADJ_MTU, ADJ_CHILDREN, ADJ_ID, ADJ_SHAPE];
    const [mtu, children, id, shape] = fields.map((field) => words[from + (field >>> 2)]);
    const hop = this.add(ADJ_TUNNEL, { mtu, children, id, zone, shape });
    this.#tunnelOf.set(hop, tunnel);
    const hops = this.#hops.get(tunnel) ?? new Set();
    this.#hops.set(tunnel, hops.add(hop));
    return hop;
  }

  /** Takes a further next hop out of use; no route names it any more. @throws PlaneError unknown */
  removeHop(hop: number): void {
    const tunnel = this.#tunnelOf.get(hop);
    if (tunnel === undefined) throw new PlaneError("unknown", `The next hop ${hop} is no further one of a tunnel.`);
    this.#hops.get(tunnel)?.delete(hop);
    this.#tunnelOf.delete(hop);
    this.remove(hop, ADJ_TUNNEL);
  }

  /** Takes a next hop out of use; no route names it any more. The index comes back when the epoch has passed. */
  remove(index: number, kind: number): void {
    this.check(index, kind);
    if (this.#tunnelOf.has(index) || (this.#hops.get(index)?.size ?? 0) > 0) {
      throw new PlaneError("in-use", "The tunnel still has further next hops; remove them first.");
    }
    this.#store(index, ADJ_KIND, ADJ_NONE);
    this.#kinds.delete(index);
    this.#hops.delete(index);
    this.#epochs.retire(() => this.#free.push(index));
  }

  /** Next hops in use. */
  get used(): number {
    return this.#kinds.size;
  }

  /** Is `index` in use, and of this kind (absent: any)? @throws PlaneError unknown */
  check(index: number, kind?: number): void {
    const is = this.#kinds.get(index);
    if (is !== undefined && (kind === undefined || is === kind)) return;
    const what = kind === ADJ_LOCAL ? "TUN device" : kind === ADJ_TUNNEL ? "tunnel" : "next hop";
    throw new PlaneError("unknown", `There is no ${what} with the index ${index}.`);
  }

  /** Largest inner packet, bytes, from now on. */
  setMtu(index: number, mtu: number): void {
    this.check(index, ADJ_TUNNEL);
    for (const one of this.#all(index)) this.#store(one, ADJ_MTU, mtu);
  }

  /** Address of the child list, 0: none. Stores the new one, in one step for each next hop of the tunnel; the one before. */
  setChildren(index: number, list: number): number {
    const before = Atomics.load(this.#memory.words, (this.address(index) + ADJ_CHILDREN) >>> 2);
    for (const one of this.#all(index)) this.#store(one, ADJ_CHILDREN, list);
    return before;
  }

  /** The zone that packets out of the tunnel's SAs come from; 0: none. */
  setOrigin(index: number, zone: number): void {
    this.check(index, ADJ_TUNNEL);
    this.#store(index, ADJ_ORIGIN, zone);
  }

  /** Number of the tunnel's shape, 0: none. In each next hop of the tunnel. */
  setShape(index: number, shape: number): void {
    this.check(index, ADJ_TUNNEL);
    for (const one of this.#all(index)) this.#store(one, ADJ_SHAPE, shape);
  }

  /** Address of the guard of a TUN device, 0: none. */
  setGuard(index: number, guard: number): void {
    this.check(index, ADJ_LOCAL);
    this.#store(index, ADJ_GUARD, guard);
  }

  /** A tunnel's own next hop and its further ones. */
  #all(tunnel: number): number[] {
    return [tunnel, ...(this.#hops.get(tunnel) ?? [])];
  }

  #store(index: number, field: number, value: number): void {
    Atomics.store(this.#memory.words, (this.address(index) + field) >>> 2, value);
  }

  address(index: number): number {
    return this.#memory.regions.adjacencies.base + index * ADJ_STRIDE;
  }
}
