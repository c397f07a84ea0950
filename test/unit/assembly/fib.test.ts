import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VRF_ROOT4, VRF_ROOT6, VRFS } from "../../../assembly/layout.ts";
import { FibFull } from "../../../src/datapath/fib.ts";
import type { Prefix } from "../../../src/datapath/plane.ts";
import { bytesOf, fibBed, parse, prefixOf } from "./fibbed.ts";
import { Oracle } from "./fiboracle.ts";

/** Addresses of few different bytes, so that prefixes nest, touch and part at every depth. */
const byte = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 0x7f, 0x80, 0xff) },
  fc.integer({ max: 255, min: 0 }),
);
const address4 = fc.array(byte, { minLength: 4, maxLength: 4 }).map((bytes) => Uint8Array.from(bytes));
const address6 = fc.array(byte, { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes));
const prefix4 = fc
  .tuple(address4, fc.oneof(fc.constantFrom(0, 8, 16, 24, 32), fc.integer({ min: 0, max: 32 })))
  .map(([address, length]) => prefixOf(address, length));
const prefix6 = fc
  .tuple(address6, fc.oneof(fc.constantFrom(0, 48, 56, 64, 128), fc.integer({ min: 0, max: 128 })))
  .map(([address, length]) => prefixOf(address, length));
const prefix = fc.oneof(prefix4, prefix6);

type Step =
  | { readonly kind: "set"; readonly vrf: number; readonly prefix: Prefix; readonly adjacency: number }
  | { readonly kind: "remove"; readonly vrf: number; readonly prefix: Prefix }
  | { readonly kind: "forget"; readonly index: number }
  | { readonly kind: "clear"; readonly vrf: number };

const vrf = fc.constantFrom(0, 1, 4095);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    // Few adjacencies: neighbours with the same next hop must not be taken for one route.
    arbitrary: fc.record({ kind: fc.constant("set" as const), vrf, prefix, adjacency: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), vrf, prefix }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("forget" as const), index: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear" as const), vrf }) },
);

/** First and last address of a prefix, and their neighbours outside: where a wrong range shows. */
function edges({ address, length }: Prefix): Uint8Array[] {
  const bits = BigInt(address.length * 8);
  let first = 0n;
  for (const part of address) first = (first << 8n) | BigInt(part);
  const last = first | ((1n << (bits - BigInt(length))) - 1n);
  const top = 1n << bits;
  return [first, last, (first - 1n + top) % top, (last + 1n) % top].map((value) => bytesOf(value, address.length));
}

describe("the FIB against the slow oracle", () => {
  it.each([
    ["", 4 << 20],
    [", in a region so small that it is full most of the time", 70 << 10],
  ])("answers like it after any order of insertion, replacement, withdrawal and clearing%s", (_, size) => {
    const bed = fibBed(size);
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 120, size: "max" }),
        fc.array(fc.oneof(address4, address6)),
        (steps, others) => {
          const oracle = new Oracle();
          const present = new Map<string, { vrf: number; prefix: Prefix }>();
          const keyOf = (vrf: number, { address, length }: Prefix) => `${vrf} ${address.join(".")}/${length}`;
          const probes: Uint8Array[] = [...others];
          for (const step of steps) {
            if (step.kind === "set") {
              try {
                bed.fib.set(step.vrf, step.prefix, step.adjacency);
              } catch (error) {
                if (!(error instanceof FibFull)) throw error;
                refused++;
                continue;
              }
              oracle.set(step.vrf, step.prefix, step.adjacency);
              present.set(keyOf(step.vrf, step.prefix), step);
              probes.push(...edges(step.prefix));
            } else if (step.kind === "remove") {
              expect(bed.fib.remove(step.vrf, step.prefix)).toBe(oracle.remove(step.vrf, step.prefix));
              present.delete(keyOf(step.vrf, step.prefix));
            } else if (step.kind === "forget") {
              const keys = [...present.keys()];
              if (keys.length === 0) continue;
              const { vrf, prefix } = present.get(keys[step.index % keys.length])!;
              expect(bed.fib.remove(vrf, prefix)).toBe(true);
              expect(oracle.remove(vrf, prefix)).toBe(true);
              present.delete(keyOf(vrf, prefix));
            } else {
              bed.fib.clear(step.vrf);
              oracle.clear(step.vrf);
              for (const [key, { vrf }] of present) if (vrf === step.vrf) present.delete(key);
            }
          }
          for (const probe of probes) {
            for (const vrf of [0, 1, 4095]) {
              const found = bed.fib.lookup(vrf, probe);
              const wanted = oracle.lookup(vrf, probe);
              if (found !== wanted) expect(`${vrf} ${probe.join(".")} → ${found}`).toBe(`${wanted}`);
            }
          }
          const stats = bed.fib.stats();
          expect(stats.routes4 + stats.routes6).toBe(present.size);
          for (const { vrf, prefix } of present.values()) expect(bed.fib.remove(vrf, prefix)).toBe(true);
          expect(bed.fib.reclaim()).toBe(0);
          expect(bed.fib.stats()).toMatchObject({ nodes: 0, waiting: 0, routes4: 0, routes6: 0 });
        },
      ),
      { numRuns: 1500, interruptAfterTimeLimit: 4_000 },
    );
    expect(refused > 0).toBe(size < 1 << 20);
  });

  it("keeps neighbours apart that share length and next hop", () => {
    const { fib } = fibBed(1 << 20);
    for (const half of ["10.0.0.0/9", "10.128.0.0/9", "10.0.0.0/8"]) fib.set(0, parse(half), 7);
    fib.remove(0, parse("10.128.0.0/9"));
    fib.set(0, parse("10.0.0.0/8"), 8);
    expect(fib.lookup(0, parse("10.1.1.1").address)).toBe(7);
    expect(fib.lookup(0, parse("10.200.1.1").address)).toBe(8);
  });

  it("brings back a route that longer ones hid completely", () => {
    const { fib } = fibBed(1 << 20);
    fib.set(0, parse("2001:db8::/32"), 1);
    fib.set(0, parse("2001:db8::/33"), 2);
    fib.set(0, parse("2001:db8:8000::/33"), 3);
    expect(fib.remove(0, parse("2001:db8:8000::/33"))).toBe(true);
    expect(fib.lookup(0, parse("2001:db8:9000::1").address)).toBe(1);
    expect(fib.remove(0, parse("2001:db8::/32"))).toBe(true);
    expect(fib.lookup(0, parse("2001:db8:9000::1").address)).toBe(0);
    expect(fib.lookup(0, parse("2001:db8::1").address)).toBe(2);
  });

  it("needs no node for a default route, and nothing for an empty VRF", () => {
    const { fib } = fibBed(1 << 20);
    const empty = fib.stats().bytes;
    fib.set(3, parse("0.0.0.0/0"), 5);
    fib.set(3, parse("::/0"), 6);
    expect(fib.stats().nodes).toBe(0);
    expect(fib.lookup(3, parse("203.0.113.9").address)).toBe(5);
    expect(fib.lookup(3, parse("2001:db8::9").address)).toBe(6);
    expect(fib.lookup(2, parse("203.0.113.9").address)).toBe(0);
    fib.clear(3);
    expect(fib.stats().bytes).toBe(empty);
  });
});

describe("a table that grows large and small again", () => {
  it("changes the shape of its root and answers the same", () => {
    const bed = fibBed(48 << 20);
    const oracle = new Oracle();
    const list: Prefix[] = [];
    // 20,000 prefixes of each family from a fixed sequence (Weyl), dense enough for nodes of every size.
    for (let i = 0; i < 20_000; i++) {
      const x = Math.imul(i, 0x9e3779b1) >>> 0;
      const four = Uint8Array.of(10 + (x >>> 29), x >>> 21, x >>> 13, x >>> 5);
      list.push(prefixOf(four, 18 + (i % 15)));
      const six = Uint8Array.of(0x20, x >>> 30, x >>> 24, x >>> 16, x >>> 8, x, i >> 8, i, 0, 0, 0, 0, 0, 0, 0, i);
      list.push(prefixOf(six, 28 + (i % 101)));
    }
    const check = () => {
      for (let i = 0; i < list.length; i += 7) {
        const { address } = list[i];
        const found = bed.fib.lookup(0, address);
        if (found !== oracle.lookup(0, address))
          expect(`${address.join(".")} → ${found}`).toBe(oracle.lookup(0, address));
      }
    };
    list.forEach((prefix, i) => {
      bed.fib.set(0, prefix, 1 + (i % 50));
      oracle.set(0, prefix, 1 + (i % 50));
    });
    check();
    /** Bits of the node at the root, as assembly/fib draws the word. */
    const rootBits = () => [VRF_ROOT4, VRF_ROOT6].map((root) => (bed.words[(VRFS + root) / 4] >> 1) & 31);
    expect(rootBits()).toEqual([16, 16]);
    const full = bed.fib.stats();
    list.forEach((prefix, i) => {
      if (i % 37 === 0) return;
      expect(bed.fib.remove(0, prefix)).toBe(oracle.remove(0, prefix));
    });
    check();
    bed.fib.reclaim();
    // A few routes are left, and hardly more nodes for them than if there had never been others.
    expect(rootBits()).not.toContain(16);
    const fresh = fibBed(48 << 20);
    list.forEach((prefix, i) => void (oracle.has(0, prefix) && fresh.fib.set(0, prefix, 1 + (i % 50))));
    expect(fresh.fib.stats().routes6).toBe(bed.fib.stats().routes6);
    expect(bed.fib.stats().nodes).toBeLessThan(1.5 * fresh.fib.stats().nodes);
    expect(bed.fib.stats().bytes).toBeLessThan(full.bytes / 3);
    for (const prefix of list) expect(bed.fib.remove(0, prefix)).toBe(oracle.remove(0, prefix));
    expect(bed.fib.reclaim()).toBe(0);
    expect(bed.fib.stats()).toMatchObject({ nodes: 0, bytes: fibBed(1 << 20).fib.stats().bytes });
  });
});
