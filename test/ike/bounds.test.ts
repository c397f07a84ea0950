/** What strangers and faults may cost: nothing throws, nothing grows, nothing secret stays. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Datagram } from "../../src/ike/effect.ts";
import { DEFAULT_OPTIONS } from "../../src/ike/environment.ts";
import { SkSealer } from "../../src/ike/suite/index.ts";
import { large } from "./large.ts";
import { type Host, v4 } from "./network.ts";
import { child, established, fqdn, type Sites, sites, talks } from "./peers.ts";

const STRANGER = v4("203.0.113.5");

function at(host: Host, bytes: Uint8Array, remote = { address: STRANGER, port: 500 }): Datagram {
  return { local: { address: host.address, port: 500 }, remote, bytes };
}

/** Every datagram of an establishment and of a few exchanges. */
function recorded(): { readonly both: Sites; readonly datagrams: Datagram[] } {
  const both = sites();
  const datagrams: Datagram[] = [];
  both.network.watch = (datagram) => {
    datagrams.push({ ...datagram, bytes: datagram.bytes.slice() });
    return true;
  };
  both.start();
  both.network.run(3_000);
  both.a.do((ike, now) => ike.rekeyChild("b", undefined, now));
  both.network.run(100);
  both.b.do((ike, now) => ike.rekeyIke("a", now));
  both.network.run(15_000);
  return { both, datagrams };
}

/** An IKE_SA_INIT request as an honest initiator sends it. */
function firstRequest(): Uint8Array {
  return recorded().datagrams[0].bytes.slice();
}

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

describe("hostile bytes", () => {
  it("never throw and never grow anything: random ones", () => {
    const { a, b } = established();
    const before = b.ike.sizes();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, likely) => {
        if (likely && bytes.length >= 28) {
          bytes[17] = 0x20;
          new DataView(bytes.buffer, bytes.byteOffset).setUint32(24, bytes.length);
          bytes[18] = 34 + (bytes[18] & 3);
        }
        b.do((ike, now) => ike.handle(at(b, bytes), now));
        a.do((ike, now) => ike.handle(at(a, bytes), now));
      }),
      { interruptAfterTimeLimit: 3_000, numRuns: 20_000 },
    );
    const { told, ...after } = b.ike.sizes();
    expect({ ...after, told: 0 }).toEqual(before);
    // All of them came from one address.
    expect(told).toBeLessThanOrEqual(1);
  });

  it("never throw and never grow anything: changed copies of real messages, at every stage", () => {
    const { datagrams } = recorded();
    fc.assert(
      fc.property(
        fc.nat(datagrams.length - 1),
        fc.nat(12),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (which, stage, changes, cut) => {
          // The same dice make the same SPIs and keys, so that the recorded messages mean something.
          const both = sites();
          let seen = 0;
          both.network.watch = (datagram) => {
            if (seen++ === stage) {
              const victim = datagrams[which];
              let bytes = victim.bytes.slice();
              for (const [offset, value] of changes) bytes[offset % bytes.length] = value;
              if (cut) {
                bytes = bytes.slice(0, changes[0][0] % bytes.length);
                if (bytes.length >= 28) new DataView(bytes.buffer).setUint32(24, bytes.length);
              }
              const host = victim.remote.address[0] === both.a.address[0] ? both.a : both.b;
              host.do((ike, now) => ike.handle({ local: victim.remote, remote: victim.local, bytes }, now));
            }
            return datagram.bytes.length > 0;
          };
          both.start();
          both.network.run(3_000);
          both.a.do((ike, now) => ike.rekeyChild("b", undefined, now));
          // Who can inject a first message can spoil one attempt; the next one must succeed.
          both.network.run(200_000);
          expect(talks(both)).toBe(true);
          for (const host of [both.a, both.b]) {
            expect(host.ike.sizes().sas).toBeLessThanOrEqual(2);
            expect(host.datapath.installed.size).toBe(1);
            expect(host.spis.size).toBe(1);
          }
        },
      ),
      { interruptAfterTimeLimit: 4_000, numRuns: 3_000 },
    );
  });
});

describe("a peer that has the keys and writes nonsense", () => {
  it("makes nothing throw, nothing grow, and no key stay", () => {
    const honest = SkSealer.prototype.seal;
    const content = fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { minLength: 1, maxLength: 3 });
    let down = 0;
    fc.assert(
      fc.property(
        fc.nat(11),
        content,
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (which, changes, cut, ofA, inFragments) => {
          const both = sites(inFragments ? { a: large(1, 2), b: large(2, 1) } : {});
          const { a, b, network } = both;
          let seals = 0;
          const liar = ofA ? a : b;
          let speaking: Host | undefined;
          for (const host of [a, b]) {
            const real = host.do.bind(host);
            host.do = (run) => {
              const before = speaking;
              speaking = host;
              try {
                return real(run);
              } finally {
                speaking = before;
              }
            };
          }
          SkSealer.prototype.seal = function (associated, plain) {
            if (speaking !== liar || seals++ !== which) return honest.call(this, associated, plain);
            let lie = plain.slice();
            for (const [offset, value] of changes) lie[offset % lie.length] = value;
            if (cut) lie = lie.slice(0, (changes[0][0] % lie.length) + 1);
            return honest.call(this, associated, lie);
          };
          try {
            both.start();
            network.run(3_000);
            liar.do((ike, now) => ike.rekeyChild(ofA ? "b" : "a", undefined, now));
            network.run(100);
            liar.do((ike, now) => ike.rekeyIke(ofA ? "b" : "a", now));
            network.run(100);
            liar.do((ike, now) => ike.rekeyChild(ofA ? "b" : "a", undefined, now));
            network.run(300_000);
          } finally {
            SkSealer.prototype.seal = honest;
          }
          for (const host of [a, b]) {
            expect(host.ike.sizes().sas).toBeLessThanOrEqual(3);
            expect(host.datapath.installed.size).toBeLessThanOrEqual(3);
            expect(host.spis.size).toBe(host.datapath.installed.size);
            expect(host.datapath.keys.every((key) => key.every((byte) => byte === 0))).toBe(true);
          }
          expect(a.ike.status()[0].state).not.toBe("down");
          down += a.ike.counters()["invalid-syntax"] + b.ike.counters()["invalid-syntax"];
        },
      ),
      { interruptAfterTimeLimit: 3_000, numRuns: 2_000 },
    );
    expect(down).toBeGreaterThan(0);
  });
});

describe("secrets", () => {
  it("wipes the keys of an effect when the next call begins, and asks to be called", () => {
    const both = sites();
    const { a, network } = both;
    both.start();
    network.run(19);
    expect(a.datapath.keys).toEqual([]);
    let keys: Uint8Array[] = [];
    network.run(5, () => {
      if (a.datapath.keys.length > 0 && keys.length === 0) {
        keys = [...a.datapath.keys];
        expect(keys.every((key) => key.some((byte) => byte !== 0))).toBe(true);
        expect(a.ike.next()).toBeLessThanOrEqual(network.now);
      }
    });
    expect(keys).toHaveLength(4);
    expect(keys.every((key) => key.every((byte) => byte === 0))).toBe(true);
  });

  it("leaves the operator's secret as it is", () => {
    const both = established();
    both.a.do((ike, now) => ike.remove("b", now));
    both.network.run(1_000);
    const { auth } = both.configA;
    expect(auth.kind === "psk" && auth.secret.some((byte) => byte !== 0)).toBe(true);
  });
});

describe("the operator's hand", () => {
  it("removes a peer: it is told, and nothing stays", () => {
    const { a, b, network } = established();
    const effects = a.do((ike, now) => ike.remove("b", now));
    expect(effects.map(({ kind }) => kind)).toContain("remove");
    expect(a.ike.status()).toEqual([]);
    expect(a.datapath.installed.size).toBe(0);
    network.run(60_000);
    expect(a.ike.sizes()).toMatchObject({ sas: 0, alarms: 0 });
    expect(b.ike.status()[0].state).toBe("down");
    expect(b.datapath.installed.size).toBe(0);
    expect(a.spis.size + b.spis.size).toBe(0);
  });

  it.each(Array.from({ length: 30 }, (_, i) => i))(
    "ends everything in order whenever it is asked to, moment %i",
    (moment) => {
      const both = sites({ seed: moment + 1 });
      const { a, b, network } = both;
      network.weather = { loss: 0, duplication: 0.1, delay: [1, 20] };
      both.start();
      network.run(moment < 15 ? moment * 4 : 3_000);
      if (moment >= 15) {
        if (moment % 3 !== 0) a.do((ike, now) => ike.rekeyIke("b", now));
        if (moment % 3 !== 1) b.do((ike, now) => ike.rekeyChild("a", undefined, now));
        if (moment % 2 === 0) b.do((ike, now) => ike.rekeyIke("a", now));
        network.run((moment - 15) * 4);
      }
      a.do((ike, now) => (moment % 2 === 0 ? ike.terminate("b", now) : ike.remove("b", now)));
      expect(a.datapath.installed.size).toBe(0);
      network.run(200_000);
      for (const host of [a, b]) {
        expect(host.ike.sizes()).toMatchObject({ sas: 0, alarms: 0 });
        expect(host.datapath.installed.size).toBe(0);
        expect(host.spis.size).toBe(0);
      }
    },
  );

  it("terminates a peer until it is wanted again", () => {
    const both = established();
    const { a, network } = both;
    a.do((ike, now) => ike.terminate("b", now));
    network.run(120_000);
    expect(a.ike.status()[0].state).toBe("down");
    a.do((ike, now) => ike.initiate("b", now));
    network.run(1_000);
    expect(talks(both)).toBe(true);
  });

  it("brings up a peer that only waits when a packet wants it, and does not insist", () => {
    const both = sites({ a: { initiate: false } });
    const { a, network } = both;
    both.start();
    network.run(1_000);
    expect(a.sent).toBe(0);
    for (let i = 0; i < 100; i++) a.do((ike, now) => ike.initiate("b", now));
    network.run(1_000);
    expect(talks(both)).toBe(true);
    a.do((ike, now) => ike.terminate("b", now));
    network.run(120_000);
    expect(a.ike.status()[0].state).toBe("down");
  });

  it("changes lifetimes, DPD and names of a running peer without touching its SAs", () => {
    const both = established();
    const { a, network, configA } = both;
    const [before] = a.ike.status();
    const kinds: string[] = [];
    const lifetime = { ms: 60_000, jitter: 0 };
    const changed = { ...configA, dpd: 5_000, children: [child("net", { lifetime })] };
    for (const effect of a.do((ike, now) => ike.replace(changed, now))) kinds.push(effect.kind);
    expect(kinds).toEqual([]);
    const [after] = a.ike.status();
    expect(after.ike).toEqual(before.ike);
    expect(after.children).toEqual(before.children);
    network.run(62_000);
    expect(a.ike.status()[0].children[0].rekeys).toBe(1);
    expect(talks(both)).toBe(true);
  });

  it("makes a changed child anew under the same IKE SA", () => {
    const both = established();
    const { a, b, network, configA, configB } = both;
    const [before] = a.ike.status();
    const children = [child("net", { espProposals: ["aes128gcm16"] })];
    b.do((ike, now) => ike.replace({ ...configB, children }, now));
    a.do((ike, now) => ike.replace({ ...configA, children }, now));
    network.run(30_000);
    const [after] = a.ike.status();
    expect(after.ike!.spiLocal).toBe(before.ike!.spiLocal);
    expect(after.children).toHaveLength(1);
    expect(after.children[0].cipher).toBe("aes128gcm16");
    expect(talks(both)).toBe(true);
  });

  it("begins anew when an identity or the secret changes", () => {
    const both = established();
    const { a, b, network, configA, configB } = both;
    const [before] = a.ike.status();
    b.do((ike, now) => ike.replace({ ...configB, remoteId: fqdn("a2.vcpe.test") }, now));
    a.do((ike, now) => ike.replace({ ...configA, localId: fqdn("a2.vcpe.test") }, now));
    network.run(20_000);
    expect(a.ike.status()[0].ike!.spiLocal).not.toBe(before.ike!.spiLocal);
    expect(talks(both)).toBe(true);
    expect(a.ike.sizes().sas).toBe(1);
  });

  it("ends what could not be rekeyed, and makes it anew", () => {
    const life = { ikeLifetime: { ms: 100_000, jitter: 0 } };
    const both = established({ a: life });
    const { a, network } = both;
    // Rekeying of the IKE SA never gets through.
    network.watch = ({ bytes }) => bytes[18] !== 36;
    network.run(400_000);
    network.watch = undefined;
    network.run(100_000);
    expect(talks(both)).toBe(true);
    expect(a.codes()).toContain("ike-expired");
    expect(a.codes().filter((code) => code === "ike-up").length).toBeGreaterThan(1);
  });
});
