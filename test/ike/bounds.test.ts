/** What strangers and faults may cost: nothing grows, and what is there stays. */
import { describe, expect, it } from "vitest";
import type { Datagram } from "../../src/ike/effect.ts";
import { DEFAULT_OPTIONS } from "../../src/ike/environment.ts";
import { child, established, sites, talks } from "./peers.ts";
import { at, firstRequest } from "./stranger.ts";

describe("half-open IKE SAs", () => {
  it("asks for a COOKIE when there are many, and the initiator brings it", () => {
    const both = sites({ b: { from: undefined } });
    const { b, network, configB } = both;
    b.do((ike, now) => ike.add(configB, now));
    const template = firstRequest();
    for (let i = 0; i < 500; i++) {
      const bytes = template.slice();
      new DataView(bytes.buffer).setUint32(0, i + 1);
      const remote = { address: Uint8Array.of(203, 0, 113, i & 255), port: 500 + (i >> 8) };
      b.do((ike, now) => ike.handle(at(b, bytes, remote), now));
    }
    const { halfOpen, cookieFrom } = {
      halfOpen: b.ike.sizes().halfOpen,
      cookieFrom: DEFAULT_OPTIONS.halfOpen.cookieFrom,
    };
    expect(halfOpen).toBe(cookieFrom);
    expect(b.ike.counters()["cookie-sent"]).toBe(500 - cookieFrom);
    both.a.do((ike, now) => ike.add(both.configA, now));
    network.run(3_000);
    expect(talks(both)).toBe(true);
    network.run(40_000);
    expect(b.ike.sizes()).toMatchObject({ halfOpen: 0, sas: 1 });
  });

  it("takes no cookie but its own, for the same address and SPI, and not for long", () => {
    const both = sites();
    const { a, b, network, configA, configB } = both;
    b.do((ike, now) => ike.add(configB, now));
    const flood = (first: number) => {
      const template = firstRequest();
      for (let i = 0; i < 64; i++) {
        const bytes = template.slice();
        new DataView(bytes.buffer).setUint32(0, first + i);
        b.do((ike, now) => ike.handle(at(b, bytes, { address: Uint8Array.of(203, 0, 113, i), port: 500 }), now));
      }
    };
    flood(1);
    let shown: Datagram | undefined;
    network.watch = (datagram) => {
      if (datagram.bytes[18] === 34 && datagram.local.address === a.address && datagram.bytes[16] === 41)
        shown = datagram;
      return shown === undefined;
    };
    a.do((ike, now) => ike.add(configA, now));
    network.run(400);
    expect(shown).toBeDefined();
    const { bytes } = shown!;
    const mine = { address: a.address, port: 500 };
    const invalid = () => b.ike.counters()["cookie-invalid"];
    const changed = bytes.slice();
    changed[28 + 8 + 5] ^= 1;
    b.do((ike, now) => ike.handle(at(b, changed, mine), now));
    expect(invalid()).toBe(1);
    b.do((ike, now) => ike.handle(at(b, bytes), now));
    expect(invalid()).toBe(2);
    network.run(200_000);
    flood(1_000);
    b.do((ike, now) => ike.handle(at(b, bytes, mine), now));
    expect(invalid()).toBe(3);
  });

  it("keeps within its limits, per address and at all", () => {
    const halfOpen = { limit: 20, perAddress: 8, cookieFrom: 1_000, lifetime: 30_000 };
    const both = sites({ optionsB: { halfOpen } });
    const { b, network, configB } = both;
    b.do((ike, now) => ike.add(configB, now));
    const template = firstRequest();
    for (let i = 0; i < 400; i++) {
      const bytes = template.slice();
      new DataView(bytes.buffer).setUint32(0, i + 1);
      b.do((ike, now) => ike.handle(at(b, bytes), now));
    }
    // Of one address' room a quarter is there without a cookie.
    expect(b.ike.sizes().halfOpen).toBe(2);
    for (let i = 0; i < 400; i++) {
      const bytes = template.slice();
      new DataView(bytes.buffer).setUint32(0, i + 1);
      b.do((ike, now) => ike.handle(at(b, bytes, { address: Uint8Array.of(10, 0, i >> 8, i), port: 500 }), now));
    }
    expect(b.ike.sizes().halfOpen).toBe(20);
    expect(b.ike.counters()["half-open-limit"]).toBeGreaterThan(300);
    network.run(31_000);
    expect(b.ike.sizes()).toEqual({ sas: 0, halfOpen: 0, lingering: 0, alarms: 0, gathering: 0, told: 0 });
  });
});

describe("messages that belong to nothing", () => {
  it("answers unknown SPIs and other versions, but not endlessly", () => {
    const { b, network } = established();
    const bytes = new Uint8Array(28);
    bytes.fill(7, 0, 16);
    bytes.set([0, 0x20, 37, 0x08, 0, 0, 0, 1, 0, 0, 0, 28], 16);
    const before = b.sent;
    for (let i = 0; i < 1_000; i++) b.do((ike, now) => ike.handle(at(b, bytes), now));
    const { burst } = DEFAULT_OPTIONS.unprotected;
    expect(b.sent - before).toBe(burst);
    expect(b.ike.counters()["unknown-spi"]).toBe(1_000);
    expect(b.ike.counters()["rate-limited"]).toBe(1_000 - burst);
    // An answer must never be answered.
    network.run(60_000);
    const quiet = b.sent;
    const response = bytes.slice();
    response[19] |= 0x20;
    b.do((ike, now) => ike.handle(at(b, response), now));
    expect(b.sent).toBe(quiet);
    const version3 = bytes.slice();
    version3[17] = 0x30;
    const effects = b.do((ike, now) => ike.handle(at(b, version3), now));
    expect(effects.map(({ kind }) => kind)).toEqual(["send"]);
    const version1 = bytes.slice();
    version1[17] = 0x10;
    expect(b.do((ike, now) => ike.handle(at(b, version1), now))).toEqual([]);
    expect(b.ike.counters().version).toBe(2);
  });

  it("does not believe an unprotected error", () => {
    const both = established();
    const { a, b, network } = both;
    let spoofed = 0;
    network.watch = (datagram) => {
      const { bytes } = datagram;
      if (bytes[18] === 37 && !(bytes[19] & 0x20) && datagram.local.address === a.address) {
        const forged = new Uint8Array(36);
        forged.set(bytes.subarray(0, 28));
        forged[16] = 41;
        forged[19] = 0x20;
        forged.set([0, 0, 0, 36, 0, 0, 0, 8, 0, 0, 0, 4], 24);
        spoofed += 1;
        a.do((ike, now) => ike.handle({ local: datagram.local, remote: datagram.remote, bytes: forged }, now));
      }
      return true;
    };
    network.run(100_000);
    expect(spoofed).toBeGreaterThan(0);
    expect(a.ike.counters()["unprotected-error"]).toBe(spoofed);
    expect(talks(both)).toBe(true);
    expect(b.ike.sizes().sas).toBe(1);
  });
});

describe("a peer that makes ever more of everything", () => {
  it("gets no more IKE SAs than fit, and keeps what it has", () => {
    const both = established({ tokenless: ["a", "b"] });
    const { a, b, network } = both;
    // The old IKE SAs are never deleted.
    network.watch = ({ bytes }) => bytes[18] !== 37;
    for (let i = 0; i < 60; i++) {
      a.do((ike, now) => ike.rekeyIke("b", now));
      network.run(100);
      expect(b.ike.sizes().sas).toBeLessThanOrEqual(16);
    }
    expect(a.ike.status()[0].ike!.rekeys).toBeGreaterThanOrEqual(14);
    expect(b.ike.counters()["temporary-failure"]).toBeGreaterThan(0);
    expect(talks(both)).toBe(true);
    network.watch = undefined;
    network.run(200_000);
    expect(talks(both)).toBe(true);
    expect(b.ike.sizes().sas).toBe(1);
  });

  it("gets no more Child SAs than fit", () => {
    const many = Array.from({ length: 90 }, (_, i) => child(`c${i}`));
    const both = established({ a: { children: many } });
    const { a, b, network } = both;
    a.slots = 1_000;
    b.slots = 1_000;
    network.run(20_000);
    expect(b.datapath.installed.size).toBe(72);
    expect(b.ike.counters()["no-additional-sas"]).toBeGreaterThan(0);
  });
});
