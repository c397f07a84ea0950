import { describe, expect, it } from "vitest";
import { child, established, net, talks } from "./peers.ts";
import { CREATE, exchange, isResponse, rekeyChild, rekeyIke, settle, start } from "./rekeying.ts";
import { Traffic } from "./traffic.ts";

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
