import { describe, expect, it } from "vitest";
import { child, established, talks } from "./peers.ts";
import { cross, holdBack, rekeyChild, rekeyIke, SEEDS, settle, start } from "./rekeying.ts";

describe("crossed rekeying (RFC 7296 §2.8.1, §2.25)", () => {
  it.each(SEEDS)("child and child at once, seed %i", (seed) => {
    const { both, traffic } = start({ seed });
    cross(both, rekeyChild);
    settle(both, traffic);
    expect(both.a.ike.status()[0].children[0].rekeys).toBe(1);
  });

  it.each(SEEDS)("child and child, answers and requests in any order, seed %i", (seed) => {
    const { both, traffic } = start({ seed });
    both.network.weather = { loss: 0, duplication: 0.2, delay: [1, 300] };
    rekeyChild(both.a, "b");
    both.network.run(both.network.dice.below(250), traffic.flow);
    rekeyChild(both.b, "a");
    settle(both, traffic);
  });

  it("child and child, one request lost until the other exchange is over", () => {
    const { both, traffic } = start();
    const { a, b } = both;
    holdBack(both, a, "requests", 5_000);
    cross(both, rekeyChild);
    settle(both, traffic);
    expect(a.ike.status()[0].children[0].rekeys).toBe(1);
    expect(b.ike.counters()["temporary-failure"] + b.ike.counters()["child-sa-not-found"]).toBeGreaterThan(0);
  });

  it.each(SEEDS)("IKE and IKE at once, seed %i", (seed) => {
    const { both, traffic } = start({ seed });
    cross(both, rekeyIke);
    settle(both, traffic);
    expect(both.a.ike.status()[0].ike!.rekeys).toBe(1);
    expect(both.b.ike.status()[0].ike!.rekeys).toBe(1);
  });

  it.each(SEEDS)("IKE and IKE, in any order, seed %i", (seed) => {
    const { both, traffic } = start({ seed });
    both.network.weather = { loss: 0, duplication: 0.2, delay: [1, 300] };
    rekeyIke(both.a, "b");
    both.network.run(both.network.dice.below(250), traffic.flow);
    rekeyIke(both.b, "a");
    settle(both, traffic);
  });

  it("IKE and IKE, one request lost until the other exchange is over", () => {
    const { both, traffic } = start();
    const { a } = both;
    holdBack(both, a, "requests", 5_000);
    cross(both, rekeyIke);
    settle(both, traffic);
    expect(a.ike.status()[0].ike!.rekeys).toBeGreaterThanOrEqual(1);
  });

  it("IKE and IKE, one answer lost until the other side has deleted the old IKE SA", () => {
    const { both, traffic } = start();
    holdBack(both, both.b, "responses", 3_000);
    cross(both, rekeyIke);
    settle(both, traffic);
  });

  it.each(SEEDS)("a child's rekeying and its deletion, seed %i", (seed) => {
    const both = established({ seed });
    const { a, b, network } = both;
    network.weather = { loss: 0, duplication: 0, delay: [1, 50] };
    rekeyChild(a, "b");
    network.run(network.dice.below(60));
    // b changes its child, so the one there is gets deleted and a new one is asked for by a.
    const changed = { ...both.configB, children: [child("net", { espProposals: ["aes256gcm16"] })] };
    b.do((ike, now) => ike.replace(changed, now));
    network.run(200_000);
    expect(talks(both)).toBe(true);
    expect(a.ike.status()[0].children).toHaveLength(1);
    expect(a.ike.status()[0].children[0].cipher).toBe("aes256gcm16");
    for (const host of [a, b]) {
      expect(host.datapath.installed.size).toBe(1);
      expect(host.spis.size).toBe(1);
    }
  });

  it.each(SEEDS)("the IKE SA's and a child's rekeying, seed %i", (seed) => {
    const { both, traffic } = start({ seed });
    both.network.weather = { loss: 0, duplication: 0, delay: [1, 100] };
    rekeyIke(both.a, "b");
    rekeyChild(both.b, "a");
    settle(both, traffic);
    expect(both.a.ike.status()[0].ike!.rekeys).toBe(1);
    expect(both.a.ike.status()[0].children[0].rekeys).toBe(1);
  });

  it("the IKE SA's and a child's rekeying put each other off", () => {
    const { both, traffic } = start();
    rekeyIke(both.a, "b");
    rekeyChild(both.b, "a");
    both.network.run(100, traffic.flow);
    expect(both.a.ike.counters()["temporary-failure"]).toBeGreaterThan(0);
    expect(both.b.ike.counters()["temporary-failure"]).toBeGreaterThan(0);
    settle(both, traffic);
    expect(both.a.ike.status()[0].ike!.rekeys).toBe(1);
    expect(both.a.ike.status()[0].children[0].rekeys).toBe(1);
  });

  it.each(SEEDS)("the IKE SA's rekeying and its deletion, seed %i", (seed) => {
    const both = established({ seed });
    const { a, b, network } = both;
    network.weather = { loss: 0, duplication: 0, delay: [1, 100] };
    rekeyIke(a, "b");
    network.run(network.dice.below(120));
    b.do((ike, now) => ike.terminate("a", now));
    network.run(200_000);
    // a wants it up, so it comes back.
    expect(talks(both)).toBe(true);
    for (const host of [a, b]) {
      expect(host.ike.sizes().sas).toBe(1);
      expect(host.datapath.installed.size).toBe(1);
      expect(host.spis.size).toBe(1);
    }
  });

  it.each(SEEDS)("both sides end the IKE SA at once, seed %i", (seed) => {
    const both = established({ seed });
    const { a, b, network } = both;
    a.do((ike, now) => ike.terminate("b", now));
    b.do((ike, now) => ike.terminate("a", now));
    network.run(20_000);
    for (const host of [a, b]) {
      expect(host.ike.sizes().sas).toBe(0);
      expect(host.datapath.installed.size).toBe(0);
      expect(host.spis.size).toBe(0);
    }
  });

  it.each(SEEDS)("both sides begin at once, seed %i", (seed) => {
    const both = established({ seed, b: { initiate: true, remote: { address: Uint8Array.of(192, 0, 2, 1) } } });
    const { a, b, network } = both;
    network.run(120_000);
    expect(talks(both)).toBe(true);
    for (const host of [a, b]) {
      expect(host.ike.sizes().sas).toBe(1);
      expect(host.ike.status()[0].children).toHaveLength(1);
      expect(host.datapath.installed.size).toBe(1);
    }
  });
});
