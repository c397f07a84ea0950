/** Longest match, the obvious slow way: a map for each length, asked from the longest down. */

import type { Prefix } from "../../../src/datapath/plane.ts";
import { numberOf } from "./fibbed.ts";

export class Oracle {
  /** By family and length: the prefix's bits → adjacency. */
  readonly #maps = new Map<string, Map<bigint, number>>();

  #map(vrf: number, bytes: number, length: number): Map<bigint, number> | undefined {
    return this.#maps.get(`${vrf} ${bytes} ${length}`);
  }

  set(vrf: number, { address, length }: Prefix, adjacency: number): void {
    let map = this.#map(vrf, address.length, length);
    if (map === undefined) {
      map = new Map();
      this.#maps.set(`${vrf} ${address.length} ${length}`, map);
    }
    map.set(numberOf(address) >> BigInt(address.length * 8 - length), adjacency);
  }

  remove(vrf: number, { address, length }: Prefix): boolean {
    const bits = numberOf(address) >> BigInt(address.length * 8 - length);
    return this.#map(vrf, address.length, length)?.delete(bits) ?? false;
  }

  has(vrf: number, { address, length }: Prefix): boolean {
    const bits = numberOf(address) >> BigInt(address.length * 8 - length);
    return this.#map(vrf, address.length, length)?.has(bits) ?? false;
  }

  clear(vrf: number): void {
    for (const key of [...this.#maps.keys()]) if (key.startsWith(`${vrf} `)) this.#maps.delete(key);
  }

  lookup(vrf: number, address: Uint8Array): number {
    const bits = numberOf(address);
    for (let length = address.length * 8; length >= 0; length--) {
      const found = this.#map(vrf, address.length, length)?.get(bits >> BigInt(address.length * 8 - length));
      if (found !== undefined) return found;
    }
    return 0;
  }
}
