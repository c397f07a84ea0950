/**
 * Selector sets in the pool (layout: SELECTORS_*), RFC 7296 §3.13.1. Child SAs of the same selectors share one set: after a
 * rekey a child list still points at the right one, and only the SA's address has to change.
 */

import {
  SELECTOR_FAMILY,
  SELECTOR_HIGH,
  SELECTOR_LOW,
  SELECTOR_PORT_HIGH,
  SELECTOR_PORT_LOW,
  SELECTOR_PROTOCOL,
  SELECTOR_STRIDE,
  SELECTORS_HEAD,
  SELECTORS_LOCALS,
  SELECTORS_REMOTES,
} from "../../assembly/layout.ts";
import type { Epochs } from "./epoch.ts";
import { PlaneError } from "./error.ts";
import type { PlaneMemory } from "./memory.ts";
import type { SelectorRange, SelectorSet } from "./plane.ts";
import type { Pool } from "./pool.ts";

function isWhole(range: SelectorRange): boolean {
  return (
    range.protocol === 0 &&
    range.portLow === 0 &&
    range.portHigh === 65535 &&
    range.low.every((byte) => byte === 0) &&
    range.high.every((byte) => byte === 255)
  );
}

/** Does every packet, of either family, match? */
export function matchesAny(set: SelectorSet): boolean {
  return [set.local, set.remote].every(
    (ranges) =>
      ranges.some((range) => range.low.length === 4 && isWhole(range)) &&
      ranges.some((range) => range.low.length === 16 && isWhole(range)),
  );
}

/** The set as the fast path reads it. @throws PlaneError invalid */
export function encodeSelectors(set: SelectorSet): Uint8Array<ArrayBuffer> {
  const ranges = [...set.local, ...set.remote];
  const bytes = new Uint8Array(SELECTORS_HEAD + ranges.length * SELECTOR_STRIDE);
  const view = new DataView(bytes.buffer);
  view.setUint32(SELECTORS_LOCALS, set.local.length, true);
  view.setUint32(SELECTORS_REMOTES, set.remote.length, true);
  ranges.forEach((range, index) => {
    if (range.low.length !== range.high.length || (range.low.length !== 4 && range.low.length !== 16)) {
      throw new PlaneError("invalid", "A traffic selector's two addresses must both be IPv4 or both IPv6.");
    }
    const at = SELECTORS_HEAD + index * SELECTOR_STRIDE;
    bytes[at + SELECTOR_FAMILY] = range.low.length === 4 ? 4 : 6;
    bytes[at + SELECTOR_PROTOCOL] = range.protocol;
    view.setUint16(at + SELECTOR_PORT_LOW, range.portLow, true);
    view.setUint16(at + SELECTOR_PORT_HIGH, range.portHigh, true);
    bytes.set(range.low, at + SELECTOR_LOW);
    bytes.set(range.high, at + SELECTOR_HIGH);
  });
  return bytes;
}

interface Shared {
  readonly address: number;
  users: number;
}

export class Selectors {
  readonly #memory: PlaneMemory;
  readonly #pool: Pool;
  readonly #epochs: Epochs;
  /** By content, and the content by address. */
  readonly #sets = new Map<string, Shared>();
  readonly #contents = new Map<number, string>();

  constructor(memory: PlaneMemory, pool: Pool, epochs: Epochs) {
    this.#memory = memory;
    this.#pool = pool;
    this.#epochs = epochs;
  }

  /** Address of a set of this content, shared with all who ask for the same; 0 when any packet matches. */
  acquire(set: SelectorSet): number {
    if (matchesAny(set)) return 0;
    const bytes = encodeSelectors(set);
    const key = Buffer.from(bytes).toString("latin1");
    const known = this.#sets.get(key);
    if (known !== undefined) {
      known.users++;
      return known.address;
    }
    const address = this.#pool.allocate(bytes.length);
    this.#memory.bytes.set(bytes, address);
    this.#sets.set(key, { address, users: 1 });
    this.#contents.set(address, key);
    return address;
  }

  /** One user fewer. With its last user a set goes, when the epoch has passed. */
  release(address: number): void {
    if (address === 0) return;
    const key = this.#contents.get(address);
    const set = key === undefined ? undefined : this.#sets.get(key);
    if (key === undefined || set === undefined) {
      throw new PlaneError("unknown", `No selector set in use begins at ${address}.`);
    }
    set.users--;
    if (set.users > 0) return;
    this.#sets.delete(key);
    this.#contents.delete(address);
    this.#epochs.retire(() => this.#pool.release(address));
  }
}
