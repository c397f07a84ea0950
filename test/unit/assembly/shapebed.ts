/**
 * Shaped tunnels without a kernel and without a clock: real tables, the loop's steps by hand. Nothing is sealed, so what would
 * leave can be read as it was before.
 */
import * as L from "../../../assembly/layout.ts";
import { Adjacencies } from "../../../src/datapath/adjacency.ts";
import { COUNTERS } from "../../../src/datapath/counters.ts";
import { Epochs } from "../../../src/datapath/epoch.ts";
import { Fib, type FibExports } from "../../../src/datapath/fib.ts";
import { Filters } from "../../../src/datapath/filter.ts";
import { arenaOf, makeMemory, type PlaneMemory, shaperOf } from "../../../src/datapath/memory.ts";
import { type FastPath, instantiate, loadModule } from "../../../src/datapath/module.ts";
import type { FilterHits, FilterRules } from "../../../src/datapath/rules.ts";
import { Shapes } from "../../../src/datapath/shapes.ts";
import { type Vnet, vnetHeader } from "./harness.ts";

const module = loadModule();
const VRF = 1;

export interface BedOptions {
  readonly workers?: number;
  readonly tunnels?: number;
  /** Bytes for packets that wait, a worker. */
  readonly shaper?: number;
}

export type Offered = Uint8Array | readonly [Vnet, Uint8Array];

export class ShapeBed {
  readonly memory: PlaneMemory;
  readonly shapes: Shapes;
  readonly adjacencies: Adjacencies;
  /** Next hops: tunnel i is where 10.i/16 and fd00:i::/32 lead. */
  readonly tunnels: readonly number[];
  /** Nanoseconds. */
  now = 1e12;
  readonly #fast: FastPath[];
  readonly #fib: Fib;
  readonly #epochs: Epochs;
  readonly #doubles: Float64Array;
  #pool: number;

  constructor({ workers = 1, tunnels = 1, shaper = 32 << 20 }: BedOptions = {}) {
    const memory = makeMemory({ workers, sas: tunnels + 2, adjacencies: tunnels + 8, fib: 1 << 20, shaper });
    this.memory = memory;
    this.#doubles = new Float64Array(memory.memory.buffer);
    this.#pool = memory.regions.pool.base;
    this.#epochs = new Epochs(memory);
    this.adjacencies = new Adjacencies(memory, this.#epochs);
    this.shapes = new Shapes(memory, this.adjacencies);
    this.#fast = Array.from({ length: workers }, (_, worker) => {
      const fast = instantiate(module, memory.memory);
      fast.attach(worker);
      return fast;
    });
    const fib = new Fib(memory.memory, this.#fast[0] as unknown as FibExports);
    this.#fib = fib;
    const path = this.#block(L.PATH_SIZE);
    this.#set(path + L.PATH_SOCKET, L.SOCKET_NAT4);
    this.#set(path + L.PATH_NAME_LENGTH, 16);
    this.#set(L.G_TUN_VRFS, VRF);
    this.#set(L.G_TUN_FLAGS, L.TUN_VNET);
    this.#set(L.G_OFFLOAD, L.OFFLOAD_GSO);
    this.tunnels = Array.from({ length: tunnels }, (_, i) => {
      const tunnel = this.adjacencies.add(L.ADJ_TUNNEL, { mtu: 9000 });
      this.#publish(tunnel, i + 1, path);
      fib.set(VRF, { address: Uint8Array.of(10, i, 0, 0), length: 16 }, tunnel);
      const six = new Uint8Array(16);
      six.set([0xfd, 0, 0, i]);
      fib.set(VRF, { address: six, length: 32 }, tunnel);
      return tunnel;
    });
    this.at(this.now);
  }

  /** A further next hop of tunnel `i` into this zone, where 10.OCTET/16 leads from now on. */
  hop(i: number, zone: number, octet: number): number {
    const hop = this.adjacencies.addHop(this.tunnels[i]!, zone);
    this.#fib.set(VRF, { address: Uint8Array.of(10, octet, 0, 0), length: 16 }, hop);
    return hop;
  }

  /** The TUN gets a filter; its hits. */
  guard(rules: FilterRules): () => FilterHits {
    const filters = new Filters(this.memory, this.#epochs, this.adjacencies);
    const filter = filters.add(rules);
    filters.setTun({ adjacency: this.adjacencies.add(L.ADJ_LOCAL, { tun: 0 }), tun: 0 }, filter);
    return () => filters.hits(filter);
  }

  /** The clock stands at `now`, nanoseconds, for all workers. */
  at(now: number): void {
    this.now = now;
    for (let worker = 0; worker < this.#fast.length; worker++) {
      this.#doubles[(shaperOf(this.memory.regions, worker) + L.SHAPER_CLOCK) / 8] = now;
    }
  }

  /** Packets come out of the TUN; what would leave at once. */
  offer(packets: readonly Offered[], worker = 0): Buffer[] {
    const arena = arenaOf(this.memory.regions, worker);
    const out: Buffer[] = [];
    for (let base = 0; base < packets.length; base += L.BATCH) {
      const batch = packets.slice(base, base + L.BATCH);
      for (const [index, entry] of batch.entries()) {
        const [vnet, packet] = entry instanceof Uint8Array ? [{}, entry] : entry;
        const at = arena + L.TUNRX + index * L.SLOT_STRIDE + L.SLOT_HEADROOM;
        this.memory.bytes.set(vnetHeader(vnet), at - 10);
        this.memory.bytes.set(packet, at);
        this.#set(arena + L.TUNLEN + index * 4, packet.length);
      }
      for (let first = 0; first < batch.length; ) {
        first += this.#fast[worker]!.outbound(0, first, batch.length);
        out.push(...this.#flush(worker));
      }
    }
    return out;
  }

  /** What the loop does when time has come; what would leave. */
  depart(worker = 0): Buffer[] {
    const out: Buffer[] = [];
    if (this.lines(worker) === 0 || this.due(worker) > this.now) return out;
    let more: boolean;
    do {
      more = Boolean(this.#fast[worker]!.depart());
      out.push(...this.#flush(worker));
    } while (more);
    return out;
  }

  reshape(): void {
    for (const fast of this.#fast) fast.reshape();
  }

  lines(worker = 0): number {
    return this.#get(shaperOf(this.memory.regions, worker) + L.SHAPER_LINES_USED);
  }

  cells(worker = 0): number {
    return this.#get(shaperOf(this.memory.regions, worker) + L.SHAPER_CELLS_USED);
  }

  due(worker = 0): number {
    return this.#doubles[(shaperOf(this.memory.regions, worker) + L.SHAPER_DUE) / 8]!;
  }

  /** Of all workers, those that are not 0. */
  counters(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (let worker = 0; worker < this.#fast.length; worker++) {
      const at = arenaOf(this.memory.regions, worker) + L.W_COUNTERS;
      for (const { index, name } of COUNTERS) {
        const value = Number(this.memory.view.getBigUint64(at + index * 8, true));
        if (value > 0) sums[name] = (sums[name] ?? 0) + value;
      }
    }
    return sums;
  }

  /** The tunnel's Child SAs go. */
  cutOff(tunnel: number): void {
    this.adjacencies.setChildren(this.tunnels[tunnel]!, 0);
  }

  /** Tunnel `i` sends on another SA from now on: the one of slot 0. */
  rekey(i: number): void {
    this.#publish(this.tunnels[i]!, 0, this.memory.regions.pool.base);
  }

  /** Sequence number that the SA of a slot used last; tunnel i begins with slot i + 1. */
  sequence(slot: number): number {
    return Number(this.memory.view.getBigUint64(this.#saAt(slot) + L.SA_SEQUENCE, true));
  }

  #saAt(slot: number): number {
    return this.memory.regions.sas.base + slot * L.SA_STRIDE;
  }

  #publish(tunnel: number, slot: number, path: number): void {
    const sa = this.#saAt(slot);
    this.#set(sa + L.SA_SPI, 0x1000 + slot);
    this.#set(sa + L.SA_CIPHER, L.CIPHER_CHACHA20_POLY1305);
    this.#set(sa + L.SA_PATH, path);
    this.memory.view.setBigUint64(sa + L.SA_SEQUENCE_LIMIT, 2n ** 62n, true);
    this.#set(sa + L.SA_STATE, L.SA_OUT);
    const list = this.#block(L.CHILDREN_HEAD + L.CHILD_STRIDE);
    this.#set(list + L.CHILDREN_COUNT, 1);
    for (let worker = 0; worker < L.MAX_WORKERS; worker++) {
      this.#set(list + L.CHILDREN_HEAD + L.CHILD_SAS + worker * 4, sa);
    }
    this.adjacencies.setChildren(tunnel, list);
  }

  /** Inner packets of the ops that wait to be sealed, in the order of their sequence numbers; then the send side is empty again. */
  #flush(worker: number): Buffer[] {
    const arena = arenaOf(this.memory.regions, worker);
    const out: Buffer[] = [];
    const ops = this.#get(arena + L.W_OP_COUNT);
    for (let index = 0; index < ops; index++) {
      const op = arena + L.SEAL_OPS + index * L.OP_STRIDE;
      const text = this.#get(op + L.OP_TEXT);
      const length = this.#get(op + L.OP_LENGTH);
      const pad = this.memory.bytes[text + length - 2]!;
      out.push(Buffer.from(this.memory.bytes.slice(text, text + length - 2 - pad)));
    }
    this.#set(arena + L.W_OP_COUNT, 0);
    this.#fast[worker]!.flushed();
    return out;
  }

  #block(bytes: number): number {
    const at = this.#pool;
    this.#pool += (bytes + 63) & ~63;
    return at;
  }

  #get(at: number): number {
    return this.memory.view.getUint32(at, true);
  }

  #set(at: number, value: number): void {
    this.memory.view.setUint32(at, value, true);
  }
}
