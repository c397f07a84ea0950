/** The adjacency table (layout: ADJ_*): next hops that FIB leaves name by index. */

import {
  ADJ_CHILDREN,
  ADJ_ID,
  ADJ_KIND,
  ADJ_LOCAL,
  ADJ_MTU,
  ADJ_NONE,
  ADJ_STRIDE,
  ADJ_TUN,
  ADJ_TUNNEL,
} from "../../assembly/layout.ts";
import type { Epochs } from "./epoch.ts";
import { PlaneError } from "./error.ts";
import type { PlaneMemory } from "./memory.ts";

export class Adjacencies {
  readonly #memory: PlaneMemory;
  readonly #epochs: Epochs;
  /** Kind of each index in use. */
  readonly #kinds = new Map<number, number>();
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
   * @param fields `tun`: index of the TUN (ADJ_LOCAL). `mtu`: largest inner packet, bytes; 0 no limit (ADJ_TUNNEL).
   * @throws PlaneError full
   */
  add(kind: number, fields: { readonly tun?: number; readonly mtu?: number } = {}): number {
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
    view.setUint32(at + ADJ_ID, index, true);
    // Last, so that a worker sees a whole entry or none.
    Atomics.store(words, (at + ADJ_KIND) >>> 2, kind);
    this.#kinds.set(index, kind);
    return index;
  }

  /** Takes a next hop out of use; no route names it any more. The index comes back when the epoch has passed. */
  remove(index: number, kind: number): void {
    this.check(index, kind);
    Atomics.store(this.#memory.words, (this.address(index) + ADJ_KIND) >>> 2, ADJ_NONE);
    this.#kinds.delete(index);
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
    Atomics.store(this.#memory.words, (this.address(index) + ADJ_MTU) >>> 2, mtu);
  }

  /** Address of the child list, 0: none. Stores the new one in one step; the one before. */
  setChildren(index: number, list: number): number {
    return Atomics.exchange(this.#memory.words, (this.address(index) + ADJ_CHILDREN) >>> 2, list);
  }

  address(index: number): number {
    return this.#memory.regions.adjacencies.base + index * ADJ_STRIDE;
  }
}
