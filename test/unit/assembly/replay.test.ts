import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REPLAY_WINDOW, SA_REPLAYED, SA_SEQUENCE } from "../../../assembly/layout.ts";
import { seal, unseal } from "./oracle.ts";
import { ip } from "./packets.ts";
import { type Pair, pair } from "./pair.ts";

const W = BigInt(REPLAY_WINDOW);
const packet = ip({ from: "10.1.0.9", to: "10.2.0.9", payload: Buffer.alloc(8) });

/** The gateway of a pair, whose inbound SA gets packets with the sequence numbers that a test wants. */
class Receiver {
  readonly #pair: Pair;

  constructor(top: bigint, esn = true) {
    this.#pair = pair({ esn, sequence: top });
  }

  /** Which of these numbers, arriving in one batch, are accepted? */
  take(...numbers: bigint[]): boolean[] {
    const { branch, gateway, socket } = this.#pair;
    const marked = numbers.map((_, index) => ip({ from: "10.1.0.9", to: "10.2.0.9", id: index + 1 }));
    const messages = numbers.map((number, index) => ({ bytes: seal(branch.out, number, marked[index] as Buffer) }));
    const { written } = gateway.router.receive(socket, ...messages);
    const got = new Set(written.map((write) => write.bytes.readUInt16BE(4)));
    return numbers.map((_, index) => got.has(index + 1));
  }

  get top(): bigint {
    return this.#pair.gateway.router.get64(this.#pair.gateway.inSa + SA_SEQUENCE);
  }

  get counters(): Record<string, number> {
    return this.#pair.gateway.router.counters();
  }

  get replayed(): number {
    return this.#pair.gateway.router.get32(this.#pair.gateway.inSa + SA_REPLAYED);
  }
}

describe("the replay window", () => {
  it("takes numbers in order, each once", () => {
    const receiver = new Receiver(0n);
    expect(receiver.take(1n, 2n, 3n)).toEqual([true, true, true]);
    expect(receiver.take(1n, 2n, 3n, 4n)).toEqual([false, false, false, true]);
    expect(receiver.counters).toMatchObject({ replayed: 3, delivered: 4 });
    expect(receiver.replayed).toBe(3);
  });

  it("does not know number 0", () => {
    const receiver = new Receiver(0n, false);
    expect(receiver.take(0n)).toEqual([false]);
    expect(receiver.counters).toMatchObject({ replayed: 1 });
  });

  it("takes only the first of duplicates in one batch, which all passed the first look", () => {
    const receiver = new Receiver(10n);
    expect(receiver.take(11n, 11n, 12n, 11n, 12n)).toEqual([true, false, true, false, false]);
    expect(receiver.counters).toMatchObject({ replayed: 3, delivered: 2 });
  });

  it("takes late numbers that are still in the window", () => {
    const receiver = new Receiver(0n);
    expect(receiver.take(5000n)).toEqual([true]);
    expect(receiver.take(4999n, 4000n, 5000n - W + 1n)).toEqual([true, true, true]);
    expect(receiver.take(4999n, 4000n, 5000n - W + 1n)).toEqual([false, false, false]);
    expect(receiver.top).toBe(5000n);
  });

  it.each([
    ["W − 1 behind", W - 1n, true],
    ["W behind", W, false],
    ["W + 1 behind", W + 1n, false],
  ])("at the lower edge: %s", (_, behind, accepted) => {
    for (const esn of [true, false]) {
      const receiver = new Receiver(0n, esn);
      receiver.take(9000n);
      expect(receiver.take(9000n - behind)).toEqual([accepted]);
      // With ESN a number below the window is taken for one of the next subspace, whose tag can't verify.
      const reason = esn ? "forged" : "replayed";
      expect(receiver.counters[reason]).toBe(accepted ? undefined : 1);
    }
  });

  it.each([1n, 63n, 64n, 65n, W - 1n, W, W + 1n, 2047n, 2048n, 2049n, 1n << 20n])(
    "after a jump of %i the numbers passed over are fresh, once",
    (jump) => {
      const receiver = new Receiver(0n);
      const base = 10_000n;
      // Fill the whole ring with taken numbers, so that a block that was not cleared would show.
      for (let number = base - 2048n; number < base; number += 128n) {
        receiver.take(...Array.from({ length: 128 }, (_, index) => number + BigInt(index) + 1n));
      }
      expect(receiver.top).toBe(base);
      expect(receiver.take(base + jump)).toEqual([true]);
      const lowest = base + jump - W + 1n > base + 1n ? base + jump - W + 1n : base + 1n;
      const between: bigint[] = [];
      for (let number = lowest; number < base + jump; number++) between.push(number);
      expect(receiver.take(...between).every(Boolean)).toBe(true);
      expect(receiver.take(...between).some(Boolean)).toBe(false);
      expect(receiver.take(base)).toEqual([false]);
    },
  );

  it("is not moved by a packet whose tag does not verify", () => {
    const p = pair({ sequence: 100n });
    const forged = seal(p.branch.out, 5000n, packet);
    forged[forged.length - 1] = (forged[forged.length - 1] as number) ^ 1;
    expect(p.gateway.router.receive(p.socket, { bytes: forged }).written).toEqual([]);
    expect(p.gateway.router.get64(p.gateway.inSa + SA_SEQUENCE)).toBe(100n);
    expect(p.gateway.router.counters()).toMatchObject({ forged: 1 });
    expect(p.gateway.router.receive(p.socket, { bytes: seal(p.branch.out, 101n, packet) }).written).toHaveLength(1);
  });
});

/** RFC 4303, appendix A2.1: figures 1 (case A) and 2 (case B). */
describe("the upper half of the sequence number", () => {
  const two32 = 1n << 32n;

  it.each([
    // Case A: the window lies within one subspace.
    ["A: in the window", 5n * two32 + 10_000n, 5n * two32 + 9_500n, true],
    ["A: above the window, same subspace", 5n * two32 + 10_000n, 5n * two32 + 4_000_000_000n, true],
    ["A: lower edge", 5n * two32 + 10_000n, 5n * two32 + 10_001n - W, true],
    ["A: below the window is the next subspace", 5n * two32 + 10_000n, 6n * two32 + 10_000n - W, true],
    ["A: T low is W − 1", 5n * two32 + W - 1n, 5n * two32 + 3n, true],
    ["A: the first of the next subspace", 5n * two32 + 0xffffffffn, 6n * two32, true],
    // Case B: the window spans two subspaces.
    ["B: in the window, same subspace", 5n * two32 + 100n, 5n * two32 + 50n, true],
    ["B: in the window, subspace before", 5n * two32 + 100n, 5n * two32 - 50n, true],
    ["B: lower edge, subspace before", 5n * two32 + 100n, 5n * two32 + 101n - W, true],
    ["B: above the window", 5n * two32 + 100n, 5n * two32 + 2_000_000_000n, true],
    ["B: T low is W − 2", 5n * two32 + W - 2n, 5n * two32 - 1n, true],
    ["B: T low is 0", 5n * two32, 5n * two32 - 1n, true],
    // What the receiver can't take for the number it is.
    ["A: a subspace back", 5n * two32 + 10_000n, 4n * two32 + 9_500n, false],
    ["B: just below the window looks like the end of this subspace", 5n * two32 + 100n, 5n * two32 + 100n - W, false],
  ])("%s", (_, top, number, accepted) => {
    expect(new Receiver(top).take(number)).toEqual([accepted]);
  });

  it("is never one before the first subspace", () => {
    const receiver = new Receiver(5n);
    // Low half 2^32 − 3 with T = 5: only "−3" could be meant.
    expect(receiver.take(0xfffffffdn)).toEqual([false]);
    expect(receiver.counters).toMatchObject({ replayed: 1 });
  });

  it("follows a flow across the wrap, reordered", () => {
    const receiver = new Receiver(two32 - 4n);
    const numbers = [two32 - 2n, two32 + 1n, two32 - 3n, two32 - 1n, two32, two32 + 3n, two32 + 2n];
    expect(receiver.take(...numbers).every(Boolean)).toBe(true);
    expect(receiver.take(...numbers).some(Boolean)).toBe(false);
    expect(receiver.top).toBe(two32 + 3n);
  });

  it("is part of what is authenticated", () => {
    const p = pair({ sequence: 0xffffffffn });
    const [sent] = p.branch.router.fromTun(p.branch.tun, packet).sent;
    expect(unseal(p.branch.out, sent?.bytes as Buffer, 1).inner.equals(packet)).toBe(true);
    expect(() => unseal(p.branch.out, sent?.bytes as Buffer, 0)).toThrow();
  });
});

describe("the replay window against a list of all numbers seen", () => {
  for (const esn of [true, false]) {
    it(`${esn ? "with" : "without"} ESN`, () => {
      const step = fc.oneof(fc.bigInt(-1100n, 1100n), fc.bigInt(-5n, 5n), fc.constant(2048n), fc.bigInt(0n, 5000n));
      fc.assert(
        fc.property(
          fc.bigInt(1n, esn ? 1n << 40n : 1n << 30n),
          fc.array(fc.array(step, { maxLength: 20 }), { maxLength: 12 }),
          (base, batches) => {
            const receiver = new Receiver(base, esn);
            let top = base;
            const seen = new Set<bigint>();
            for (const steps of batches) {
              // Not below the window's subspace, where ESN means another number, and no packet is older than the SA.
              const numbers = steps.map((by) => top + by).filter((number) => number > base);
              const expected = numbers.map((number) => {
                const fresh = !seen.has(number) && number > top - W;
                if (fresh) seen.add(number);
                if (fresh && number > top) top = number;
                return fresh;
              });
              expect(receiver.take(...numbers)).toEqual(expected);
              expect(receiver.top).toBe(top);
            }
          },
        ),
        { numRuns: 60, interruptAfterTimeLimit: 8000 },
      );
    });
  }
});
