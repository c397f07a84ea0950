/** The VRF table (layout: VRF_*): routing domains by index. Their routes are the FIB's. */

import { MAX_VRFS, VRF_ADDR4, VRF_ADDR6, VRF_STRIDE, VRFS } from "../../assembly/layout.ts";
import type { Epochs } from "./epoch.ts";
import { PlaneError } from "./error.ts";
import type { PlaneMemory } from "./memory.ts";

export class Vrfs {
  readonly #memory: PlaneMemory;
  readonly #epochs: Epochs;
  readonly #used = new Set<number>();
  /** Indexes of VRFs that have ended, which a worker may still have a packet of. */
  readonly #resting = new Set<number>();

  constructor(memory: PlaneMemory, epochs: Epochs) {
    this.#memory = memory;
    this.#epochs = epochs;
  }

  /** Index of a new VRF, the lowest that is free. @throws PlaneError full */
  add(): number {
    this.#epochs.reclaim();
    for (let vrf = 0; vrf < MAX_VRFS; vrf++) {
      if (this.#used.has(vrf) || this.#resting.has(vrf)) continue;
      this.#used.add(vrf);
      return vrf;
    }
    throw new PlaneError("full", `All ${MAX_VRFS} routing domains are in use.`);
  }

  /**
   * Ends a VRF. Its FIB must be gone already. Its index comes back when the epoch has passed: a packet that a worker is busy with knows its
   * VRF by the index alone, and must not find another one's routes there.
   *
   * @throws PlaneError unknown
   */
  remove(vrf: number): void {
    this.check(vrf);
    this.#memory.bytes.fill(0, this.#at(vrf) + VRF_ADDR4, this.#at(vrf) + VRF_STRIDE);
    this.#used.delete(vrf);
    this.#resting.add(vrf);
    this.#epochs.retire(() => this.#resting.delete(vrf));
  }

  /** Routing domains in use. */
  get used(): number {
    return this.#used.size;
  }

  /** @throws PlaneError unknown */
  check(vrf: number): void {
    if (!this.#used.has(vrf)) throw new PlaneError("unknown", `There is no routing domain ${vrf}.`);
  }

  /**
   * Source addresses of the ICMP errors that we originate here: the first of each family; a family without one originates
   * none. A worker may read an address half old and half new, once; an ICMP error is lost by that, no more.
   */
  setAddresses(vrf: number, addresses: readonly Uint8Array[]): void {
    this.check(vrf);
    const { bytes } = this.#memory;
    const at = this.#at(vrf);
    bytes.set(addresses.find((one) => one.length === 4) ?? new Uint8Array(4), at + VRF_ADDR4);
    bytes.set(addresses.find((one) => one.length === 16) ?? new Uint8Array(16), at + VRF_ADDR6);
  }

  #at(vrf: number): number {
    return VRFS + vrf * VRF_STRIDE;
  }
}
