/**
 * A memory laid out as src/datapath/memory would, and its tables, published directly. Lay-out comes from assembly/layout; all
 * packet bytes are checked elsewhere (packets.ts, oracle.ts).
 */

import { readFileSync } from "node:fs";
import * as L from "../../../assembly/layout.ts";
import { Fib } from "../../../src/datapath/fib.ts";
import type { FilterRules } from "../../../src/datapath/rules.ts";
import { encodeRuleSet, sizeOfSet } from "../../../src/datapath/ruleset.ts";
import { type End, sockaddr } from "./kernel.ts";
import type { Keys } from "./oracle.ts";
import { address } from "./packets.ts";

const module = new WebAssembly.Module(readFileSync(new URL("../../../build/vcpe.wasm", import.meta.url)));
const CIPHER_NUMBERS = {
  chacha20poly1305: L.CIPHER_CHACHA20_POLY1305,
  aes128gcm16: L.CIPHER_AES_128_GCM,
  aes256gcm16: L.CIPHER_AES_256_GCM,
};

/** Any number will do for the host address of WASM address 0: nothing here dereferences it. */
export const HOST = 0x7f12_3400_0000n;
const ADJ_BASE = 0x60000;
const ADJ_COUNT = 64;
const SA_BASE = 0x70000;
const POOL_SIZE = 0x100000;
const FIB_SIZE = 0x400000;

export interface SelectorText {
  readonly low: string;
  readonly high: string;
  readonly protocol?: number;
  readonly ports?: readonly [number, number];
}

export class Tables {
  readonly memory: WebAssembly.Memory;
  readonly view: DataView;
  readonly bytes: Buffer;
  readonly arena: number;
  readonly fib: Fib;
  /** The instance of worker 0. */
  readonly exports: WebAssembly.Exports;
  readonly workers: number;
  #pool: number;
  #adjacencies = 1;
  #tuns = 0;
  #generations = 0;
  #domains = 0;

  constructor(
    options: {
      readonly sas?: number;
      readonly icmpRate?: number;
      readonly workers?: number;
      /** Places of the flow table, a power of two. */
      readonly flows?: number;
    } = {},
  ) {
    const sas = options.sas ?? 1024;
    const pool = (SA_BASE + sas * L.SA_STRIDE + 0xffff) & ~0xffff;
    const fib = pool + POOL_SIZE;
    const flows = fib + FIB_SIZE;
    const places = options.flows ?? 1024;
    const arenas = (flows + places * L.FLOW_ENTRY + 0xffff) & ~0xffff;
    const workers = options.workers ?? 1;
    this.workers = workers;
    const pages = (arenas + workers * L.ARENA_SIZE) / 65536;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
    this.view = new DataView(this.memory.buffer);
    this.bytes = Buffer.from(this.memory.buffer);
    this.arena = arenas;
    this.#pool = pool;
    const globals: [number, number][] = [
      [L.G_EPOCH, 1],
      [L.G_WORKERS, workers],
      [L.G_ADJ_BASE, ADJ_BASE],
      [L.G_ADJ_COUNT, ADJ_COUNT],
      [L.G_SA_BASE, SA_BASE],
      [L.G_SA_REACH, sas],
      [L.G_POOL_BASE, pool],
      [L.G_POOL_SIZE, POOL_SIZE],
      [L.G_FIB_BASE, fib],
      [L.G_FIB_SIZE, FIB_SIZE],
      [L.G_FLOWS_BASE, flows],
      [L.G_FLOWS_PLACES, places],
      [L.G_FLOWS_KEY, 0x03020100],
      [L.G_FLOWS_KEY + 4, 0x07060504],
      [L.G_FLOWS_KEY + 8, 0x0b0a0908],
      [L.G_FLOWS_KEY + 12, 0x0f0e0d0c],
      [L.G_ARENAS_BASE, arenas],
      [L.G_ICMP_RATE, options.icmpRate ?? 1000],
    ];
    for (const [at, value] of globals) this.set32(at, value);
    this.view.setBigUint64(L.G_HOST_BASE, HOST, true);
    this.exports = this.instance(0);
    this.fib = new Fib(this.memory, this.exports as never);
    this.at(1_000_000);
  }

  /** Another instance on the same memory, bound to a worker. */
  instance(worker: number): WebAssembly.Exports {
    const made = new WebAssembly.Instance(module, { env: { memory: this.memory } }).exports;
    made.attach(worker);
    return made;
  }

  /** Sets the workers' clock, ms. */
  at(now: number): void {
    for (let worker = 0; worker < this.workers; worker++) {
      this.view.setFloat64(this.arena + worker * L.ARENA_SIZE + L.W_NOW, now, true);
    }
  }

  get32(at: number): number {
    return this.view.getUint32(at, true);
  }

  set32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  get64(at: number): bigint {
    return this.view.getBigUint64(at, true);
  }

  vrfAddresses(vrf: number, ...addresses: string[]): void {
    for (const text of addresses) {
      const bytes = address(text);
      this.bytes.set(bytes, L.VRFS + vrf * L.VRF_STRIDE + (bytes.length === 4 ? L.VRF_ADDR4 : L.VRF_ADDR6));
    }
  }

  route(vrf: number, prefix: string, adjacency: number): void {
    const [text = "", length] = prefix.split("/");
    this.fib.set(vrf, { address: address(text), length: Number(length) }, adjacency);
  }

  adjacency(kind: number, fields: { tun?: number; mtu?: number; id?: number } = {}): number {
    const index = this.#adjacencies++;
    const at = this.adjacencyAt(index);
    this.set32(at + L.ADJ_TUN, fields.tun ?? 0);
    this.set32(at + L.ADJ_MTU, fields.mtu ?? 0);
    this.set32(at + L.ADJ_ID, fields.id ?? index);
    this.set32(at + L.ADJ_KIND, kind);
    return index;
  }

  adjacencyAt(index: number): number {
    return ADJ_BASE + index * L.ADJ_STRIDE;
  }

  /** A TUN device whose packets belong to `vrf`; its index and its adjacency. */
  tun(vrf: number): { tun: number; adjacency: number } {
    const tun = this.#tuns++;
    this.set32(L.G_TUN_VRFS + tun * 4, vrf);
    return { tun, adjacency: this.adjacency(L.ADJ_LOCAL, { tun }) };
  }

  /** A rule set of its own generation; its address. */
  ruleSet(rules: FilterRules): number {
    const at = this.block(sizeOfSet(rules, this.workers));
    this.bytes.set(encodeRuleSet(rules, ++this.#generations, this.workers, at), at);
    return at;
  }

  /** Puts a guard with these rules at a TUN device; its address. */
  guard({ tun, adjacency }: { readonly tun: number; readonly adjacency: number }, rules: FilterRules): number {
    const guard = this.block(L.GUARD_SIZE);
    this.set32(guard + L.GUARD_DOMAIN, ++this.#domains);
    this.set32(guard + L.GUARD_SET, this.ruleSet(rules));
    this.set32(L.G_GUARDS, this.#domains);
    this.set32(this.adjacencyAt(adjacency) + L.ADJ_GUARD, guard);
    this.set32(L.G_TUN_GUARDS + tun * 4, guard);
    return guard;
  }

  /** The hits of the set that a guard points at, summed up: of its rules in order, then of the defaults in and out. */
  hits(guard: number, rules: FilterRules): number[] {
    const set = this.get32(guard + L.GUARD_SET);
    return Array.from({ length: rules.rules.length + 2 }, (_, index) => {
      let sum = 0;
      for (let worker = 0; worker < this.workers; worker++) {
        const at = this.get32(set + L.SET_HITS) + worker * this.get32(set + L.SET_HITS_STRIDE) + index * 8;
        sum += Number(this.get64(at));
      }
      return sum;
    });
  }

  /** TUN_* of a device: what it is read and written with. */
  setFlags(tun: number, flags: number): void {
    this.set32(L.G_TUN_FLAGS + tun * 4, flags);
  }

  flagsOf(tun: number): number {
    return this.get32(L.G_TUN_FLAGS + tun * 4);
  }

  /** A block of the pool. */
  block(bytes: number): number {
    const at = this.#pool;
    this.#pool += (bytes + 63) & ~63;
    return at;
  }

  path(to: End, source?: string): number {
    const at = this.block(L.PATH_SIZE);
    const name = sockaddr(to);
    this.set32(at + L.PATH_SOCKET, name.length === 16 ? L.SOCKET_NAT4 : L.SOCKET_NAT6);
    this.set32(at + L.PATH_NAME_LENGTH, name.length);
    this.bytes.set(name, at + L.PATH_NAME);
    if (source) this.bytes.set(address(source), at + L.PATH_SOURCE);
    return at;
  }

  selectors(local: readonly SelectorText[], remote: readonly SelectorText[]): number {
    const all = [...local, ...remote];
    const set = this.block(L.SELECTORS_HEAD + all.length * L.SELECTOR_STRIDE);
    this.set32(set + L.SELECTORS_LOCALS, local.length);
    this.set32(set + L.SELECTORS_REMOTES, remote.length);
    for (const [index, entry] of all.entries()) {
      const at = set + L.SELECTORS_HEAD + index * L.SELECTOR_STRIDE;
      const low = address(entry.low);
      this.bytes[at + L.SELECTOR_FAMILY] = low.length === 4 ? 4 : 6;
      this.bytes[at + L.SELECTOR_PROTOCOL] = entry.protocol ?? 0;
      this.view.setUint16(at + L.SELECTOR_PORT_LOW, entry.ports?.[0] ?? 0, true);
      this.view.setUint16(at + L.SELECTOR_PORT_HIGH, entry.ports?.[1] ?? 65535, true);
      this.bytes.set(low, at + L.SELECTOR_LOW);
      this.bytes.set(address(entry.high), at + L.SELECTOR_HIGH);
    }
    return set;
  }

  /** Publishes a child list for a tunnel: a selector set (0: any) and an outbound SA for all workers, each. */
  children(adjacency: number, ...children: { selectors?: number; sa: number }[]): void {
    const list = this.block(L.CHILDREN_HEAD + children.length * L.CHILD_STRIDE);
    this.set32(list + L.CHILDREN_COUNT, children.length);
    for (const [index, child] of children.entries()) {
      const at = list + L.CHILDREN_HEAD + index * L.CHILD_STRIDE;
      this.set32(at + L.CHILD_SELECTORS, child.selectors ?? 0);
      for (let worker = 0; worker < L.MAX_WORKERS; worker++) this.set32(at + L.CHILD_SAS + worker * 4, child.sa);
    }
    this.set32(this.adjacencyAt(adjacency) + L.ADJ_CHILDREN, list);
  }

  /** Fills an SA slot; its address. An inbound one lives where its SPI says, an outbound one at `slot`. */
  sa(
    keys: Keys,
    fields: {
      slot?: number;
      path?: number;
      adjacency?: number;
      vrf?: number;
      selectors?: number;
      sequence?: bigint;
      limit?: bigint;
    },
  ): number {
    const sa = SA_BASE + (fields.slot ?? keys.spi & 0xffff) * L.SA_STRIDE;
    this.bytes.fill(0, sa, sa + L.SA_STRIDE);
    this.set32(sa + L.SA_SPI, keys.spi);
    this.set32(sa + L.SA_CIPHER, CIPHER_NUMBERS[keys.cipher]);
    this.set32(sa + L.SA_FLAGS, keys.esn ? L.SA_ESN : 0);
    this.bytes.set(keys.salt, sa + L.SA_SALT);
    this.set32(sa + L.SA_PATH, fields.path ?? 0);
    this.view.setBigUint64(sa + L.SA_SEQUENCE, fields.sequence ?? 0n, true);
    const limit = keys.esn ? 0xffffffffffffffffn : 0xffffffffn;
    this.view.setBigUint64(sa + L.SA_SEQUENCE_LIMIT, fields.limit ?? limit, true);
    this.set32(sa + L.SA_ADJ, fields.adjacency ?? 0);
    this.set32(sa + L.SA_VRF, fields.vrf ?? 0);
    this.set32(sa + L.SA_SELECTORS, fields.selectors ?? 0);
    const key = this.block(32);
    this.bytes.set(keys.key, key);
    this.exports.expand(sa, key, keys.key.length);
    this.set32(sa + L.SA_STATE, fields.slot === undefined ? L.SA_IN : L.SA_OUT);
    return sa;
  }
}
