/** What strangers and faults may do to fragments: nothing throws, little is kept, and the honest ones get through. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Datagram } from "../../src/ike/effect.ts";
import { DEFAULT_OPTIONS } from "../../src/ike/environment.ts";
import { AUTH, both, exchange, isFragment, isResponse, number, turned } from "./large.ts";
import { talks } from "./peers.ts";

describe("somebody on the way", () => {
  it("changes nothing with fragments that are not authentic", () => {
    const made = both();
    let forged = 0;
    made.network.watch = (datagram) => {
      if (exchange(datagram) !== AUTH) return true;
      // In front of each: the same with another total, another number, another bit of content, another type inside, a wrong length.
      const changes: ((bytes: Uint8Array) => Uint8Array)[] = [
        (bytes) => bytes.fill(bytes[35]! + 1, 35, 36),
        (bytes) => bytes.fill(number(datagram) === 1 ? 2 : 1, 33, 34),
        (bytes) => bytes.fill(bytes[60]! ^ 1, 60, 61),
        (bytes) => bytes.fill(bytes[28]! ^ 32, 28, 29),
        (bytes) => bytes.fill(bytes[27]! ^ 1, 27, 28),
      ];
      const host = isResponse(datagram) ? made.a : made.b;
      for (const change of changes) {
        const bytes = change(datagram.bytes.slice());
        forged += 1;
        host.do((ike, now) => ike.handle(turned({ ...datagram, bytes }), now));
      }
      return true;
    };
    made.start();
    made.network.run(3_000);
    expect(talks(made)).toBe(true);
    expect(forged).toBeGreaterThan(20);
    expect(made.b.ike.counters().integrity).toBeGreaterThan(5);
    expect(made.a.ike.counters().retransmitted).toBe(0);
    expect(made.a.ike.counters().malformed + made.b.ike.counters().malformed).toBeGreaterThan(5);
  });

  it("is not answered when he repeats fragments of a message that is not whole", () => {
    const made = both();
    made.network.watch = (datagram) => !(isFragment(datagram) && number(datagram) === 3);
    made.start();
    made.network.run(400);
    made.network.watch = undefined;
    const before = made.b.sent;
    expect(made.b.ike.sizes()).toMatchObject({ halfOpen: 1 });
    const held = made.b.ike.sizes().gathering;
    made.network.watch = (datagram) => {
      if (exchange(datagram) === AUTH && !isResponse(datagram)) {
        if (number(datagram) === 3) return false;
        for (let i = 0; i < 100; i++) made.b.do((ike, now) => ike.handle(turned(datagram), now));
      }
      return true;
    };
    made.network.run(2_000);
    expect(made.b.sent).toBe(before);
    expect(made.b.ike.sizes().gathering).toBe(held);
    expect(made.b.ike.counters()["fragment-repeated"]).toBeGreaterThanOrEqual(200);
  });

  it("takes no more memory than one message may have", () => {
    const made = both({ optionsB: { fragment: { ...DEFAULT_OPTIONS.fragment, gather: 2_000 } } });
    made.start();
    made.network.run(20);
    expect(made.b.ike.sizes()).toMatchObject({ sas: 0, halfOpen: 0, gathering: 0 });
    expect(made.b.ike.counters()["invalid-syntax"]).toBe(1);
    expect(made.a.ike.status()[0]!.lastError).toContain("INVALID_SYNTAX");
  });
});

it("whatever happens to fragments, nothing throws, little is kept, and in the end both talk", {
  timeout: 120_000,
}, () => {
  const fate = fc.oneof(
    { weight: 6, arbitrary: fc.constant("pass" as const) },
    { weight: 2, arbitrary: fc.constant("drop" as const) },
    { weight: 1, arbitrary: fc.constant("late" as const) },
    { weight: 1, arbitrary: fc.constant("twice" as const) },
    { weight: 2, arbitrary: fc.tuple(fc.nat(1_300), fc.integer({ min: 1, max: 255 })) },
  );
  fc.assert(
    fc.property(fc.nat(1_000), fc.array(fate, { minLength: 5, maxLength: 60 }), (seed, fates) => {
      const made = both({ seed });
      let turn = 0;
      const late: Datagram[] = [];
      made.network.watch = (datagram) => {
        if (!isFragment(datagram)) return true;
        const what = fates[turn++];
        if (what === undefined || what === "pass") return true;
        if (what === "twice") late.push({ ...datagram, bytes: datagram.bytes.slice() });
        if (what === "late") late.push({ ...datagram, bytes: datagram.bytes.slice() });
        if (typeof what === "string") return what === "twice";
        const [at, mask] = what;
        // The fragment's own fields as often as the rest; not the SPIs, which would only find no IKE SA.
        const place = 16 + (at % 2 === 0 ? at % 24 : at % (datagram.bytes.length - 16));
        datagram.bytes[place] = datagram.bytes[place]! ^ mask;
        return true;
      };
      const later = () => {
        for (const host of [made.a, made.b]) {
          expect(host.ike.sizes().gathering).toBeLessThanOrEqual(4 * DEFAULT_OPTIONS.fragment.gather);
        }
        const one = made.network.dice.below(4) === 0 ? late.shift() : undefined;
        if (one !== undefined)
          made.network.later(made.network.dice.below(500), () => {
            const host = one.remote.address === made.a.address || isResponse(one) ? made.a : made.b;
            host.do((ike, now) => ike.handle(turned(one), now));
          });
      };
      made.start();
      made.network.run(30_000, later);
      made.network.watch = undefined;
      made.network.run(150_000, later);
      expect(talks(made)).toBe(true);
      for (const host of [made.a, made.b]) expect(host.ike.sizes().gathering).toBe(0);
    }),
    { numRuns: 40, interruptAfterTimeLimit: 20_000 },
  );
});
