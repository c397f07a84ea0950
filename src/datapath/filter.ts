/**
 * Filters and where they stand: rule sets in a region of their own, replaced whole, and a guard for each TUN device that has a
 * filter. A guard points at the set in force, so a change of rules is one store for each device; the old set goes when the epoch
 * has passed, and its hits with it, to be counted on under the names of its rules.
 */

import {
  G_GUARDS,
  G_TUN_GUARDS,
  GUARD_DOMAIN,
  GUARD_SET,
  GUARD_SIZE,
  SET_HITS,
  SET_HITS_STRIDE,
} from "../../assembly/layout.ts";
import type { Adjacencies } from "./adjacency.ts";
import type { Epochs } from "./epoch.ts";
import { PlaneError } from "./error.ts";
import type { PlaneMemory } from "./memory.ts";
import { Pool } from "./pool.ts";
import type { FilterHandle, FilterHits, FilterRules } from "./rules.ts";
import { checkRuleSet, encodeRuleSet, sizeOfSet } from "./ruleset.ts";

/** A set in memory. */
interface RuleSet {
  readonly address: number;
  readonly rules: FilterRules;
}

interface Filter {
  readonly id: number;
  set: RuleSet;
  /** Sets that were replaced, and may still be counted on. */
  readonly old: Set<RuleSet>;
  /** Hits of sets that are gone, by rule and by default. */
  readonly past: { readonly rules: Map<string, number>; in: number; out: number };
  /** Guards that point at its set. */
  readonly guards: Set<number>;
}

/** A TUN device: its adjacency, and its index. */
export interface GuardedTun {
  readonly adjacency: number;
  readonly tun: number;
}

interface Guard {
  readonly address: number;
  filter: Filter;
}

export class Filters {
  readonly #memory: PlaneMemory;
  readonly #epochs: Epochs;
  readonly #adjacencies: Adjacencies;
  readonly #pool: Pool;
  readonly #filters = new Map<number, Filter>();
  /** By index of the TUN device. */
  readonly #guards = new Map<number, Guard>();
  #nextFilter = 1;
  #nextGeneration = 1;
  #nextDomain = 1;

  constructor(memory: PlaneMemory, epochs: Epochs, adjacencies: Adjacencies) {
    this.#memory = memory;
    this.#epochs = epochs;
    this.#adjacencies = adjacencies;
    this.#pool = new Pool(memory, memory.regions.filters, "The datapath has no room for more filter rules; use fewer.");
  }

  /** @throws PlaneError full, invalid */
  add(rules: FilterRules): FilterHandle {
    const filter: Filter = {
      id: this.#nextFilter++,
      set: this.#write(rules),
      old: new Set(),
      past: { rules: new Map(), in: 0, out: 0 },
      guards: new Set(),
    };
    this.#filters.set(filter.id, filter);
    return { id: filter.id };
  }

  /** @throws PlaneError full, invalid, unknown; then the old rules hold */
  change(handle: FilterHandle, rules: FilterRules): void {
    const filter = this.#get(handle);
    const set = this.#write(rules);
    const before = filter.set;
    filter.set = set;
    for (const guard of filter.guards) this.#point(guard, set);
    filter.old.add(before);
    this.#epochs.retire(() => {
      this.#bury(filter, before);
      filter.old.delete(before);
      this.#pool.release(before.address);
    });
  }

  /** @throws PlaneError in-use, unknown */
  remove(handle: FilterHandle): void {
    const filter = this.#get(handle);
    if (filter.guards.size > 0) {
      throw new PlaneError(
        "in-use",
        `${filter.guards.size} TUN devices still have the filter; take it from them first.`,
      );
    }
    this.#filters.delete(filter.id);
    const { address } = filter.set;
    this.#epochs.retire(() => this.#pool.release(address));
  }

  /** A device that goes from one filter to another keeps its flows; they are judged by the other one. @throws PlaneError full, unknown */
  setTun({ adjacency, tun }: GuardedTun, handle: FilterHandle | undefined): void {
    const guard = this.#guards.get(tun);
    const filter = handle && this.#get(handle);
    if (filter === undefined) {
      if (guard !== undefined) this.#unguard(adjacency, tun, guard);
      return;
    }
    if (guard === undefined) {
      const address = this.#pool.allocate(GUARD_SIZE);
      this.#memory.view.setUint32(address + GUARD_DOMAIN, this.#nextDomain++, true);
      this.#point(address, filter.set);
      this.#guards.set(tun, { address, filter });
      filter.guards.add(address);
      this.#place(adjacency, tun, address);
      return;
    }
    guard.filter.guards.delete(guard.address);
    guard.filter = filter;
    filter.guards.add(guard.address);
    this.#point(guard.address, filter.set);
  }

  /** @throws PlaneError unknown */
  hits(handle: FilterHandle): FilterHits {
    const filter = this.#get(handle);
    const sum = { rules: new Map<string, number>(), in: filter.past.in, out: filter.past.out };
    // In the order of the rules in force; those of rules that went are not told.
    for (const { id } of filter.set.rules.rules) sum.rules.set(id, filter.past.rules.get(id) ?? 0);
    for (const set of [filter.set, ...filter.old]) this.#count(set, sum);
    for (const id of sum.rules.keys()) if (!filter.set.rules.rules.some((rule) => rule.id === id)) sum.rules.delete(id);
    return sum;
  }

  #write(rules: FilterRules): RuleSet {
    checkRuleSet(rules);
    const workers = this.#memory.regions.arenas.count;
    const address = this.#pool.allocate(sizeOfSet(rules, workers));
    this.#memory.bytes.set(encodeRuleSet(rules, this.#nextGeneration++, workers, address), address);
    return { address, rules };
  }

  #point(guard: number, set: RuleSet): void {
    Atomics.store(this.#memory.words, (guard + GUARD_SET) >>> 2, set.address);
  }

  #place(adjacency: number, tun: number, guard: number): void {
    this.#adjacencies.setGuard(adjacency, guard);
    Atomics.store(this.#memory.words, G_GUARDS >>> 2, this.#guards.size);
    Atomics.store(this.#memory.words, (G_TUN_GUARDS + tun * 4) >>> 2, guard);
  }

  #unguard(adjacency: number, tun: number, { address, filter }: Guard): void {
    this.#guards.delete(tun);
    this.#place(adjacency, tun, 0);
    filter.guards.delete(address);
    this.#epochs.retire(() => this.#pool.release(address));
  }

  /** The hits of a set that no worker counts in any more are kept by name, as long as the rules have it. */
  #bury({ past, set }: Filter, gone: RuleSet): void {
    this.#count(gone, past);
    for (const id of past.rules.keys()) if (!set.rules.rules.some((rule) => rule.id === id)) past.rules.delete(id);
  }

  /** Adds the hits of all workers. */
  #count({ address, rules: { rules } }: RuleSet, sum: { rules: Map<string, number>; in: number; out: number }): void {
    const { memory, regions, view } = this.#memory;
    const stride = view.getUint32(address + SET_HITS_STRIDE, true);
    for (let worker = 0; worker < regions.arenas.count; worker++) {
      const at = view.getUint32(address + SET_HITS, true) + worker * stride;
      const hits = new BigUint64Array(memory.buffer, at, rules.length + 2);
      const of = (index: number): number => Number(Atomics.load(hits, index));
      for (const [index, { id }] of rules.entries()) sum.rules.set(id, (sum.rules.get(id) ?? 0) + of(index));
      sum.in += of(rules.length);
      sum.out += of(rules.length + 1);
    }
  }

  #get({ id }: FilterHandle): Filter {
    const filter = this.#filters.get(id);
    if (filter === undefined) throw new PlaneError("unknown", `There is no filter ${id} in the datapath.`);
    return filter;
  }
}
