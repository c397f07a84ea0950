import { describe, expect, it } from "vitest";
import { CALM, v4 } from "./network.ts";
import { child, established, fqdn, net, saysNothingSecret, secret, sites, talks } from "./peers.ts";

describe("what does not fit together", () => {
  it("begins again with the group that the responder wants", () => {
    const both = established({
      a: { ikeProposals: ["aes256gcm16-sha384-ecp384", "chacha20poly1305-sha256-x25519"] },
      b: { ikeProposals: ["chacha20poly1305-sha256-x25519"] },
    });
    expect(talks(both)).toBe(true);
    expect(both.b.ike.counters()["invalid-ke"]).toBe(1);
    expect(both.a.ike.counters()["invalid-ke"]).toBe(1);
    // The next attempt knows better.
    both.a.do((ike, now) => ike.terminate("b", now));
    both.network.run(1_000);
    both.a.do((ike, now) => ike.initiate("b", now));
    both.network.run(1_000);
    expect(talks(both)).toBe(true);
    expect(both.b.ike.counters()["invalid-ke"]).toBe(1);
  });

  it("says so when there is no common IKE proposal, and tries again ever more patiently", () => {
    const both = established({
      a: { ikeProposals: ["aes128gcm16-sha256-ecp256"] },
      b: { ikeProposals: ["chacha20poly1305-sha512-x25519"] },
    });
    const { a, b, network } = both;
    expect(b.ike.counters()["no-proposal"]).toBeGreaterThanOrEqual(1);
    expect(a.ike.status()[0].lastError).toContain("aes128gcm16-sha256-ecp256");
    expect(b.events.find(({ code }) => code === "no-proposal")!.message).toContain("chacha20poly1305-sha512-x25519");
    expect(b.ike.sizes().sas).toBe(0);
    network.run(600_000);
    const tries = a.ike.counters()["no-proposal"];
    expect(tries).toBeGreaterThan(10);
    expect(tries).toBeLessThan(40);
  });

  it("refuses a wrong pre-shared key on both sides and names no secret", () => {
    const words = ["hunter2", "correct horse"];
    const { a, b, network } = established({ a: { auth: secret("hunter2") } });
    expect(b.ike.counters()["authentication-failed"]).toBeGreaterThanOrEqual(1);
    expect(a.ike.counters()["authentication-failed"]).toBeGreaterThanOrEqual(1);
    expect(a.ike.status()[0].lastError).toContain("a.vcpe.test");
    expect(b.ike.status()[0].lastError).toContain("a.vcpe.test");
    expect(a.codes()).toContain("authentication-failed");
    expect(b.codes()).toContain("authentication-failed");
    expect(saysNothingSecret(a, words) && saysNothingSecret(b, words)).toBe(true);
    a.do((ike, now) => ike.terminate("b", now));
    network.run(60_000);
    expect(b.ike.sizes().sas).toBe(0);
    expect(a.ike.sizes().sas).toBe(0);
    expect(a.datapath.installed.size + b.datapath.installed.size).toBe(0);
    expect(a.spis.size + b.spis.size).toBe(0);
  });

  it("refuses a responder that is someone else", () => {
    const { a, b, network } = established({ a: { remoteId: fqdn("c.vcpe.test") } });
    expect(b.ike.counters()["unknown-peer"]).toBeGreaterThanOrEqual(1);
    expect(a.ike.status()[0].state).not.toBe("up");
    network.run(1_000);
    expect(b.datapath.installed.size).toBe(0);
  });

  it("tells a responder that is not believed", () => {
    const both = sites();
    const { a, b, network, configA } = both;
    // b ignores whom the request asks for, as far as a can see: a expects someone else when the answer comes.
    network.watch = ({ bytes }) => {
      if (bytes[18] === 35) Object.assign(configA, { remoteId: fqdn("c.vcpe.test") });
      return true;
    };
    both.start();
    network.run(500);
    expect(a.codes()).toContain("authentication-failed");
    expect(a.ike.status()[0].lastError).toContain("calls itself b.vcpe.test instead of c.vcpe.test");
    expect(b.codes()).toContain("authentication-failed");
    expect(b.ike.sizes().sas).toBe(0);
    expect(b.datapath.sending.size).toBe(0);
  });

  it("refuses an initiator that nobody configured", () => {
    const { a, b } = established({ a: { localId: fqdn("stranger.vcpe.test") } });
    expect(b.ike.counters()["unknown-peer"]).toBeGreaterThanOrEqual(1);
    expect(b.events.find(({ code }) => code === "unknown-peer")!.message).toContain("stranger.vcpe.test");
    expect(a.ike.status()[0].state).not.toBe("up");
  });

  it("refuses addresses that no peer may come from", () => {
    const { a, b } = established({ b: { from: [v4("192.0.2.77")] } });
    expect(b.ike.counters()["unknown-peer"]).toBeGreaterThanOrEqual(1);
    expect(b.ike.sizes().sas).toBe(0);
    expect(a.ike.status()[0].state).not.toBe("up");
  });

  it("keeps the IKE SA when the selectors do not overlap, and asks again later", () => {
    const both = established({
      a: { children: [child("net", { local: [net("10.1.0.0/16")], remote: [net("10.9.0.0/16")] })] },
      b: { children: [child("net", { local: [net("10.2.0.0/16")], remote: [net("10.1.0.0/16")] })] },
    });
    const { a, b, network } = both;
    expect(a.ike.status()[0].state).toBe("up");
    expect(b.ike.status()[0].state).toBe("up");
    expect(a.ike.status()[0].children).toEqual([]);
    expect(a.ike.counters()["ts-unacceptable"]).toBe(1);
    expect(b.ike.counters()["ts-unacceptable"]).toBe(1);
    expect(b.events.find(({ code }) => code === "ts-unacceptable")!.message).toContain("10.9.0.0");
    network.run(60_000);
    expect(a.ike.counters()["ts-unacceptable"]).toBeGreaterThan(1);
    expect(a.spis.size + b.spis.size).toBe(0);
  });

  it("keeps the IKE SA when the ESP proposals differ", () => {
    const { a, b } = established({
      a: { children: [child("net", { espProposals: ["aes128gcm16"] })] },
      b: { children: [child("net", { espProposals: ["aes256gcm16"] })] },
    });
    expect(a.ike.status()[0].state).toBe("up");
    expect(a.ike.status()[0].children).toEqual([]);
    expect(b.ike.counters()["no-proposal"]).toBe(1);
    expect(a.ike.status()[0].lastError).toContain("ESP proposals");
  });

  it("says when no SA slot is free, on either side", () => {
    for (const side of ["a", "b"] as const) {
      const both = sites();
      both[side].slots = 0;
      both.start();
      both.network.run(3_000);
      expect(both.a.ike.status()[0].state).toBe("up");
      expect(both[side].ike.counters()["no-additional-sas"]).toBeGreaterThanOrEqual(1);
      both[side].slots = 4;
      both.network.run(120_000);
      expect(talks(both)).toBe(true);
    }
  });
});

describe("a peer that cannot be reached", () => {
  it("is asked again with growing waits, and found when it comes", () => {
    const both = sites();
    const { a, b, network, configA, configB } = both;
    const times: number[] = [];
    network.watch = () => {
      times.push(network.now);
      return true;
    };
    network.weather = { ...CALM, loss: 1 };
    a.do((ike, now) => ike.add(configA, now));
    network.run(300_000);
    const waits = times.slice(1, 6).map((time, i) => time - times[i]);
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
    expect(a.codes()).toContain("unreachable");
    expect(a.ike.status()[0].lastError).toContain("198.51.100.1:500");
    network.weather = CALM;
    b.do((ike, now) => ike.add(configB, now));
    network.run(80_000);
    expect(talks(both)).toBe(true);
    expect(a.ike.status()[0].lastError).toBeUndefined();
  });

  it("is noticed dead, and asked again", () => {
    const both = established();
    const { a, b, network } = both;
    network.weather = { ...CALM, loss: 1 };
    network.run(30_000 + 90_000);
    expect(a.ike.status()[0].state).not.toBe("up");
    expect(a.codes()).toContain("peer-dead");
    expect(b.ike.status()[0].state).toBe("down");
    expect(a.datapath.installed.size + b.datapath.installed.size).toBe(0);
    network.weather = CALM;
    network.run(90_000);
    expect(talks(both)).toBe(true);
  });

  it("is not asked while its packets come", () => {
    const { a, b, network } = established();
    network.run(5_000);
    const before = a.sent;
    for (let i = 0; i < 50; i++) {
      network.run(1_000);
      a.ike.alive("b", network.now);
      b.ike.alive("a", network.now);
    }
    expect(a.sent).toBe(before);
    network.run(31_000);
    expect(a.sent).toBeGreaterThan(before);
  });

  it("starts anew and its old SAs go", () => {
    const both = established();
    const { a, b, network, configA } = both;
    const old = [...b.datapath.installed.keys()];
    a.crash();
    a.do((ike, now) => ike.add(configA, now));
    network.run(2_000);
    expect(talks(both)).toBe(true);
    expect(b.codes()).toContain("initial-contact");
    expect(old.some((id) => b.datapath.installed.has(id))).toBe(false);
    expect(b.ike.sizes().sas).toBe(1);
  });
});
