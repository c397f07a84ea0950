import { describe, expect, it } from "vitest";
import { EPOCH_IDLE, VRF_ROOT4, VRFS } from "../../../assembly/layout.ts";
import { FibFull } from "../../../src/datapath/fib.ts";
import { fibBed, parse, prefixOf } from "./fibbed.ts";

const ROOT = VRFS + VRF_ROOT4;

describe("nodes that a reader may still walk", () => {
  it("keep their content until every worker has begun a batch in a later epoch", () => {
    const bed = fibBed(1 << 20, 0, 2);
    bed.setEpoch(0, bed.epoch());
    bed.setEpoch(1, bed.epoch());
    bed.fib.set(0, parse("10.0.0.0/8"), 1);
    bed.fib.set(0, parse("10.1.2.0/24"), 2);
    const root = bed.words[ROOT / 4];
    const node = () => bed.words.slice((root & ~63) / 4, (root & ~63) / 4 + 16).join();
    const before = node();
    bed.fib.clear(0);
    expect(bed.words[ROOT / 4]).toBe(0);
    const waiting = bed.fib.reclaim();
    expect(waiting).toBeGreaterThan(0);

    /** New nodes, enough to take any that is free; none may be one of those that wait. */
    const churn = () => {
      for (let i = 0; i < 60; i++) bed.fib.set(1, prefixOf(Uint8Array.of(i * 4, i, i, i), 32), 3);
      bed.fib.clear(1);
    };
    churn();
    expect(node()).toBe(before);
    // One worker moves on, one stays: still not.
    bed.setEpoch(0, bed.epoch());
    bed.fib.reclaim();
    churn();
    expect(node()).toBe(before);
    expect(bed.fib.stats().waiting).toBeGreaterThanOrEqual(waiting);
    // The other goes to sleep: now nobody holds them.
    bed.setEpoch(1, EPOCH_IDLE);
    for (let i = 0; i < 3; i++) {
      bed.setEpoch(0, bed.epoch());
      bed.fib.reclaim();
    }
    expect(bed.fib.stats()).toMatchObject({ nodes: 0, waiting: 0 });
    churn();
    expect(node()).not.toBe(before);
  });

  it("are not held by a worker that has never run a batch", () => {
    const bed = fibBed(1 << 20, 0, 1);
    bed.setEpoch(0, 0);
    bed.fib.set(0, parse("10.1.0.0/16"), 1);
    bed.fib.remove(0, parse("10.1.0.0/16"));
    expect(bed.fib.reclaim()).toBe(0);
  });

  it("are freed when the epoch has wrapped, which never shows 0 or idle", () => {
    const bed = fibBed(1 << 20, 0, 1);
    const epochs: number[] = [];
    bed.words[0x10000 / 4] = EPOCH_IDLE - 2;
    for (let i = 0; i < 4; i++) {
      bed.setEpoch(0, bed.epoch());
      bed.fib.set(0, parse("10.1.0.0/16"), 1);
      bed.fib.remove(0, parse("10.1.0.0/16"));
      expect(bed.fib.reclaim()).toBeGreaterThan(0);
      epochs.push(bed.epoch());
      bed.setEpoch(0, bed.epoch());
      expect(bed.fib.reclaim()).toBe(0);
    }
    expect(epochs).toEqual([EPOCH_IDLE - 1, 1, 2, 3]);
  });
});

describe("a full region", () => {
  it("refuses a prefix, changes nothing, and says what to do", () => {
    const bed = fibBed(256 << 10);
    const host = (i: number) => ({ address: Uint8Array.of(i >> 4, i, 255 - i, i), length: 32 });
    let count = 0;
    let full: unknown;
    while (full === undefined && count < 100_000) {
      try {
        bed.fib.set(0, host(count), 1 + count);
        count++;
      } catch (error) {
        full = error;
      }
    }
    expect(full).toBeInstanceOf(FibFull);
    expect(full).toMatchObject({ code: "fib-full", next: expect.stringContaining("more memory") });
    const before = bed.fib.stats();
    expect(before.routes4).toBe(count);
    for (let i = 0; i < 50; i++) {
      const six = { address: Uint8Array.of(0x20, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i), length: 128 };
      expect(() => bed.fib.set(0, six, 9)).toThrow(FibFull);
      expect(bed.fib.lookup(0, six.address)).toBe(0);
    }
    expect(bed.fib.stats()).toMatchObject({ routes4: count, routes6: 0 });
    for (let i = 0; i < count; i++) expect(bed.fib.lookup(0, host(i).address)).toBe(1 + i);
    // Replacing needs no room; and what is withdrawn makes room.
    bed.fib.set(0, host(0), 77);
    expect(bed.fib.lookup(0, host(0).address)).toBe(77);
    for (let i = 0; i < count; i++) expect(bed.fib.remove(0, host(i))).toBe(true);
    bed.fib.set(0, host(5), 5);
    expect(bed.fib.lookup(0, host(5).address)).toBe(5);
  });

  it("says that memory comes back when nodes wait for a worker", () => {
    const bed = fibBed(256 << 10, 0, 1);
    bed.setEpoch(0, bed.epoch());
    const fill = () => {
      for (let i = 0; i < 5000; i++) {
        bed.fib.set(0, prefixOf(Uint8Array.of(i, i >> 3, i, 1), 32), 1);
        bed.fib.remove(0, prefixOf(Uint8Array.of(i, i >> 3, i, 1), 32));
      }
    };
    expect(fill).toThrow(/Try again after the workers' next batch/);
    bed.setEpoch(0, EPOCH_IDLE);
    expect(fill).not.toThrow();
  });
});
