/** The routing domains with their routes: what stands in a VRF, and the FIB's nodes that changes leave behind. */

import type { Adjacencies } from "./adjacency.ts";
import type { Fib } from "./fib.ts";
import type { Prefix } from "./plane.ts";
import type { Vrfs } from "./vrf.ts";

/** Milliseconds until FIB nodes that wait for the epoch are looked at again. */
const RECLAIM = 20;

export class Domains {
  readonly #vrfs: Vrfs;
  readonly #fib: Fib;
  readonly #adjacencies: Adjacencies;
  #reclaim: NodeJS.Timeout | undefined;

  constructor(vrfs: Vrfs, fib: Fib, adjacencies: Adjacencies) {
    this.#vrfs = vrfs;
    this.#fib = fib;
    this.#adjacencies = adjacencies;
  }

  /** @throws PlaneError full */
  add(): number {
    return this.#vrfs.add();
  }

  /** Its routes go with it. @throws PlaneError unknown */
  remove(vrf: number): void {
    this.#vrfs.check(vrf);
    this.#fib.clear(vrf);
    this.#reclaimFib();
    this.#vrfs.remove(vrf);
  }

  /** @throws PlaneError unknown */
  check(vrf: number): void {
    this.#vrfs.check(vrf);
  }

  /** @throws PlaneError unknown */
  setAddresses(vrf: number, addresses: readonly Uint8Array[]): void {
    this.#vrfs.setAddresses(vrf, addresses);
  }

  /** @throws PlaneError unknown; FibFull */
  setRoute(vrf: number, prefix: Prefix, adjacency: number): void {
    this.#vrfs.check(vrf);
    this.#adjacencies.check(adjacency);
    this.#fib.set(vrf, prefix, adjacency);
    this.#reclaimFib();
  }

  /** @throws PlaneError unknown */
  removeRoute(vrf: number, prefix: Prefix): void {
    this.#vrfs.check(vrf);
    this.#fib.remove(vrf, prefix);
    this.#reclaimFib();
  }

  /** Ends the timer. */
  close(): void {
    clearTimeout(this.#reclaim);
  }

  /** FIB nodes that were replaced go when the epoch has passed; changes see to it, but the last one has no next. */
  #reclaimFib(): void {
    if (this.#reclaim !== undefined || this.#fib.stats().waiting === 0) return;
    this.#reclaim = setTimeout(() => {
      this.#reclaim = undefined;
      if (this.#fib.reclaim() > 0) this.#reclaimFib();
    }, RECLAIM);
    this.#reclaim.unref();
  }
}
