/**
 * Child lists (layout: CHILDREN_*): which Child SA takes a packet of a tunnel. Tried in order, the first whose selectors
 * match and that has an SA for the worker wins; the newest stands first, but a worker's own before a shared one of the same selectors.
 */

import { CHILD_SAS, CHILD_SELECTORS, CHILD_STRIDE, CHILDREN_COUNT, CHILDREN_HEAD } from "../../assembly/layout.ts";
import type { Adjacencies } from "./adjacency.ts";
import type { Epochs } from "./epoch.ts";
import type { PlaneMemory } from "./memory.ts";
import type { Pool } from "./pool.ts";

/** What a list holds of a Child SA. */
export interface Sender {
  /** Address of its selector set; equal sets have equal addresses, 0 is any packet. */
  readonly selectors: number;
  /** Address of its outbound SA slot, by worker; 0: not for that worker. */
  readonly outbound: readonly number[];
  /** It has an SA for one worker only. */
  readonly own: boolean;
}

interface List {
  readonly senders: readonly Sender[];
  /** Address of the block; 0: empty list. */
  readonly address: number;
}

const EMPTY: List = { senders: [], address: 0 };

export class Children {
  readonly #memory: PlaneMemory;
  readonly #pool: Pool;
  readonly #epochs: Epochs;
  readonly #adjacencies: Adjacencies;
  /** By adjacency. */
  readonly #lists = new Map<number, List>();

  constructor(memory: PlaneMemory, pool: Pool, epochs: Epochs, adjacencies: Adjacencies) {
    this.#memory = memory;
    this.#pool = pool;
    this.#epochs = epochs;
    this.#adjacencies = adjacencies;
  }

  /** What sends for this tunnel now, in order. */
  of(adjacency: number): readonly Sender[] {
    return (this.#lists.get(adjacency) ?? EMPTY).senders;
  }

  /**
   * Packets that match `sender`'s selectors go by it from now on, off `instead`. When it takes the place of one with the
   * same selectors that is one atomic store for each worker; else a new list is published, in one store for all.
   */
  put(adjacency: number, sender: Sender, instead: Sender | undefined): void {
    const list = this.#lists.get(adjacency) ?? EMPTY;
    const position = instead === undefined ? -1 : list.senders.indexOf(instead);
    if (list.senders.includes(sender)) {
      if (position >= 0) this.drop(adjacency, list.senders[position]);
      return;
    }
    if (position < 0) {
      // A shared one in front would take the packets of those workers that have their own.
      const ahead = list.senders.filter(({ own, selectors }) => own && !sender.own && selectors === sender.selectors);
      const behind = list.senders.filter((other) => !ahead.includes(other));
      this.#publish(adjacency, [...ahead, sender, ...behind]);
      return;
    }
    const senders = list.senders.with(position, sender);
    if (list.senders[position].selectors !== sender.selectors) {
      this.#publish(adjacency, senders);
      return;
    }
    this.#lists.set(adjacency, { senders, address: list.address });
    const at = list.address + CHILDREN_HEAD + position * CHILD_STRIDE + CHILD_SAS;
    sender.outbound.forEach((sa, worker) => {
      Atomics.store(this.#memory.words, (at + worker * 4) >>> 2, sa);
    });
  }

  /** No packet goes by `sender` any more; no harm if none did. */
  drop(adjacency: number, sender: Sender): void {
    const list = this.#lists.get(adjacency) ?? EMPTY;
    if (!list.senders.includes(sender)) return;
    this.#publish(
      adjacency,
      list.senders.filter((other) => other !== sender),
    );
  }

  #publish(adjacency: number, senders: readonly Sender[]): void {
    const address = senders.length === 0 ? 0 : this.#write(senders);
    const before = this.#adjacencies.setChildren(adjacency, address);
    if (address === 0) this.#lists.delete(adjacency);
    else this.#lists.set(adjacency, { senders, address });
    if (before !== 0) this.#epochs.retire(() => this.#pool.release(before));
  }

  #write(senders: readonly Sender[]): number {
    const address = this.#pool.allocate(CHILDREN_HEAD + senders.length * CHILD_STRIDE);
    const { view } = this.#memory;
    view.setUint32(address + CHILDREN_COUNT, senders.length, true);
    senders.forEach((sender, index) => {
      const at = address + CHILDREN_HEAD + index * CHILD_STRIDE;
      view.setUint32(at + CHILD_SELECTORS, sender.selectors, true);
      sender.outbound.forEach((sa, worker) => {
        view.setUint32(at + CHILD_SAS + worker * 4, sa, true);
      });
    });
    return address;
  }
}
