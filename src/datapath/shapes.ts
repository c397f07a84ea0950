/**
 * The control side of shaping (layout: SHAPE_*): at which rate a tunnel takes packets, what of it may come at once, and how much
 * may wait; and what the workers have counted.
 */

import {
  PART_BYTES,
  PART_DELAY,
  PART_DROPPED,
  PART_MARKED,
  PART_PASSED,
  PART_PASSED_BYTES,
  PART_QUEUED,
  SHAPE_BURST,
  SHAPE_COST,
  SHAPE_COST_SHIFT,
  SHAPE_HEAD,
  SHAPE_INTERVAL,
  SHAPE_LIMIT,
  SHAPE_PART,
  SHAPE_TARGET,
  SHAPE_THROUGH,
  TICKS_PER_NS,
} from "../../assembly/layout.ts";
import type { Adjacencies } from "./adjacency.ts";
import { PlaneError } from "./error.ts";
import type { PlaneMemory } from "./memory.ts";
import type { ShapeTraffic } from "./plane.ts";

/**
 * Bytes of packets that may wait in each worker, unless it is said otherwise. One tunnel may take half of it: full packets of 88 ms at
 * 1 Gbit/s, of 9 ms at 10 Gbit/s. It costs nothing until it is used.
 */
export const WAITING = 32 << 20;

/** Rates that can be held, bit/s: RouterConfig allows the same. */
const RATE_MIN = 64_000;
const RATE_MAX = 100_000_000_000;

/** A full packet of an Ethernet, bytes. */
const FULL = 1514;
/** What may come at once after a pause: this many milliseconds of the rate, at least so many full packets. */
const BURST_MS = 5;
const BURST_PACKETS = 2;
/** What may wait: this many milliseconds of the rate, at least so many full packets. */
const WAITING_MS = 50;
const WAITING_PACKETS = 10;
/** CoDel, RFC 8289 §4.2–4.3. A target below the time of a packet and a half would call one packet a standing queue. */
const TARGET_MS = 5;
const TARGET_PACKETS = 1.5;
const INTERVAL_MS = 100;

const TICKS_PER_MS = 1e6 * TICKS_PER_NS;
const TICKS_PER_SECOND = 1000 * TICKS_PER_MS;

/** The numbers of a rate as the fast path wants them. `bitsPerSecond` undefined: no limit. */
export function shapeOf(bitsPerSecond: number | undefined): {
  readonly cost: bigint;
  readonly burst: bigint;
  readonly target: bigint;
  readonly interval: bigint;
  readonly limit: number;
} {
  if (bitsPerSecond === undefined) {
    // Always open, whoever's clock is a little ahead.
    const second = BigInt(TICKS_PER_SECOND);
    return { cost: 0n, burst: second, target: second, interval: second, limit: 0xffffffff };
  }
  const fullMs = (FULL * 8 * 1000) / bitsPerSecond;
  const ticks = (ms: number): bigint => BigInt(Math.round(ms * TICKS_PER_MS));
  const target = Math.max(TARGET_MS, TARGET_PACKETS * fullMs);
  return {
    cost: (8n * BigInt(TICKS_PER_SECOND) * (1n << BigInt(SHAPE_COST_SHIFT))) / BigInt(bitsPerSecond),
    burst: ticks(Math.max(BURST_MS, BURST_PACKETS * fullMs)),
    target: ticks(target),
    interval: ticks(Math.max(INTERVAL_MS, 2 * target)),
    limit: Math.round(Math.max(WAITING_PACKETS * FULL, (bitsPerSecond / 8000) * WAITING_MS)),
  };
}

export class Shapes {
  readonly #memory: PlaneMemory;
  readonly #adjacencies: Adjacencies;
  readonly #longs: BigUint64Array;
  /** Rate of each tunnel that has or had one; undefined: no limit any more. */
  readonly #rates = new Map<number, number | undefined>();
  #last = 0;

  constructor(memory: PlaneMemory, adjacencies: Adjacencies) {
    this.#memory = memory;
    this.#adjacencies = adjacencies;
    this.#longs = new BigUint64Array(memory.memory.buffer);
  }

  /**
   * Shapes what goes to this adjacency from now on; undefined: no limit any more. Where it had a rate before, what waits stays in
   * its order: a limit that goes leaves the shape in place, with nothing to hold.
   *
   * @throws PlaneError invalid, limits
   */
  set(adjacency: number, bitsPerSecond: number | undefined): void {
    const known = this.#rates.has(adjacency);
    if (bitsPerSecond === undefined && !known) return;
    this.#check(bitsPerSecond);
    const at = this.#address(adjacency);
    if (!known) this.#clear(at);
    const { cost, burst, target, interval, limit } = shapeOf(bitsPerSecond);
    this.#store(at + SHAPE_COST, cost);
    this.#store(at + SHAPE_BURST, burst);
    this.#store(at + SHAPE_TARGET, target);
    this.#store(at + SHAPE_INTERVAL, interval);
    this.#memory.view.setUint32(at + SHAPE_LIMIT, limit, true);
    // What was sent at the old rate is no debt at the new one.
    this.#store(at + SHAPE_THROUGH, 0n);
    this.#rates.set(adjacency, bitsPerSecond);
    if (known) return;
    this.#last = (this.#last % 0xffffffff) + 1;
    // Last: from here on workers use it.
    this.#adjacencies.setShape(adjacency, this.#last);
  }

  /** The adjacency has gone: what still waits for it is dropped when its turn comes. */
  forget(adjacency: number): void {
    this.#rates.delete(adjacency);
  }

  traffic(adjacency: number): ShapeTraffic | undefined {
    const bitsPerSecond = this.#rates.get(adjacency);
    if (bitsPerSecond === undefined) return undefined;
    const at = this.#address(adjacency);
    const parts = Array.from(
      { length: this.#memory.regions.arenas.count },
      (_, worker) => at + SHAPE_HEAD + worker * SHAPE_PART,
    );
    const sum = (field: number): number =>
      parts.reduce((all, part) => all + Number(Atomics.load(this.#longs, (part + field) / 8)), 0);
    const waits = (part: number): number => Atomics.load(this.#memory.words, (part + PART_BYTES) >>> 2);
    const delays = parts.map((part) =>
      waits(part) === 0 ? 0 : Number(Atomics.load(this.#longs, (part + PART_DELAY) / 8)) / TICKS_PER_MS,
    );
    return {
      bitsPerSecond,
      packets: sum(PART_PASSED),
      bytes: sum(PART_PASSED_BYTES),
      queued: sum(PART_QUEUED),
      dropped: sum(PART_DROPPED),
      marked: sum(PART_MARKED),
      waiting: parts.reduce((all, part) => all + waits(part), 0),
      delayMs: Math.max(...delays),
    };
  }

  #check(bitsPerSecond: number | undefined): void {
    if (this.#memory.regions.shapes.stride === 0) {
      throw new PlaneError("limits", "This datapath has no room for packets that wait, so it cannot hold a rate.");
    }
    if (bitsPerSecond === undefined) return;
    if (Number.isInteger(bitsPerSecond) && bitsPerSecond >= RATE_MIN && bitsPerSecond <= RATE_MAX) return;
    throw new PlaneError(
      "invalid",
      `A tunnel cannot be held to ${bitsPerSecond} bit/s; give a whole number from ${RATE_MIN} to ${RATE_MAX}.`,
    );
  }

  /** Counters of an earlier tunnel go. What a worker still has waiting for that one is the worker's to clear. */
  #clear(at: number): void {
    for (let worker = 0; worker < this.#memory.regions.arenas.count; worker++) {
      const part = at + SHAPE_HEAD + worker * SHAPE_PART;
      for (const field of [PART_PASSED, PART_PASSED_BYTES, PART_QUEUED, PART_DROPPED, PART_MARKED, PART_DELAY]) {
        this.#store(part + field, 0n);
      }
    }
  }

  #address(adjacency: number): number {
    const { base, stride } = this.#memory.regions.shapes;
    return base + adjacency * stride;
  }

  #store(at: number, value: bigint): void {
    Atomics.store(this.#longs, at / 8, value);
  }
}
