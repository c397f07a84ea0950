import { describe, expect, it } from "vitest";
import type { Datagram } from "../../src/ike/effect.ts";
import type { IkeEndpoint } from "../../src/ike/endpoint.ts";
import type { Host } from "./network.ts";
import { child, established, net, type Sites, type SitesOptions, talks } from "./peers.ts";
import { Traffic } from "./traffic.ts";

const CREATE = 36;
const isResponse = ({ bytes }: Datagram) => (bytes[19] & 0x20) !== 0;
const exchange = ({ bytes }: Datagram) => bytes[18];

function rekeyChild(host: Host, peer: string): void {
  host.do((ike: IkeEndpoint, now) => ike.rekeyChild(peer, undefined, now));
}

function rekeyIke(host: Host, peer: string): void {
  host.do((ike: IkeEndpoint, now) => ike.rekeyIke(peer, now));
}

/** Lets everything settle and looks at what must be true then. */
function settle(both: Sites, traffic: Traffic): void {
  const { a, b, network } = both;
  network.run(150_000, traffic.flow);
  expect(traffic.lost).toEqual([]);
  expect(traffic.opened).toBeGreaterThan(0);
  expect(talks(both)).toBe(true);
  for (const host of [a, b]) {
    expect(host.ike.sizes().sas).toBe(1);
    expect(host.ike.status()[0].children).toHaveLength(1);
    expect(host.datapath.installed.size).toBe(1);
    expect(host.spis.size).toBe(1);
  }
  const [atA] = a.ike.status();
  const [atB] = b.ike.status();
  expect(atA.ike!.spiLocal).toBe(atB.ike!.spiRemote);
  expect(atA.children[0].spiIn).toBe(atB.children[0].spiOut);
}

function start(options: SitesOptions = {}): { both: Sites; traffic: Traffic } {
  const both = established(options);
  return { both, traffic: new Traffic(both, 2_000) };
}

const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);

describe("rekeying a Child SA", () => {
  it.each(["a", "b"] as const)("is loss-free, begun by %s", (side) => {
    const { both, traffic } = start();
    const before = both.a.ike.status()[0].children[0];
    rekeyChild(both[side], side === "a" ? "b" : "a");
    settle(both, traffic);
    const [after] = both.a.ike.status()[0].children;
    expect(after.spiIn).not.toBe(before.spiIn);
    expect(after.rekeys).toBe(1);
    expect(both.b.ike.status()[0].children[0].rekeys).toBe(1);
  });

  it("responder sends on the old one until that is deleted", () => {
    const { both } = start();
    const { a, b, network } = both;
    const before = b.datapath.sending.get("a/net");
    network.delay = (datagram) => (exchange(datagram) === CREATE && isResponse(datagram) ? 400 : undefined);
    rekeyChild(a, "b");
    network.run(300);
    expect(b.datapath.installed.size).toBe(2);
    expect(b.datapath.sending.get("a/net")).toBe(before);
    network.run(300);
    expect(b.datapath.sending.get("a/net")).not.toBe(before);
    expect(talks(both)).toBe(true);
  });

  it("responder moves by itself when the old one is never deleted", () => {
    const { both, traffic } = start({
      optionsA: { retransmit: { first: 500, factor: 2, limit: 8_000, tries: 100 } },
      a: { dpd: 0 },
      b: { dpd: 0 },
    });
    const { a, b, network } = both;
    const before = b.datapath.sending.get("a/net");
    rekeyChild(a, "b");
    network.watch = (datagram) => exchange(datagram) === CREATE;
    network.run(119_000, traffic.flow);
    expect(b.datapath.sending.get("a/net")).toBe(before);
    network.run(2_000, traffic.flow);
    expect(b.datapath.sending.get("a/net")).not.toBe(before);
    network.watch = undefined;
    settle(both, traffic);
  });

  it("happens by itself, early and spread", () => {
    const life = { children: [child("net", { lifetime: { ms: 100_000, jitter: 0.3 } })] };
    const { both, traffic } = start({ a: life, b: life });
    const times: number[] = [];
    let rekeys = 0;
    for (let t = 0; t < 1_000; t++) {
      both.network.run(1_000, traffic.flow);
      const now = both.a.ike.status()[0].children.reduce((most, one) => Math.max(most, one.rekeys), 0);
      if (now > rekeys) times.push(both.network.now);
      rekeys = now;
    }
    expect(rekeys).toBeGreaterThanOrEqual(10);
    const waits = times.slice(1).map((time, i) => time - times[i]);
    expect(Math.min(...waits)).toBeGreaterThan(65_000);
    expect(Math.max(...waits)).toBeLessThan(102_000);
    expect(new Set(waits).size).toBeGreaterThan(3);
    expect(traffic.lost).toEqual([]);
  });

  it("with a fresh key exchange, and the group that the responder wants", () => {
    const { both, traffic } = start({
      a: { children: [child("net", { espProposals: ["aes256gcm16-ecp384", "chacha20poly1305-x25519"] })] },
      b: { children: [child("net", { espProposals: ["chacha20poly1305-x25519"] })] },
    });
    rekeyChild(both.a, "b");
    settle(both, traffic);
    expect(both.b.ike.counters()["invalid-ke"]).toBe(1);
    expect(both.a.ike.status()[0].children[0].cipher).toBe("chacha20poly1305");
  });

  it.each(["a", "b"] as const)("refused by the other side leaves the old one in use, begun by %s", (side) => {
    const { both, traffic } = start();
    const other = side === "a" ? both.b : both.a;
    other.slots = 1;
    rekeyChild(both[side], side === "a" ? "b" : "a");
    both.network.run(5_000, traffic.flow);
    expect(traffic.lost).toEqual([]);
    expect(both[side].codes()).toContain("child-rekey-failed");
    expect(both[side].ike.counters()["no-additional-sas"]).toBe(1);
    other.slots = 8;
    both.network.run(120_000, traffic.flow);
    expect(both[side].ike.status()[0].children[0].rekeys).toBe(1);
    expect(traffic.lost).toEqual([]);
  });

  it("of one that the peer no longer has makes a new one", () => {
    const { both } = start();
    const { a, b, network } = both;
    // b deletes it; its DELETE does not come through, and b gives the SA up by another way: it forgets it.
    const spi = a.ike.status()[0].children[0].spiOut;
    b.do((ike, now) => ike.replace({ ...both.configB, children: [] }, now));
    network.run(30);
    expect(b.ike.status()[0].children).toEqual([]);
    expect(a.ike.status()[0].children).toEqual([]);
    b.do((ike, now) => ike.replace(both.configB, now));
    network.run(60_000);
    expect(talks(both)).toBe(true);
    expect(a.ike.status()[0].children[0].spiOut).not.toBe(spi);
  });
});

describe("crossed rekeying (RFC 7296 §2.8.1, §2.25)", () => {
  it.each(SEEDS)("child and child at once, seed %i", (seed) => {
    const { both, traffic } = start({ seed });
    rekeyChild(both.a, "b");
    rekeyChild(both.b, "a");
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
    const { a, b, network } = both;
    network.delay = (d) =>
      exchange(d) === CREATE && !isResponse(d) && d.local.address === a.address ? 5_000 : undefined;
    rekeyChild(a, "b");
    rekeyChild(b, "a");
    settle(both, traffic);
    expect(a.ike.status()[0].children[0].rekeys).toBe(1);
    expect(b.ike.counters()["temporary-failure"] + b.ike.counters()["child-sa-not-found"]).toBeGreaterThan(0);
  });

  it.each(SEEDS)("IKE and IKE at once, seed %i", (seed) => {
    const { both, traffic } = start({ seed });
    rekeyIke(both.a, "b");
    rekeyIke(both.b, "a");
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
    const { a, b, network } = both;
    network.delay = (d) =>
      exchange(d) === CREATE && !isResponse(d) && d.local.address === a.address ? 5_000 : undefined;
    rekeyIke(a, "b");
    rekeyIke(b, "a");
    settle(both, traffic);
    expect(a.ike.status()[0].ike!.rekeys).toBeGreaterThanOrEqual(1);
  });

  it("IKE and IKE, one answer lost until the other side has deleted the old IKE SA", () => {
    const { both, traffic } = start();
    const { a, b, network } = both;
    network.delay = (d) =>
      exchange(d) === CREATE && isResponse(d) && d.local.address === b.address ? 3_000 : undefined;
    rekeyIke(a, "b");
    rekeyIke(b, "a");
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

describe("200 rekeys from both sides, crossing", () => {
  it.each([
    ["calm", 11, { loss: 0, duplication: 0, delay: [5, 5] as const }],
    ["uneven", 12, { loss: 0, duplication: 0.1, delay: [1, 120] as const }],
    ["stormy", 13, { loss: 0.15, duplication: 0.1, delay: [1, 250] as const }],
  ])("%s: each side can always open what the other sends", (_name, seed, weather) => {
    const names = ["one", "two"];
    const children = (here: number, there: number) =>
      names.map((name, i) =>
        child(name, {
          local: [net(`10.${here}.${i}.0/24`)],
          remote: [net(`10.${there}.${i}.0/24`)],
          espProposals: ["chacha20poly1305-x25519", "aes128gcm16"],
        }),
      );
    const both = established({ seed, a: { children: children(1, 2) }, b: { children: children(2, 1) } });
    const { a, b, network } = both;
    const traffic = new Traffic(both, 3_000, names);
    const { dice } = network;
    network.weather = weather;
    for (let i = 0; i < 200; i++) {
      const sides = dice.below(3) === 0 ? [a, b] : [dice.below(2) === 0 ? a : b];
      const ikeToo = dice.below(4);
      for (const side of sides) {
        const peer = side === a ? "b" : "a";
        if (ikeToo === 0 || (ikeToo === 1 && side === a)) rekeyIke(side, peer);
        else side.do((ike, now) => ike.rekeyChild(peer, names[dice.below(2)], now));
        traffic.flow();
        if (dice.below(2) === 0) network.run(dice.below(200), traffic.flow);
      }
      network.run(dice.below(3_000), traffic.flow);
    }
    network.weather = { loss: 0, duplication: 0, delay: [5, 5] };
    network.run(200_000, traffic.flow);
    expect(traffic.lost).toEqual([]);
    for (const host of [a, b]) {
      const [status] = host.ike.status();
      expect(host.ike.sizes().sas).toBe(1);
      expect(status.children).toHaveLength(2);
      expect(host.datapath.installed.size).toBe(2);
      expect(host.spis.size).toBe(2);
      expect(status.ike!.rekeys).toBeGreaterThan(20);
      expect(Math.min(...status.children.map(({ rekeys }) => rekeys))).toBeGreaterThan(20);
    }
    // Every key that an effect carried has been wiped.
    for (const host of [a, b]) expect(host.datapath.keys.every((key) => key.every((byte) => byte === 0))).toBe(true);
  });
});
