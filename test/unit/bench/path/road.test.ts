import { describe, expect, it } from "vitest";
import { BATCH, W_COUNTERS } from "../../../../assembly/layout.ts";
import { PathBed } from "../../../../bench/path/bed.ts";
import { Roads, SIZES, SUPERPACKETS } from "../../../../bench/path/road.ts";
import { COUNTERS } from "../../../../src/datapath/counters.ts";
import { arenaOf } from "../../../../src/datapath/memory.ts";

describe("the roads that are measured", () => {
  const bed = new PathBed({ cipher: "chacha20poly1305", sas: 40, routes: 100 });
  const count = (name: string) => {
    const { index } = COUNTERS.find((counter) => counter.name === name)!;
    return Number(bed.memory.view.getBigUint64(arenaOf(bed.memory.regions, 0) + W_COUNTERS + index * 8, true));
  };
  /** A batch there and back; what it added to some counters. */
  const run = (roads: Roads, hub: boolean) => {
    const names = ["encapsulated", "delivered", "hub", "segmented", "coalesced", "runs-sent", "runs-read"];
    const before = names.map(count);
    bed.hub(hub);
    roads.aim((i) => bed.destinations[i % bed.destinations.length]!);
    expect(roads.out()).toBeGreaterThan(0);
    expect(roads.arrive()).toBeGreaterThan(0);
    expect(bed.drops()).toBe("");
    return Object.fromEntries(names.map((name, i) => [name, count(name) - before[i]!]));
  };

  it.each(Object.keys(SIZES))("carry %s", (size) => {
    const roads = new Roads(bed.memory, bed.fast);
    roads.lay(SIZES[size]!);
    expect(roads.packets).toBe(BATCH);
    expect(run(roads, false)).toMatchObject({ encapsulated: BATCH, delivered: BATCH, hub: 0, segmented: 0 });
    expect(run(roads, true)).toMatchObject({ encapsulated: BATCH, delivered: 0, hub: BATCH });
  });

  it.each(Object.keys(SUPERPACKETS))("carry %s as superpackets and runs, all the way", (name) => {
    const roads = new Roads(bed.memory, bed.fast);
    roads.laySuperpackets(SUPERPACKETS[name]!);
    const { segments } = SUPERPACKETS[name]!;
    const plain = run(roads, false);
    expect(plain).toMatchObject({ encapsulated: roads.packets, delivered: roads.packets });
    expect(plain.segmented).toBe(roads.packets / segments);
    expect(plain["runs-sent"]).toBeGreaterThanOrEqual(plain.segmented!);
    expect(plain["runs-read"]).toBe(plain["runs-sent"]);
    expect(plain.coalesced).toBeGreaterThan(0);
    expect(run(roads, true)).toMatchObject({ hub: roads.packets });
    // Plain packets again: nothing of the superpackets is left.
    roads.lay(SIZES.imix!);
    expect(run(roads, false)).toMatchObject({ encapsulated: BATCH, delivered: BATCH, segmented: 0, coalesced: 0 });
  });
});
