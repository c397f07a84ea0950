/**
 * A router's tables in memory, without a kernel: tunnels to as many peers as asked, and their far ends too, so that what one road
 * sealed the other can open.
 *
 *   VRF 1   out     TUN 0 → route → tunnel i → SA pair i seals
 *   VRF 2   in      SA pair i opens → route → TUN 1
 *   VRF 3   hub     SA pair i opens → route → tunnel j → sealed again (`hub(true)` moves the opening SAs there)
 */
import { randomBytes } from "node:crypto";
import * as L from "../../assembly/layout.ts";
import { COUNTERS } from "../../src/datapath/counters.ts";
import { Fib, type FibExports } from "../../src/datapath/fib.ts";
import { adviseTables, arenaOf, makeMemory, type PlaneMemory } from "../../src/datapath/memory.ts";
import { type FastPath, instantiate, loadModule } from "../../src/datapath/module.ts";
import type { Cipher } from "../../src/datapath/plane.ts";
import { routes } from "./routes.ts";

const VRF_OUT = 1;
const VRF_IN = 2;
const VRF_HUB = 3;
const CIPHERS: Readonly<Record<Cipher, readonly [number, number]>> = {
  chacha20poly1305: [L.CIPHER_CHACHA20_POLY1305, 32],
  aes128gcm16: [L.CIPHER_AES_128_GCM, 16],
  aes256gcm16: [L.CIPHER_AES_256_GCM, 32],
};

export interface BedOptions {
  readonly cipher: Cipher;
  /** Tunnels, each with an SA that seals and one that opens. 1 to 30,000. */
  readonly sas: number;
  /** Routes in VRF_OUT and VRF_HUB, at least as many as tunnels are used by. */
  readonly routes: number;
  readonly workers?: number;
  /** Sequence number that all SAs have reached. */
  readonly sequence?: bigint;
  /** Bytes of packets that may wait in each worker. Default 0: no tunnel can be held to a rate. */
  readonly shaper?: number;
}

export class PathBed {
  readonly memory: PlaneMemory;
  readonly module: WebAssembly.Module;
  readonly fast: FastPath;
  readonly fib: Fib;
  /** IPv4 addresses (host order), one inside each route, where packets may go to. */
  readonly destinations: Uint32Array;
  readonly #options: BedOptions;
  #pool: number;

  constructor(options: BedOptions) {
    this.#options = options;
    const { sas, cipher } = options;
    this.memory = makeMemory({
      workers: options.workers ?? 1,
      sas: 2 * sas + 2,
      adjacencies: sas + 16,
      fib: options.routes > 100_000 ? 384 << 20 : 32 << 20,
      shaper: options.shaper ?? 0,
    });
    adviseTables(this.memory);
    this.module = loadModule();
    this.fast = instantiate(this.module, this.memory.memory);
    this.fast.attach(0);
    this.fib = new Fib(this.memory.memory, this.fast as unknown as FibExports);
    const { regions } = this.memory;
    this.#pool = regions.pool.base;
    this.#set(L.G_SA_REACH, regions.sas.count);
    this.#set(L.G_TUN_VRFS, VRF_OUT);
    this.#set(L.G_TUN_VRFS + 4, VRF_IN);
    for (let worker = 0; worker < (options.workers ?? 1); worker++) {
      this.memory.view.setFloat64(arenaOf(regions, worker) + L.W_NOW, 1_000_000, true);
    }
    this.#adjacency(1, L.ADJ_LOCAL, 1);
    const keyAt = this.#block(32);
    const [number, keyBytes] = CIPHERS[cipher];
    let path = 0;
    const fill = (slot: number, spi: number, key: Uint8Array, salt: Uint8Array, vrf: number, index: number) => {
      const at = this.saAt(slot);
      this.#set(at + L.SA_SPI, spi);
      this.#set(at + L.SA_CIPHER, number);
      this.#set(at + L.SA_FLAGS, L.SA_ESN);
      this.memory.bytes.set(salt, at + L.SA_SALT);
      this.#set(at + L.SA_PATH, path);
      this.memory.view.setBigUint64(at + L.SA_SEQUENCE, options.sequence ?? 0n, true);
      this.memory.view.setBigUint64(at + L.SA_SEQUENCE_LIMIT, 2n ** 63n - 1n, true);
      this.#set(at + L.SA_ADJ, this.tunnel(index));
      this.#set(at + L.SA_VRF, vrf);
      this.memory.bytes.set(key, keyAt);
      this.fast.expand(at, keyAt, keyBytes);
      this.#set(at + L.SA_STATE, vrf === VRF_OUT ? L.SA_OUT : L.SA_IN);
    };
    for (let i = 0; i < sas; i++) {
      const key = randomBytes(keyBytes);
      const salt = randomBytes(4);
      // Each peer has a path of its own in memory, as it would have; where it leads is all the same here.
      path = this.#path();
      fill(this.slotIn(i), this.spiOf(i), key, salt, VRF_IN, i);
      fill(this.slotOut(i), this.spiOf(i), key, salt, VRF_OUT, i);
      this.#adjacency(this.tunnel(i), L.ADJ_TUNNEL, this.tunnel(i));
      const list = this.#block(L.CHILDREN_HEAD + L.CHILD_STRIDE);
      this.#set(list + L.CHILDREN_COUNT, 1);
      for (let worker = 0; worker < L.MAX_WORKERS; worker++) {
        // Two workers must not share a sequence number: each has a tunnel of its own in the scaling test.
        this.#set(list + L.CHILDREN_HEAD + L.CHILD_SAS + worker * 4, this.saAt(this.slotOut((i + worker) % sas)));
      }
      this.#set(this.adjacencyAt(this.tunnel(i)) + L.ADJ_CHILDREN, list);
    }
    const prefixes = routes(options.routes);
    this.destinations = new Uint32Array(prefixes.length);
    let four = 0;
    prefixes.forEach((prefix, i) => {
      for (const vrf of [VRF_OUT, VRF_HUB]) this.fib.set(vrf, prefix, this.tunnel(i % sas));
      if (prefix.address.length === 4) {
        const [a = 0, b = 0, c = 0, d = 0] = prefix.address;
        this.destinations[four++] = ((a << 24) | (b << 16) | (c << 8) | d) + (prefix.length < 32 ? 1 : 0);
      }
    });
    this.destinations = this.destinations.subarray(0, four);
    const all = { address: new Uint8Array(4), length: 0 };
    this.fib.set(VRF_IN, all, 1);
  }

  slotIn(i: number): number {
    return i;
  }
  slotOut(i: number): number {
    return this.#options.sas + i;
  }
  saAt(slot: number): number {
    return this.memory.regions.sas.base + slot * L.SA_STRIDE;
  }
  /** Index of the adjacency of tunnel `i`. */
  tunnel(i: number): number {
    return 2 + i;
  }
  adjacencyAt(index: number): number {
    return this.memory.regions.adjacencies.base + index * L.ADJ_STRIDE;
  }
  /** An SPI that leads to the slot that opens. */
  spiOf(i: number): number {
    return 0x51000000 + i;
  }

  /** Whether what was opened goes on to another tunnel, or to TUN 1. */
  hub(on: boolean): void {
    for (let i = 0; i < this.#options.sas; i++) this.#set(this.saAt(this.slotIn(i)) + L.SA_VRF, on ? VRF_HUB : VRF_IN);
  }

  /** Reasons for which packets were dropped, in words; empty: none was. */
  drops(): string {
    const counters = arenaOf(this.memory.regions, 0) + L.W_COUNTERS;
    return COUNTERS.filter(({ drop }) => drop)
      .map(({ name, index }) => ({ name, count: this.memory.view.getBigUint64(counters + index * 8, true) }))
      .filter(({ count }) => count > 0n)
      .map(({ name, count }) => `${count} ${name}`)
      .join(", ");
  }

  #set(at: number, value: number): void {
    this.memory.view.setUint32(at, value, true);
  }

  #block(bytes: number): number {
    const at = this.#pool;
    this.#pool += (bytes + 63) & ~63;
    return at;
  }

  #adjacency(index: number, kind: number, tunOrId: number): void {
    const at = this.adjacencyAt(index);
    this.#set(at + (kind === L.ADJ_LOCAL ? L.ADJ_TUN : L.ADJ_ID), tunOrId);
    this.#set(at + L.ADJ_KIND, kind);
  }

  /** 192.0.2.2 port 4500, from 192.0.2.1. */
  #path(): number {
    const at = this.#block(L.PATH_SIZE);
    this.#set(at + L.PATH_SOCKET, L.SOCKET_NAT4);
    this.#set(at + L.PATH_NAME_LENGTH, 16);
    this.memory.bytes.set([2, 0, 4500 >> 8, 4500 & 255, 192, 0, 2, 2], at + L.PATH_NAME);
    this.memory.bytes.set([192, 0, 2, 1], at + L.PATH_SOURCE);
    return at;
  }
}
