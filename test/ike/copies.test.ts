/** Several Child SAs of one name, one for each worker (RFC 9611). */
import { describe, expect, it } from "vitest";
import type { IkeEndpoint } from "../../src/ike/endpoint.ts";
import { decodeHeader, EXCHANGE } from "../../src/ike/wire/index.ts";
import { type Host, v4 } from "./network.ts";
import { child, established, type Sites, type SitesOptions, talks } from "./peers.ts";
import { Traffic } from "./traffic.ts";

const names = (copies: number) => Array.from({ length: copies }, (_, copy) => (copy === 0 ? "net" : `net/${copy}`));
const wants = (copies: number): Partial<{ children: ReturnType<typeof child>[] }> => ({
  children: [child("net", { copies })],
});
const childrenOf = (host: Host) => host.ike.status()[0].children;

/** Both up, with time for the side that answered to add what it lacks. */
function up(a: number, b: number, options: SitesOptions = {}): Sites {
  const both = established({ ...options, a: { ...wants(a), ...options.a }, b: { ...wants(b), ...options.b } });
  both.network.run(10_000);
  return both;
}

/** Every side has these copies, each of them open at the other, and nothing else. */
function expectCopies(both: Sites, copies: number): void {
  for (const host of [both.a, both.b]) {
    expect(
      childrenOf(host)
        .map(({ copy }) => copy)
        .sort((one, other) => one - other),
    ).toEqual(Array.from({ length: copies }, (_, n) => n));
    expect(childrenOf(host).every(({ sending }) => sending)).toBe(true);
    expect(host.datapath.installed.size).toBe(copies);
    expect(host.spis.size).toBe(copies);
  }
  for (const name of names(copies)) expect(talks(both, name)).toBe(true);
  const spis = (host: Host, which: "spiIn" | "spiOut") =>
    childrenOf(host)
      .map((one) => one[which])
      .sort();
  expect(spis(both.a, "spiIn")).toEqual(spis(both.b, "spiOut"));
}

function rekeyAll(host: Host, peer: string): void {
  host.do((ike: IkeEndpoint, now) => ike.rekeyChild(peer, undefined, now));
}

describe("copies of a Child SA", () => {
  it.each([2, 4])("%i on either side", (copies) => {
    expectCopies(up(copies, copies), copies);
  });

  it.each([
    [2, 4],
    [4, 2],
    [1, 3],
    [3, 1],
  ])("%i here and %i there: as many as the larger number", (a, b) => {
    expectCopies(up(a, b), Math.max(a, b));
  });

  it("one on either side: nothing but the first, and no word of it on the wire", () => {
    expectCopies(up(1, 1), 1);
  });

  it.each(["a", "b"] as const)("each is rekeyed without a loss, begun by %s", (side) => {
    for (const copies of [2, 4]) {
      const both = up(copies, copies);
      const traffic = new Traffic(both, 2_000, names(copies));
      const before = childrenOf(both.a).map(({ spiIn }) => spiIn);
      for (let n = 1; n <= 5; n++) {
        rekeyAll(both[side], side === "a" ? "b" : "a");
        both.network.run(20_000, traffic.flow);
      }
      both.network.run(150_000, traffic.flow);
      expect(traffic.lost).toEqual([]);
      expect(traffic.opened).toBeGreaterThan(100);
      expectCopies(both, copies);
      for (const one of childrenOf(both.a)) {
        expect(one.rekeys).toBe(5);
        expect(before).not.toContain(one.spiIn);
      }
    }
  });

  it.each([1, 2, 3, 4, 5, 6])("crossed rekeys of all of them on an uneven network, seed %i", (seed) => {
    const both = up(4, 4, { seed });
    const traffic = new Traffic(both, 2_000, names(4));
    both.network.weather = { loss: 0, duplication: 0.1, delay: [5, 120] };
    for (let n = 0; n < 6; n++) {
      rekeyAll(both.a, "b");
      both.network.run(both.network.dice.fraction() * 60, traffic.flow);
      rekeyAll(both.b, "a");
      both.network.run(40_000, traffic.flow);
      if (n % 2 === 1) both.a.do((ike, now) => ike.rekeyIke("b", now));
    }
    both.network.run(200_000, traffic.flow);
    expect(traffic.lost).toEqual([]);
    expectCopies(both, 4);
  });

  it("one of them is rekeyed alone", () => {
    const both = up(3, 3);
    both.a.do((ike, now) => ike.rekeyChild("b", "net", now, 1));
    both.network.run(60_000);
    expect(
      childrenOf(both.a)
        .map(({ copy, rekeys }) => [copy, rekeys])
        .sort(),
    ).toEqual([
      [0, 0],
      [1, 1],
      [2, 0],
    ]);
    expectCopies(both, 3);
  });

  it("a peer without room for more: one, shared, no error, and it is not asked again", () => {
    const both = established({ a: wants(4), b: wants(1) });
    const { a, b, network } = both;
    a.do((ike, now) => ike.terminate("b", now));
    network.run(60_000);
    b.slots = 1;
    a.do((ike, now) => ike.initiate("b", now));
    network.run(30_000);
    expectCopies(both, 1);
    expect(a.codes()).toContain("child-shared");
    expect(a.ike.status()[0].lastError).toBeUndefined();
    let asked = 0;
    network.watch = ({ bytes }) => {
      if (decodeHeader(bytes).exchange === EXCHANGE.CREATE_CHILD_SA) asked += 1;
      return true;
    };
    network.run(400_000);
    expect(asked).toBe(0);
    expectCopies(both, 1);
    // A new IKE SA is a new beginning.
    b.slots = 64;
    a.do((ike, now) => ike.terminate("b", now));
    network.run(60_000);
    a.do((ike, now) => ike.initiate("b", now));
    network.run(30_000);
    expectCopies(both, 4);
  });

  it("no room here for more than the first: shared too", () => {
    const both = established({ a: wants(1), b: wants(1) });
    both.a.slots = 1;
    both.a.do((ike, now) => ike.replace({ ...both.configA, ...wants(3) }, now));
    both.network.run(60_000);
    expectCopies(both, 1);
  });

  it("room that is kept for others is not for more of them, on either side, but for their rekeys", () => {
    const both = up(3, 3);
    for (const host of [both.a, both.b]) host.kept = host.slots;
    rekeyAll(both.a, "b");
    both.network.run(60_000);
    expectCopies(both, 3);
    expect(childrenOf(both.a).map(({ rekeys }) => rekeys)).toEqual([1, 1, 1]);
    both.a.do((ike, now) => ike.terminate("b", now));
    both.network.run(60_000);
    for (const host of [both.a, both.b]) host.events.length = 0;
    both.a.do((ike, now) => ike.initiate("b", now));
    both.network.run(60_000);
    expectCopies(both, 1);
    for (const host of [both.a, both.b]) expect(host.events.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("more are added when the configuration says so", () => {
    const both = up(1, 1);
    both.a.do((ike, now) => ike.replace({ ...both.configA, ...wants(3) }, now));
    both.network.run(60_000);
    expectCopies(both, 3);
  });

  it("sixteen at most, whoever asks", () => {
    const both = up(20, 1);
    expectCopies(both, 16);
    expect(both.b.ike.counters()["no-additional-sas"]).toBe(1);
    expect(both.a.codes()).toContain("child-shared");
  });

  it.each([1, 2, 3, 4])("both begin at once: one IKE SA is left, with all copies, seed %i", (seed) => {
    const both = established({
      seed,
      a: wants(3),
      b: { ...wants(3), initiate: true, remote: { address: v4("192.0.2.1") } },
    });
    both.network.run(120_000);
    expect(both.a.ike.sizes().sas).toBe(1);
    for (const name of names(3)) expect(talks(both, name)).toBe(true);
    expect(childrenOf(both.a).length).toBeLessThanOrEqual(5);
  });

  it("a dead peer takes all of them along, and all come back", () => {
    const both = up(4, 4);
    both.b.crash();
    both.b.do((ike, now) => ike.add(both.configB, now));
    both.network.run(300_000);
    expectCopies(both, 4);
  });

  it("terminate removes them all", () => {
    const both = up(4, 4);
    both.a.do((ike, now) => ike.terminate("b", now));
    both.network.run(60_000);
    for (const host of [both.a, both.b]) {
      expect(host.datapath.installed.size).toBe(0);
      expect(host.spis.size).toBe(0);
    }
  });
});
