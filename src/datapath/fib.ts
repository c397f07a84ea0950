/**
 * The FIB as the control thread sees it: the single writer of all routes. Nodes, routes and what waits for the workers
 * live in shared memory and are handled by WASM (assembly/fibwriter); this file checks arguments and names the errors.
 *
 * Workers see each change at once and without locks; see assembly/fib for the tree, assembly/fibretire for the epochs.
 */

import { MAX_VRFS } from "../../assembly/layout.ts";
import type { Family, Prefix } from "./plane.ts";

/** What assembly/fibwriter exports: the part of the module that the control thread calls. */
export interface FibExports {
  fibStart(): void;
  fibAddress(): number;
  fibFind(vrf: number, family: Family): number;
  fibSet(vrf: number, family: Family, length: number, adjacency: number): number;
  fibRemove(vrf: number, family: Family, length: number): number;
  fibClear(vrf: number, family: Family): void;
  fibReclaim(): number;
  fibRetired(): number;
  fibNodes(): number;
  fibBytes(): number;
  fibRoutes(family: Family): number;
}

export interface FibStats {
  /** Nodes that workers walk. */
  readonly nodes: number;
  /** Nodes that are out of the tree and wait until every worker has begun a new batch. */
  readonly waiting: number;
  /** Bytes of the FIB region in use: nodes, routes, their page headers, 64 KiB of heads. */
  readonly bytes: number;
  readonly routes4: number;
  readonly routes6: number;
}

/** Largest adjacency index that a leaf can name. */
export const MAX_ADJACENCY = 2 ** 23 - 1;

/** The FIB region has no room for this prefix. Nothing has changed: lookups answer as before. */
export class FibFull extends Error {
  override readonly name = "FibFull";
  readonly code = "fib-full";
  /** What to do now. */
  readonly next: string;

  constructor(prefix: string, stats: FibStats) {
    const next =
      stats.waiting > 0
        ? "Try again after the workers' next batch, or give the FIB more memory."
        : "Give the FIB more memory, or announce fewer prefixes.";
    const routes = stats.routes4 + stats.routes6;
    super(
      `No room in the FIB for ${prefix}: ${routes} routes use ${Math.ceil(stats.bytes / 2 ** 20)} MiB, and ` +
        `${stats.waiting} nodes wait for the workers. ${next}`,
    );
    this.next = next;
  }
}

/** A VRF, prefix or adjacency that can't be: a mistake of the caller. */
export class FibInvalid extends RangeError {
  override readonly name = "FibInvalid";
  readonly code = "fib-invalid";
}

export class Fib {
  readonly #wasm: FibExports;
  /** Where WASM reads the address of a call, 16 bytes. */
  readonly #address: Uint8Array;

  /**
   * @param memory the shared memory, its globals block (G_FIB_BASE, G_FIB_SIZE, G_ARENAS_BASE, G_WORKERS) filled in.
   * @param wasm the control thread's own instance of the module, on that memory.
   */
  constructor(memory: WebAssembly.Memory, wasm: FibExports) {
    this.#wasm = wasm;
    wasm.fibStart();
    this.#address = new Uint8Array(memory.buffer, wasm.fibAddress(), 16);
  }

  /**
   * Inserts a route or replaces its next hop.
   * @param vrf 0 to MAX_VRFS − 1.
   * @param adjacency 1 to MAX_ADJACENCY.
   * @throws FibFull (nothing changed), FibInvalid.
   */
  set(vrf: number, prefix: Prefix, adjacency: number): void {
    const family = this.#put(vrf, prefix);
    if (!Number.isInteger(adjacency) || adjacency < 1 || adjacency > MAX_ADJACENCY) {
      throw new FibInvalid(`Adjacency ${adjacency} is not one of 1 to ${MAX_ADJACENCY}.`);
    }
    if (this.#wasm.fibSet(vrf, family, prefix.length, adjacency) === 0) {
      throw new FibFull(text(prefix), this.stats());
    }
  }

  /** Withdraws a route; addresses in it follow the next shorter one. False: there was no such route. */
  remove(vrf: number, prefix: Prefix): boolean {
    const family = this.#put(vrf, prefix);
    return this.#wasm.fibRemove(vrf, family, prefix.length) === 1;
  }

  /** Withdraws all routes of a VRF. */
  clear(vrf: number): void {
    checkVrf(vrf);
    this.#wasm.fibClear(vrf, 4);
    this.#wasm.fibClear(vrf, 6);
  }

  /** The adjacency that a packet to this address (4 or 16 bytes) is given; 0: no route. */
  lookup(vrf: number, address: Uint8Array): number {
    checkVrf(vrf);
    const family = familyOf(address);
    this.#address.set(address);
    return this.#wasm.fibFind(vrf, family);
  }

  stats(): FibStats {
    return {
      nodes: this.#wasm.fibNodes(),
      waiting: this.#wasm.fibRetired(),
      bytes: this.#wasm.fibBytes() >>> 0,
      routes4: this.#wasm.fibRoutes(4),
      routes6: this.#wasm.fibRoutes(6),
    };
  }

  /**
   * Frees nodes that no worker can reach any more; the nodes that still wait. Changes do this by themselves now and then; call it
   * from a slow timer so that the last ones do not wait for the next change.
   */
  reclaim(): number {
    return this.#wasm.fibReclaim();
  }

  /** Puts the prefix where WASM reads it. */
  #put(vrf: number, prefix: Prefix): Family {
    checkVrf(vrf);
    const { address, length } = prefix;
    const family = familyOf(address);
    if (!Number.isInteger(length) || length < 0 || length > address.length * 8) {
      throw new FibInvalid(`A prefix length of ${length} is not one of 0 to ${address.length * 8}.`);
    }
    let byte = length >> 3;
    let beyond = byte < address.length ? address[byte] & (0xff >> (length & 7)) : 0;
    while (++byte < address.length) beyond |= address[byte];
    if (beyond !== 0) throw new FibInvalid(`${text(prefix)} has bits set beyond its length.`);
    this.#address.set(address);
    return family;
  }
}

function checkVrf(vrf: number): void {
  if (!Number.isInteger(vrf) || vrf < 0 || vrf >= MAX_VRFS) {
    throw new FibInvalid(`VRF ${vrf} is not one of 0 to ${MAX_VRFS - 1}.`);
  }
}

function familyOf(address: Uint8Array): Family {
  if (address.length === 4) return 4;
  if (address.length === 16) return 6;
  throw new FibInvalid(`An address of ${address.length} bytes is neither IPv4 nor IPv6.`);
}

/** For messages; RFC 5952's shortening is left out. */
function text({ address, length }: Prefix): string {
  if (address.length === 4) return `${address.join(".")}/${length}`;
  const groups = Array.from({ length: 8 }, (_, i) => ((address[2 * i] << 8) | address[2 * i + 1]).toString(16));
  return `${groups.join(":")}/${length}`;
}
