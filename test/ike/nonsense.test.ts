/** Bytes that mean nothing, of strangers and of a peer: nothing throws, nothing grows, nothing secret stays. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SkSealer } from "../../src/ike/suite/index.ts";
import { large } from "./large.ts";
import type { Host } from "./network.ts";
import { established, sites, talks } from "./peers.ts";
import { at, recorded } from "./stranger.ts";

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
