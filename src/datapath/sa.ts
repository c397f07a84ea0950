/** SA slots (layout: SA_*): SPIs that lead to a slot, keys that are expanded into it, and what it counts. */

import {
  CIPHER_AES_128_GCM,
  CIPHER_AES_256_GCM,
  CIPHER_CHACHA20_POLY1305,
  G_SA_ENDED,
  G_SA_REACH,
  SA_ADJ,
  SA_BYTES,
  SA_CIPHER,
  SA_ESN,
  SA_FLAGS,
  SA_FORGED,
  SA_FREE,
  SA_GENERATION,
  SA_IN,
  SA_LAST,
  SA_MOVED,
  SA_OUT,
  SA_PACKETS,
  SA_PATH,
  SA_REPLAYED,
  SA_SALT,
  SA_SELECTORS,
  SA_SEQUENCE,
  SA_SEQUENCE_LIMIT,
  SA_SPI,
  SA_STATE,
  SA_STRIDE,
  SA_VRF,
} from "../../assembly/layout.ts";
import type { Epochs } from "./epoch.ts";
import { PlaneError } from "./error.ts";
import { FreeSlots } from "./freeslots.ts";
import type { PlaneMemory } from "./memory.ts";
import type { FastPath } from "./module.ts";
import type { Cipher, SaKeys, SaTraffic } from "./plane.ts";
import type { Pool } from "./pool.ts";

/** Number (layout) and key length, without the salt, of each cipher. */
export const CIPHERS: Readonly<Record<Cipher, { readonly number: number; readonly keyBytes: number }>> = {
  chacha20poly1305: { number: CIPHER_CHACHA20_POLY1305, keyBytes: 32 },
  aes128gcm16: { number: CIPHER_AES_128_GCM, keyBytes: 16 },
  aes256gcm16: { number: CIPHER_AES_256_GCM, keyBytes: 32 },
};

/** Last sequence number that an SA may use: RFC 4303 §3.3.3 forbids the counter to cycle. */
const LIMIT = 0xffff_ffffn;
/** With ESN: below 2^63, which reads the same signed and unsigned, and is 29 million years away at 10 Gbit/s of small packets. */
const LIMIT_ESN = 0x7fff_ffff_ffff_ffffn;

/** What an inbound and an outbound slot are made of, but for the keys. */
export interface SaFields {
  readonly direction: "in" | "out";
  /** Addresses in the pool. */
  readonly path: number;
  readonly selectors: number;
  readonly adjacency: number;
  readonly vrf: number;
}

export class SaSlots {
  readonly #memory: PlaneMemory;
  readonly #epochs: Epochs;
  readonly #expand: FastPath["expand"];
  /** Where keys cross into WASM memory, for the time of one call. */
  readonly #keyRoom: number;
  readonly #random: (bytes: number) => Uint8Array;
  /** Free slots by the worker whose inbound SAs they can hold: slot index modulo the number of workers. */
  readonly #free: readonly FreeSlots[];
  /** Slot → SPI, of slots that were handed out as an SPI and hold no SA yet. */
  readonly #reserved = new Map<number, number>();
  /** Slots that hold an SA, or did and wait for the epoch. */
  readonly #used = new Set<number>();
  /** SAs made so far, modulo 2^32. */
  #generation = 0;

  constructor(
    memory: PlaneMemory,
    pool: Pool,
    epochs: Epochs,
    expand: FastPath["expand"],
    random: (bytes: number) => Uint8Array,
  ) {
    this.#memory = memory;
    this.#epochs = epochs;
    this.#expand = expand;
    this.#keyRoom = pool.allocate(64);
    this.#random = random;
    const workers = memory.regions.arenas.count;
    this.#free = Array.from(
      { length: workers },
      (_, worker) => new FreeSlots(worker, workers, memory.regions.sas.count),
    );
  }

  /**
   * An SPI for a peer to send to us: slot in the low half, random bits and never 0 in the high half; undefined: none is left.
   * It belongs to worker `worker` modulo the number of workers. `more`: for one more Child SA of a tunnel that has one. Half of all slots
   * are not for those: with four workers they would leave none for tunnels that come later, and for rekeys.
   */
  reserve(worker = 0, more = false): number | undefined {
    if (more && this.#free.reduce((sum, { size }) => sum + size, 0) * 2 <= this.#memory.regions.sas.count)
      return undefined;
    const slot = this.#take(worker % this.#free.length);
    if (slot === undefined) return undefined;
    let high = 0;
    // Values up to 255 are IANA's and 0 is the non-ESP marker (RFC 4303 §2.1, RFC 3948 §2.2): a high half of 0 is not used.
    while (high === 0) {
      const bytes = this.#random(2);
      high = bytes[0] * 256 + bytes[1];
    }
    const spi = high * 65536 + slot;
    this.#reserved.set(slot, spi);
    return spi;
  }

  /** An SPI that no SA came of. @throws PlaneError unknown */
  release(spi: number): void {
    const slot = this.#reservedSlot(spi);
    this.#reserved.delete(slot);
    this.#put(slot);
  }

  /** Makes the inbound SA of a reserved SPI; its slot. It opens packets at once. @throws PlaneError unknown, invalid */
  addInbound(keys: SaKeys, fields: Omit<SaFields, "direction">): number {
    const slot = this.#reservedSlot(keys.spi);
    this.#write(slot, keys, { ...fields, direction: "in" });
    this.#reserved.delete(slot);
    return slot;
  }

  /** Makes an outbound SA; its slot. @throws PlaneError full, invalid */
  addOutbound(keys: SaKeys, fields: Omit<SaFields, "direction">): number {
    // Any will do; out of the fullest, so that none runs out while there are others.
    const sizes = this.#free.map(({ size }) => size);
    const slot = this.#take(sizes.indexOf(Math.max(...sizes)));
    if (slot === undefined) throw new PlaneError("full", "All SA slots are in use; raise the limit of SAs.");
    try {
      this.#write(slot, keys, { ...fields, direction: "out" });
    } catch (error) {
      this.#put(slot);
      throw error;
    }
    return slot;
  }

  /** Ends an SA: no packet is taken on by it; wiped, and its slot free, when the epoch has passed. */
  remove(slot: number): void {
    const at = this.address(slot);
    Atomics.store(this.#memory.words, (at + SA_STATE) >>> 2, SA_FREE);
    Atomics.add(this.#memory.words, G_SA_ENDED >>> 2, 1);
    this.#epochs.retire(() => {
      this.#memory.bytes.fill(0, at, at + SA_STRIDE);
      this.#used.delete(slot);
      this.#put(slot);
    });
  }

  /** Datagrams go, or are expected, by this path from now on; control is told anew when they come by another. */
  setPath(slot: number, path: number): void {
    const at = this.address(slot);
    Atomics.store(this.#memory.words, (at + SA_PATH) >>> 2, path);
    this.clearMoved(slot);
  }

  /** Lets the worker report again that packets come from elsewhere. */
  clearMoved(slot: number): void {
    Atomics.store(this.#memory.words, (this.address(slot) + SA_MOVED) >>> 2, 0);
  }

  traffic(slot: number): SaTraffic {
    const at = this.address(slot);
    const { view } = this.#memory;
    return {
      packets: Number(view.getBigUint64(at + SA_PACKETS, true)),
      bytes: Number(view.getBigUint64(at + SA_BYTES, true)),
      last: view.getFloat64(at + SA_LAST, true),
      sequence: view.getBigUint64(at + SA_SEQUENCE, true),
      replayed: view.getUint32(at + SA_REPLAYED, true),
      forged: view.getUint32(at + SA_FORGED, true),
    };
  }

  address(slot: number): number {
    return this.#memory.regions.sas.base + slot * SA_STRIDE;
  }

  /** Slots that hold an SA, or did and wait for the epoch. */
  get used(): number {
    return this.#used.size;
  }

  /** Slots that an SA can be made in, now. */
  get free(): number {
    return this.#free.reduce((sum, { size }) => sum + size, 0);
  }

  /** Overwrites all keys; no worker runs any more. */
  wipe(): void {
    for (const slot of this.#used) this.#memory.bytes.fill(0, this.address(slot), this.address(slot) + SA_STRIDE);
    this.#used.clear();
  }

  /** The worker whose inbound SA this slot holds, or can hold. */
  workerOf(slot: number): number {
    return slot % this.#free.length;
  }

  #take(worker: number): number | undefined {
    this.#epochs.reclaim();
    const slot = this.#free[worker].take();
    const { words } = this.#memory;
    if (slot !== undefined && slot >= words[G_SA_REACH >>> 2]) Atomics.store(words, G_SA_REACH >>> 2, slot + 1);
    return slot;
  }

  #put(slot: number): void {
    this.#free[this.workerOf(slot)].put(slot);
  }

  #reservedSlot(spi: number): number {
    const slot = spi & 0xffff;
    if (this.#reserved.get(slot) !== spi) {
      throw new PlaneError("unknown", `The SPI 0x${spi.toString(16).padStart(8, "0")} was not reserved here.`);
    }
    return slot;
  }

  #write(slot: number, keys: SaKeys, fields: SaFields): void {
    const cipher = CIPHERS[keys.cipher];
    if (cipher === undefined || keys.key.length !== cipher.keyBytes || keys.salt.length !== 4) {
      throw new PlaneError("invalid", `The keys do not fit the cipher ${keys.cipher}.`);
    }
    const at = this.address(slot);
    const { view, bytes, words } = this.#memory;
    this.#used.add(slot);
    bytes.fill(0, at, at + SA_STRIDE);
    view.setUint32(at + SA_SPI, keys.spi, true);
    view.setUint32(at + SA_CIPHER, cipher.number, true);
    this.#generation = (this.#generation + 1) >>> 0;
    view.setUint32(at + SA_GENERATION, this.#generation, true);
    view.setUint32(at + SA_FLAGS, keys.esn ? SA_ESN : 0, true);
    bytes.set(keys.salt, at + SA_SALT);
    view.setUint32(at + SA_PATH, fields.path, true);
    view.setBigUint64(at + SA_SEQUENCE_LIMIT, keys.esn ? LIMIT_ESN : LIMIT, true);
    view.setUint32(at + SA_ADJ, fields.adjacency, true);
    view.setUint32(at + SA_VRF, fields.vrf, true);
    view.setUint32(at + SA_SELECTORS, fields.selectors, true);
    bytes.set(keys.key, this.#keyRoom);
    try {
      this.#expand(at, this.#keyRoom, keys.key.length);
    } finally {
      bytes.fill(0, this.#keyRoom, this.#keyRoom + 64);
    }
    // Last, so that a worker sees a whole SA or none.
    Atomics.store(words, (at + SA_STATE) >>> 2, fields.direction === "in" ? SA_IN : SA_OUT);
  }
}
