/**
 * Small blocks that tables point at: child lists, selector sets, paths. A block is filled, made reachable by one store, and
 * never changed in place; what it replaces is freed when the epoch has passed.
 *
 * Size classes 64 · 128 · 192 · 256 · 384 …, whole cache lines, so that a block of 64 bytes is never in two of them; each with its list of free blocks; new blocks come from the end. A free
 * block stays in its class: what the classes hold at their peaks bounds the region, and a router's peaks repeat.
 */

import { PlaneError } from "./error.ts";
import type { PlaneMemory } from "./memory.ts";

const SMALLEST = 64;

const EXHAUSTED = "The datapath's pool of selector sets and paths is used up; raise the limits of SAs or tunnels.";

/** Bytes of the class that holds `size`. */
export function classOf(size: number): number {
  let power = SMALLEST;
  while (power < size) {
    // Between two powers of two, the one and a half.
    if (power > SMALLEST && power + power / 2 >= size) return power + power / 2;
    power *= 2;
  }
  return power;
}

export class Pool {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  #fresh: number;
  /** Class → addresses that are free. */
  readonly #free = new Map<number, number[]>();
  /** Address → class of each block in use. */
  readonly #used = new Map<number, number>();

  readonly #exhausted: string;

  /** `exhausted`: what to say when the region has no room left. */
  constructor(memory: PlaneMemory, region = memory.regions.pool, exhausted = EXHAUSTED) {
    this.#bytes = memory.bytes;
    // 0 means "none" wherever a table holds a block's address; the region begins far above it.
    this.#start = region.base;
    this.#fresh = region.base;
    this.#end = region.base + region.size;
    this.#exhausted = exhausted;
  }

  /** Address of a block of at least `size` bytes, all 0, 64-aligned. @throws PlaneError full */
  allocate(size: number): number {
    const bytes = classOf(size);
    let address = this.#free.get(bytes)?.pop();
    if (address === undefined) {
      if (this.#fresh + bytes > this.#end) {
        throw new PlaneError("full", this.#exhausted);
      }
      address = this.#fresh;
      this.#fresh += bytes;
    }
    this.#bytes.fill(0, address, address + bytes);
    this.#used.set(address, bytes);
    return address;
  }

  /** Gives a block back; the caller has waited for the epoch. @throws PlaneError unknown */
  release(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new PlaneError("unknown", `No pool block in use begins at ${address}.`);
    this.#used.delete(address);
    const free = this.#free.get(bytes);
    if (free === undefined) this.#free.set(bytes, [address]);
    else free.push(address);
  }

  /** Blocks in use. */
  get used(): number {
    return this.#used.size;
  }

  /** Bytes that blocks were ever made of. */
  get taken(): number {
    return this.#fresh - this.#start;
  }
}
