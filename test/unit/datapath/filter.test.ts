import { describe, expect, it } from "vitest";
import {
  ADJ_CHILDREN,
  ADJ_GUARD,
  ADJ_ID,
  ADJ_LOCAL,
  ADJ_MTU,
  ADJ_ORIGIN,
  ADJ_TUNNEL,
  ADJ_ZONE,
  G_GUARDS,
  G_TUN_GUARDS,
  GUARD_DOMAIN,
  GUARD_SET,
  SET_GENERATION,
  SET_HITS,
  SET_HITS_STRIDE,
} from "../../../assembly/layout.ts";
import { Filters } from "../../../src/datapath/filter.ts";
import type { FilterRules } from "../../../src/datapath/rules.ts";
import { beginBatch, goIdle, makeTables } from "./tables.ts";

const rules = (...ids: string[]): FilterRules => ({
  rules: ids.map((id) => ({
    id,
    direction: "in",
    protocol: 6,
    ports: { low: 1, high: 2 },
    prefix: { address: Uint8Array.of(10, 0, 0, 0), length: 8 },
    action: "accept",
  })),
  in: "drop",
  out: "accept",
});

function bed() {
  const tables = makeTables(2);
  const filters = new Filters(tables.memory, tables.epochs, tables.adjacencies);
  const word = (at: number) => tables.memory.words[at >>> 2]!;
  const tun = (index: number) => ({ adjacency: tables.adjacencies.add(ADJ_LOCAL, { tun: index }), tun: index });
  const setOf = (index: number) => word(word(G_TUN_GUARDS + index * 4) + GUARD_SET);
  /** A worker counts. */
  const hit = (set: number, worker: number, index: number, times: bigint) => {
    const at = word(set + SET_HITS) + worker * word(set + SET_HITS_STRIDE) + index * 8;
    tables.memory.view.setBigUint64(at, tables.memory.view.getBigUint64(at, true) + times, true);
  };
  return { ...tables, filters, word, tun, setOf, hit };
}

describe("filters in the tables", () => {
  it("stand at devices by a guard for each, and go without a trace", () => {
    const { adjacencies, filters, word, tun, setOf } = bed();
    const [first, second] = [tun(0), tun(1)];
    const filter = filters.add(rules("a"));
    for (const one of [first, second]) filters.setTun(one, filter);
    expect(setOf(0)).toBe(setOf(1));
    const guards = [word(G_TUN_GUARDS), word(G_TUN_GUARDS + 4)];
    expect(guards.map((guard) => word(guard + GUARD_DOMAIN))).toEqual([1, 2]);
    expect(word(adjacencies.address(first.adjacency) + ADJ_GUARD)).toBe(guards[0]);
    expect(word(G_GUARDS)).toBe(2);
    expect(() => filters.remove(filter)).toThrow(expect.objectContaining({ code: "in-use" }));
    for (const one of [first, second]) filters.setTun(one, undefined);
    expect([word(G_TUN_GUARDS), word(adjacencies.address(first.adjacency) + ADJ_GUARD), word(G_GUARDS)]).toEqual([
      0, 0, 0,
    ]);
    filters.remove(filter);
    expect(() => filters.hits(filter)).toThrow(expect.objectContaining({ code: "unknown" }));
  });

  it("change in one store, with a generation of their own; the device keeps its guard from filter to filter", () => {
    const { filters, word, tun, setOf } = bed();
    const device = tun(3);
    const [one, other] = [filters.add(rules("a")), filters.add(rules("b"))];
    filters.setTun(device, one);
    const guard = word(G_TUN_GUARDS + 12);
    const seen = new Set([word(setOf(3) + SET_GENERATION)]);
    filters.change(one, rules("a", "c"));
    seen.add(word(setOf(3) + SET_GENERATION));
    filters.setTun(device, other);
    seen.add(word(setOf(3) + SET_GENERATION));
    expect([seen.size, word(G_TUN_GUARDS + 12)]).toEqual([3, guard]);
    filters.remove(one);
    const bad = { ...rules("x"), rules: rules("x").rules.map((rule) => ({ ...rule, ports: { low: 9, high: 3 } })) };
    const before = setOf(3);
    expect(() => filters.change(other, bad)).toThrow(expect.objectContaining({ code: "invalid" }));
    expect(setOf(3)).toBe(before);
  });

  it("count by the names of rules, over all workers and over changes, while a worker still counts in the old set", () => {
    const { memory, epochs, filters, tun, setOf, hit } = bed();
    const filter = filters.add(rules("a", "b"));
    filters.setTun(tun(0), filter);
    const old = setOf(0);
    hit(old, 0, 0, 5n);
    hit(old, 1, 0, 2n);
    hit(old, 1, 2, 4n);
    for (const worker of [0, 1]) beginBatch(memory, worker);
    filters.change(filter, rules("c", "a"));
    // Worker 1 has not begun another batch.
    hit(old, 1, 0, 1n);
    hit(setOf(0), 0, 1, 10n);
    const told = () => [[...filters.hits(filter).rules], filters.hits(filter).in, filters.hits(filter).out];
    const all = [
      [
        ["c", 0],
        ["a", 18],
      ],
      4,
      0,
    ];
    expect(told()).toEqual(all);
    for (const worker of [0, 1]) goIdle(memory, worker);
    expect(epochs.reclaim()).toBe(0);
    expect(told()).toEqual(all);
    filters.change(filter, rules("c"));
    expect(told()).toEqual([[["c", 0]], 4, 0]);
  });
});

describe("further next hops of a tunnel", () => {
  it("have its children, MTU and id, and follow them; only the zone is their own", () => {
    const { memory, adjacencies } = makeTables();
    const tunnel = adjacencies.add(ADJ_TUNNEL, { mtu: 1400, zone: 1 });
    adjacencies.setChildren(tunnel, 0x1000);
    const hop = adjacencies.addHop(tunnel, 2);
    const of = (index: number, field: number) => memory.words[(adjacencies.address(index) + field) >>> 2];
    const shared = [ADJ_MTU, ADJ_CHILDREN, ADJ_ID];
    expect(shared.map((field) => of(hop, field))).toEqual([1400, 0x1000, tunnel]);
    adjacencies.setMtu(tunnel, 1300);
    expect(adjacencies.setChildren(tunnel, 0x2000)).toBe(0x1000);
    adjacencies.setOrigin(tunnel, 7);
    for (const index of [tunnel, hop]) expect(shared.map((field) => of(index, field))).toEqual([1300, 0x2000, tunnel]);
    expect([of(tunnel, ADJ_ZONE), of(tunnel, ADJ_ORIGIN), of(hop, ADJ_ZONE)]).toEqual([1, 7, 2]);
    expect(() => adjacencies.remove(tunnel, ADJ_TUNNEL)).toThrow(expect.objectContaining({ code: "in-use" }));
    expect(() => adjacencies.removeHop(tunnel)).toThrow(expect.objectContaining({ code: "unknown" }));
    adjacencies.removeHop(hop);
    adjacencies.setMtu(tunnel, 1200);
    expect(of(hop, ADJ_MTU)).toBe(1300);
    adjacencies.remove(tunnel, ADJ_TUNNEL);
  });
});
