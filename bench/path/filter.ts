/**
 * What a filter costs: nanoseconds a packet of 64 bytes from one TUN device to another, without one and with one, in turns in one
 * run. New flows meet rules of which only the last one matches.
 */
import * as L from "../../assembly/layout.ts";
import { Adjacencies } from "../../src/datapath/adjacency.ts";
import { COUNTERS } from "../../src/datapath/counters.ts";
import { Epochs } from "../../src/datapath/epoch.ts";
import { Fib, type FibExports } from "../../src/datapath/fib.ts";
import { Filters } from "../../src/datapath/filter.ts";
import { adviseTables, arenaOf, makeMemory } from "../../src/datapath/memory.ts";
import { instantiate, loadModule } from "../../src/datapath/module.ts";
import type { FilterHandle, FilterRules } from "../../src/datapath/rules.ts";
import { median, round } from "../median.ts";
import { sequence } from "./routes.ts";

export interface FilterRow {
  readonly what: string;
  /** Median of the samples. */
  readonly ns: number;
  /** More than without a filter. */
  readonly more: number;
}

const VRF = 1;
const MANY = 100_000;
/** Seconds since the Unix epoch. */
const NOW = 1_800_000_000;

export function benchFilter({ quick, say }: { quick: boolean; say: (line: string) => void }): FilterRow[] {
  const bed = new FilterBed();
  const batches = quick ? 100 : 1000;
  const next = sequence(0x1234567);
  let fresh = 0;
  const cases: { what: string; rules: number | undefined; flow: () => number; drops?: boolean }[] = [
    { what: "no filter, 1 flow", rules: undefined, flow: () => 0 },
    { what: "no filter, 100,000 flows", rules: undefined, flow: () => next() % MANY },
    { what: "established, 1 flow", rules: 10, flow: () => 0 },
    { what: "established, 100,000 flows", rules: 10, flow: () => next() % MANY },
    { what: "new flows, 10 rules", rules: 10, flow: () => MANY + fresh++ },
    { what: "new flows, 100 rules", rules: 100, flow: () => MANY + fresh++ },
  ];
  bed.use(10);
  bed.open(MANY);
  const times = cases.map((): number[] => []);
  for (let turn = 0; turn < (quick ? 3 : 7); turn++) {
    for (const [i, { rules, flow }] of cases.entries()) {
      bed.use(rules);
      const ms = bed.carry(flow, batches);
      // The first turn is for V8.
      if (turn > 0) times[i]!.push((ms * 1e6) / L.BATCH);
    }
  }
  bed.check();
  const found = times.map((all) => median(all));
  return cases.map(({ what }, i) => {
    const base = i % 2 === 1 && i < 4 ? found[1]! : found[0]!;
    const row = { what, ns: round(found[i]!, 1), more: round(found[i]! - base, 1) };
    say(`filter, ${what}: ${row.ns} ns, ${row.more} more`);
    return row;
  });
}

class FilterBed {
  readonly #memory = makeMemory({ workers: 1, sas: 2, adjacencies: 16, fib: 1 << 20, flows: 131_072 });
  readonly #fast = instantiate(loadModule(), this.#memory.memory);
  readonly #arena = arenaOf(this.#memory.regions, 0);
  readonly #filters: Filters;
  readonly #byRules = new Map<number, FilterHandle>();
  readonly #near: { readonly adjacency: number; readonly tun: number };

  constructor() {
    const { view } = this.#memory;
    adviseTables(this.#memory);
    this.#fast.attach(0);
    view.setFloat64(this.#arena + L.W_NOW, NOW * 1000, true);
    const epochs = new Epochs(this.#memory);
    const adjacencies = new Adjacencies(this.#memory, epochs);
    this.#filters = new Filters(this.#memory, epochs, adjacencies);
    const fib = new Fib(this.#memory.memory, this.#fast as unknown as FibExports);
    this.#near = { adjacency: adjacencies.add(L.ADJ_LOCAL, { tun: 1 }), tun: 1 };
    for (const tun of [0, 1]) view.setUint32(L.G_TUN_VRFS + tun * 4, VRF, true);
    fib.set(VRF, { address: Uint8Array.of(10, 2, 0, 0), length: 16 }, this.#near.adjacency);
    for (const count of [10, 100]) this.#byRules.set(count, this.#filters.add(ruleSet(count)));
    for (let i = 0; i < L.BATCH; i++) this.#lay(i);
  }

  /** The filter with so many rules is at the device; undefined: none. */
  use(rules: number | undefined): void {
    if (rules === undefined) {
      const { words } = this.#memory;
      // Beside its guard, so that its flows are still there when it has it again.
      this.#guard ||= words[L.G_TUN_GUARDS / 4 + 1]!;
      words[L.G_TUN_GUARDS / 4 + 1] = 0;
      words[L.G_GUARDS / 4] = 0;
      words[(this.#adjacencyAt() + L.ADJ_GUARD) >>> 2] = 0;
      return;
    }
    this.#filters.setTun(this.#near, this.#byRules.get(rules));
    this.#guard ||= this.#memory.words[L.G_TUN_GUARDS / 4 + 1]!;
    this.#memory.words[L.G_GUARDS / 4] = 1;
    this.#memory.words[(this.#adjacencyAt() + L.ADJ_GUARD) >>> 2] = this.#guard;
  }

  #guard = 0;

  #adjacencyAt(): number {
    return this.#memory.regions.adjacencies.base + this.#near.adjacency * L.ADJ_STRIDE;
  }

  /** Flows 0 to `count` − 1 are open. */
  open(count: number): void {
    let flow = 0;
    this.carry(() => flow++ % count, Math.ceil(count / L.BATCH));
  }

  /** So many batches, each packet of the flow that `flow` names; milliseconds on the road for one of them, the median. */
  carry(flow: () => number, batches: number): number {
    const times: number[] = [];
    for (let i = 0; i < batches; i++) {
      for (let slot = 0; slot < L.BATCH; slot++) this.#aim(slot, flow());
      const begun = performance.now();
      const taken = this.#fast.outbound(0, 0, L.BATCH);
      this.#fast.flushed();
      times.push(performance.now() - begun);
      if (taken !== L.BATCH) throw new Error(`the road took ${taken} packets of ${L.BATCH}`);
    }
    return median(times);
  }

  /** Nothing was dropped while it was measured. */
  check(): void {
    const dropped = COUNTERS.filter(
      ({ drop, index }) => drop && this.#memory.view.getBigUint64(this.#arena + L.W_COUNTERS + index * 8, true) > 0n,
    );
    if (dropped.length === 0) return;
    throw new Error(`packets were dropped while they were measured: ${dropped.map(({ name }) => name).join(", ")}`);
  }

  #at(slot: number): number {
    return this.#arena + L.TUNRX + slot * L.SLOT_STRIDE + L.SLOT_HEADROOM;
  }

  /** A UDP packet of 64 bytes, its source left open. */
  #lay(slot: number): void {
    const { view } = this.#memory;
    const at = this.#at(slot);
    view.setUint16(at, 0x4500);
    view.setUint16(at + 2, 64);
    view.setUint16(at + 6, 0x4000);
    view.setUint16(at + 8, 0x4011);
    view.setUint32(at + 16, 0x0a020001);
    view.setUint16(at + 22, 443);
    view.setUint16(at + 24, 44);
    view.setUint32(this.#arena + L.TUNLEN + slot * 4, 64, true);
  }

  #aim(slot: number, flow: number): void {
    const { view } = this.#memory;
    const at = this.#at(slot);
    view.setUint32(at + 12, 0x0b000000 + (flow >>> 4));
    view.setUint16(at + 20, 1024 + (flow & 15));
  }
}

/** The last rule accepts what the bench sends; the others are about other ports. */
function ruleSet(count: number): FilterRules {
  const prefix = { address: Uint8Array.of(11, 0, 0, 0), length: 8 };
  const rules = Array.from({ length: count }, (_, i) => ({
    id: `rule-${i}`,
    direction: "in" as const,
    protocol: 17,
    ports: { low: i + 1 === count ? 443 : 1000 + i, high: i + 1 === count ? 443 : 1000 + i },
    prefix,
    action: "accept" as const,
  }));
  return { rules, in: "drop", out: "accept" };
}
