/** Child SAs: a pair of SA slots with the path, the selectors and the place in the tunnel's child list that belong to them. */

import { ADJ_TUNNEL } from "../../assembly/layout.ts";
import type { Adjacencies } from "./adjacency.ts";
import type { Children, Sender } from "./children.ts";
import type { Epochs } from "./epoch.ts";
import { PlaneError } from "./error.ts";
import type { PlaneMemory } from "./memory.ts";
import { publishPath } from "./path.ts";
import type { ChildHandle, Outer, Plane } from "./plane.ts";
import type { Pool } from "./pool.ts";
import type { SaSlots } from "./sa.ts";
import type { Selectors } from "./selectors.ts";

interface ChildSa {
  readonly id: number;
  readonly adjacency: number;
  readonly inbound: number;
  readonly outbound: number;
  readonly sender: Sender;
  /** Address in the pool. */
  path: number;
  outer: Outer;
}

/** The tables that a Child SA has entries in. */
export interface ChildTables {
  readonly memory: PlaneMemory;
  readonly pool: Pool;
  readonly epochs: Epochs;
  readonly selectors: Selectors;
  readonly slots: SaSlots;
  readonly adjacencies: Adjacencies;
  readonly children: Children;
  /** Our port of IKE alone. */
  readonly ikePort: number;
}

export class ChildSas {
  readonly #tables: ChildTables;
  readonly #byId = new Map<number, ChildSa>();
  readonly #bySlot = new Map<number, ChildSa>();
  /** How many each tunnel has, by adjacency. */
  readonly #counts = new Map<number, number>();
  #next = 1;

  constructor(tables: ChildTables) {
    this.#tables = tables;
  }

  /** @throws PlaneError unknown (SPI, tunnel), full, invalid; then nothing has changed */
  add(child: Parameters<Plane["addChild"]>[0]): ChildHandle {
    const { memory, pool, selectors, slots, adjacencies, ikePort } = this.#tables;
    adjacencies.check(child.adjacency, ADJ_TUNNEL);
    const undo: (() => void)[] = [];
    try {
      const path = publishPath(memory, pool, child.outer, ikePort);
      undo.push(() => pool.release(path));
      const set = selectors.acquire(child.selectors);
      undo.push(() => selectors.release(set));
      const fields = { path, selectors: set, adjacency: child.adjacency, vrf: child.vrf };
      const outbound = slots.addOutbound(child.outbound, fields);
      undo.push(() => slots.remove(outbound));
      const inbound = slots.addInbound(child.inbound, fields);
      const { count } = memory.regions.arenas;
      const own = child.own === true && count > 1;
      // A shared one is for all workers: the sequence counter is atomic.
      const sas = new Array<number>(count).fill(own ? 0 : slots.address(outbound));
      if (own) sas[slots.workerOf(inbound)] = slots.address(outbound);
      const made: ChildSa = {
        id: this.#next++,
        adjacency: child.adjacency,
        inbound,
        outbound,
        sender: { selectors: set, outbound: sas, own },
        path,
        outer: child.outer,
      };
      this.#byId.set(made.id, made);
      this.#counts.set(made.adjacency, this.count(made.adjacency) + 1);
      this.#bySlot.set(inbound, made);
      this.#bySlot.set(outbound, made);
      return { id: made.id };
    } catch (error) {
      for (const step of undo.reverse()) step();
      throw error;
    }
  }

  transmit(handle: ChildHandle, instead: ChildHandle | undefined): void {
    const child = this.get(handle);
    // One that is gone has left the list, so there is nothing to take over from.
    const before = instead === undefined ? undefined : this.#byId.get(instead.id);
    if (before !== undefined && before.adjacency !== child.adjacency) {
      throw new PlaneError("invalid", "A Child SA can take over only from one of the same tunnel.");
    }
    this.#tables.children.put(child.adjacency, child.sender, before?.sender);
  }

  retire(handle: ChildHandle): void {
    const child = this.get(handle);
    this.#tables.children.drop(child.adjacency, child.sender);
  }

  remove(handle: ChildHandle): void {
    const child = this.get(handle);
    const { pool, epochs, selectors, slots } = this.#tables;
    this.retire(handle);
    this.#byId.delete(child.id);
    const left = this.count(child.adjacency) - 1;
    if (left > 0) this.#counts.set(child.adjacency, left);
    else this.#counts.delete(child.adjacency);
    this.#bySlot.delete(child.inbound);
    this.#bySlot.delete(child.outbound);
    slots.remove(child.inbound);
    slots.remove(child.outbound);
    selectors.release(child.sender.selectors);
    epochs.retire(() => pool.release(child.path));
  }

  /** Datagrams go there from now on, and are expected from there. */
  setOuter(handle: ChildHandle, outer: Outer): void {
    const child = this.get(handle);
    const { memory, pool, epochs, slots, ikePort } = this.#tables;
    const path = publishPath(memory, pool, outer, ikePort);
    const before = child.path;
    slots.setPath(child.outbound, path);
    slots.setPath(child.inbound, path);
    child.path = path;
    child.outer = outer;
    epochs.retire(() => pool.release(before));
  }

  traffic(handle: ChildHandle): ReturnType<Plane["traffic"]> {
    const child = this.get(handle);
    const { slots } = this.#tables;
    return { inbound: slots.traffic(child.inbound), outbound: slots.traffic(child.outbound) };
  }

  /** Child SAs of this tunnel, sending or not. */
  count(adjacency: number): number {
    return this.#counts.get(adjacency) ?? 0;
  }

  /** The Child SA that an SA slot belongs to; undefined: it has gone. */
  bySlot(slot: number): Pick<ChildSa, "id" | "outer"> | undefined {
    return this.#bySlot.get(slot);
  }

  /** @throws PlaneError unknown */
  get(handle: ChildHandle): ChildSa {
    const child = this.#byId.get(handle.id);
    if (child === undefined) throw new PlaneError("unknown", `There is no Child SA ${handle.id} in the datapath.`);
    return child;
  }
}
