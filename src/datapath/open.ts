/**
 * Opens the datapath: the shared memory, the sockets, the workers, and the control side's tables on top. What is written
 * where is in the files that this one composes; here is only the order.
 */

import { randomBytes } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  ADJ_BLACKHOLE,
  ADJ_LOCAL,
  ADJ_PROHIBIT,
  ADJ_TUNNEL,
  EPOCH_IDLE,
  G_OFFLOAD,
  MAX_TUNS,
  MAX_VRFS,
  OFFLOAD_GSO,
  SOCKET_NAT4,
  SOCKET_NAT6,
  W_EPOCH,
  W_GSO_REFUSED,
} from "../../assembly/layout.ts";
import { allowedCpus } from "../linux/affinity.ts";
import { raiseFiles } from "../linux/files.ts";
import { Adjacencies } from "./adjacency.ts";
import { Children } from "./children.ts";
import { ChildSas } from "./childsas.ts";
import { chooseEngines, nativeFrom } from "./choose.ts";
import { Commands } from "./commands.ts";
import { ControlSender } from "./controlsend.ts";
import type { Engines, NativeFrom } from "./engine.ts";
import { Epochs } from "./epoch.ts";
import { PlaneError } from "./error.ts";
import { Events } from "./events.ts";
import { Fib, type FibExports } from "./fib.ts";
import { Filters } from "./filter.ts";
import { flowTable } from "./flows.ts";
import { adviseTables, arenaOf, makeMemory, type PlaneMemory } from "./memory.ts";
import { PAUSE } from "./moderation.ts";
import { type FastPath, instantiate, loadModule } from "./module.ts";
import { ALL_OFFLOADS, type Offload, Offloads } from "./offload.ts";
import type {
  ChildHandle,
  FilterHandle,
  FilterHits,
  FilterRules,
  FlowTable,
  IkeDatagram,
  Outer,
  Plane,
  PlaneEvent,
  PlaneOptions,
  Prefix,
  ShapeTraffic,
  TableUsage,
  WorkerLoad,
} from "./plane.ts";
import { Pool } from "./pool.ts";
import { Ring } from "./ring.ts";
import { SaSlots } from "./sa.ts";
import { Selectors } from "./selectors.ts";
import { Shapes, WAITING } from "./shapes.ts";
import { closeSockets, openSockets, type Sockets } from "./sockets.ts";
import { loads, tally } from "./tally.ts";
import { Trial } from "./trial.ts";
import { Tuns } from "./tuns.ts";
import { Vrfs } from "./vrf.ts";
import { Workers } from "./workers.ts";

/** Milliseconds for which records of a ring are handled without a pause. */
const SHARE = 5;

/** Files beside the TUN devices'. */
const OTHER_FILES = 1024;

/** Milliseconds until FIB nodes that wait for the epoch are looked at again. */
const RECLAIM = 20;

/**
 * Opens the datapath; resolves when every worker is in its loop.
 *
 * @throws PlaneError not-built, limits, engine, worker; LinuxError port-taken, address-not-here, not-permitted …; nothing is left open
 */
export async function openPlane(options: PlaneOptions): Promise<Plane> {
  const module = loadModule();
  // A descriptor for each queue of a TUN device, and for sockets, Node.js and the status API.
  raiseFiles(MAX_TUNS * options.workers + OTHER_FILES);
  const memory = makeMemory({ ...options, shaper: options.shaper ?? WAITING });
  const hugePages = adviseTables(memory);
  const { engines, from } = tryEngines(module, options);
  const sockets = openSockets(options);
  const offloads = new Offloads(options.offload ?? ALL_OFFLOADS);
  for (const set of sockets.sets) {
    for (const index of [SOCKET_NAT4, SOCKET_NAT6]) {
      const socket = set[index];
      if (socket !== undefined) offloads.prepareSocket(socket.fd);
    }
  }
  memory.view.setUint32(G_OFFLOAD, offloads.isOn("gso") ? OFFLOAD_GSO : 0, true);
  const commands: Commands[] = [];
  let plane: OpenPlane | undefined;
  try {
    for (let worker = 0; worker < options.workers; worker++) commands.push(new Commands());
    const cpus = options.pin ? allowedCpus() : undefined;
    const pause = options.moderation ?? PAUSE;
    plane = new OpenPlane(memory, hugePages, module, sockets, commands, engines, from, offloads, cpus, pause);
    await plane.start();
    return plane;
  } catch (error) {
    if (plane !== undefined) await plane.close();
    else {
      for (const one of commands) one.close();
      closeSockets(sockets);
    }
    throw error;
  }
}

/** Chooses the engines, and warms up what they run. @throws PlaneError engine, limits */
function tryEngines(module: WebAssembly.Module, options: PlaneOptions): { engines: Engines; from: NativeFrom } {
  const trial = new Trial(module);
  try {
    const engines = chooseEngines(trial, options.engines);
    return { engines, from: nativeFrom(trial, engines, options.engines) };
  } finally {
    trial.close();
  }
}

class OpenPlane implements Plane {
  readonly ikePort: number;
  readonly natPort: number;
  readonly blackhole: number;
  readonly prohibit: number;
  onIke: (datagram: IkeDatagram) => void = () => {};
  onEvent: (event: PlaneEvent) => void = () => {};

  readonly #memory: PlaneMemory;
  readonly #hugePages: string;
  readonly #sockets: Sockets;
  readonly #offloads: Offloads;
  readonly #commands: readonly Commands[];
  readonly #epochs: Epochs;
  readonly #adjacencies: Adjacencies;
  readonly #shapes: Shapes;
  readonly #vrfs: Vrfs;
  readonly #fib: Fib;
  readonly #slots: SaSlots;
  readonly #pool: Pool;
  readonly #tuns: Tuns;
  readonly #filters: Filters;
  readonly #fast: FastPath;
  /** Adjacency → index of its TUN. */
  readonly #tunOf = new Map<number, number>();
  readonly #children: ChildSas;
  readonly #rings: readonly Ring[];
  readonly #events: Events;
  readonly #workers: Workers;
  readonly #sender: ControlSender;
  readonly #engines: Engines;
  readonly #nativeFrom: NativeFrom;
  #reclaim: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;
  readonly #atExit = (): void => this.#workers.tellStop();

  constructor(
    memory: PlaneMemory,
    hugePages: string,
    module: WebAssembly.Module,
    sockets: Sockets,
    commands: readonly Commands[],
    engines: Engines,
    from: NativeFrom,
    offloads: Offloads,
    cpus: readonly number[] | undefined,
    pause: number,
  ) {
    this.#offloads = offloads;
    this.#memory = memory;
    this.#hugePages = hugePages;
    this.#engines = engines;
    this.#nativeFrom = from;
    this.#sockets = sockets;
    this.#commands = commands;
    this.#sender = new ControlSender(sockets);
    this.ikePort = sockets.ikePort;
    this.natPort = sockets.natPort;
    const fast = instantiate(module, memory.memory);
    this.#fast = fast;
    this.#epochs = new Epochs(memory);
    const pool = new Pool(memory);
    this.#pool = pool;
    const selectors = new Selectors(memory, pool, this.#epochs);
    this.#adjacencies = new Adjacencies(memory, this.#epochs);
    this.#shapes = new Shapes(memory, this.#adjacencies);
    this.#vrfs = new Vrfs(memory);
    this.#fib = new Fib(memory.memory, fast as unknown as FibExports);
    this.#slots = new SaSlots(memory, pool, this.#epochs, fast.expand, randomBytes);
    this.#tuns = new Tuns(memory, commands, offloads);
    this.#filters = new Filters(memory, this.#epochs, this.#adjacencies);
    this.#children = new ChildSas({
      memory,
      pool,
      epochs: this.#epochs,
      selectors,
      slots: this.#slots,
      adjacencies: this.#adjacencies,
      children: new Children(memory, pool, this.#epochs, this.#adjacencies),
      ikePort: this.ikePort,
    });
    this.blackhole = this.#adjacencies.add(ADJ_BLACKHOLE);
    this.prohibit = this.#adjacencies.add(ADJ_PROHIBIT);
    this.#rings = commands.map((_, worker) => new Ring(memory, arenaOf(memory.regions, worker)));
    this.#events = new Events({
      children: this.#children,
      slots: this.#slots,
      ikePort: this.ikePort,
      natPort: this.natPort,
      onIke: (datagram) => this.onIke(datagram),
      onEvent: (event) => this.onEvent(event),
      clock: () => performance.now(),
    });
    this.#workers = new Workers(memory, module, sockets.sets, commands, engines, from, cpus, pause, {
      failed: (error) => this.#failed(error),
      tunGone: (tun) => this.#tunGone(tun),
    });
    // A thread inside epoll_wait would hold up the end of the process.
    process.on("exit", this.#atExit);
  }

  /** Resolves when the workers run; then listens to their rings. */
  async start(): Promise<void> {
    await this.#workers.ready();
    for (const ring of this.#rings) this.#listen(ring).catch((error) => this.#failed(error));
  }

  sendIke(datagram: IkeDatagram): boolean {
    return this.#sender.ike(datagram);
  }

  sendKeepalive(outer: Outer): boolean {
    return this.#sender.keepalive(outer);
  }

  addVrf(): number {
    return this.#vrfs.add();
  }

  removeVrf(vrf: number): void {
    this.#vrfs.check(vrf);
    this.#fib.clear(vrf);
    this.#reclaimFib();
    this.#vrfs.remove(vrf);
  }

  setVrfAddresses(vrf: number, addresses: readonly Uint8Array[]): void {
    this.#vrfs.setAddresses(vrf, addresses);
  }

  addTun(name: string, vrf: number): number {
    this.#vrfs.check(vrf);
    const tun = this.#tuns.add(name, vrf);
    try {
      const adjacency = this.#adjacencies.add(ADJ_LOCAL, { tun });
      this.#tunOf.set(adjacency, tun);
      return adjacency;
    } catch (error) {
      this.#tuns.remove(tun);
      throw error;
    }
  }

  removeTun(adjacency: number): void {
    this.setTunFilter(adjacency, undefined);
    this.#adjacencies.remove(adjacency, ADJ_LOCAL);
    this.#tuns.remove(this.#tunOf.get(adjacency)!);
    this.#tunOf.delete(adjacency);
  }

  addFilter(rules: FilterRules): FilterHandle {
    return this.#filters.add(rules);
  }

  changeFilter(filter: FilterHandle, rules: FilterRules): void {
    this.#filters.change(filter, rules);
  }

  removeFilter(filter: FilterHandle): void {
    this.#filters.remove(filter);
  }

  setTunFilter(adjacency: number, filter: FilterHandle | undefined): void {
    this.#adjacencies.check(adjacency, ADJ_LOCAL);
    this.#filters.setTun({ adjacency, tun: this.#tunOf.get(adjacency)! }, filter);
  }

  filterHits(filter: FilterHandle): FilterHits {
    return this.#filters.hits(filter);
  }

  flows(): FlowTable {
    return flowTable(this.#memory, this.#fast);
  }

  addTunnel(mtu: number, zone = 0): number {
    return this.#adjacencies.add(ADJ_TUNNEL, { mtu, zone });
  }

  setTunnelZone(adjacency: number, zone: number): void {
    this.#adjacencies.setOrigin(adjacency, zone);
  }

  addTunnelHop(adjacency: number, zone: number): number {
    return this.#adjacencies.addHop(adjacency, zone);
  }

  removeTunnelHop(hop: number): void {
    this.#adjacencies.removeHop(hop);
  }

  setTunnelMtu(adjacency: number, mtu: number): void {
    this.#adjacencies.setMtu(adjacency, mtu);
  }

  removeTunnel(adjacency: number): void {
    this.#adjacencies.check(adjacency, ADJ_TUNNEL);
    const left = this.#children.count(adjacency);
    if (left > 0) throw new PlaneError("in-use", `The tunnel still has ${left} Child SAs; remove them first.`);
    this.#adjacencies.remove(adjacency, ADJ_TUNNEL);
    this.#shapes.forget(adjacency);
  }

  setTunnelShape(adjacency: number, bitsPerSecond: number | undefined): void {
    this.#adjacencies.check(adjacency, ADJ_TUNNEL);
    this.#shapes.set(adjacency, bitsPerSecond);
    for (const commands of this.#commands) commands.nudge();
  }

  tunnelShape(adjacency: number): ShapeTraffic | undefined {
    this.#adjacencies.check(adjacency, ADJ_TUNNEL);
    return this.#shapes.traffic(adjacency);
  }

  setRoute(vrf: number, prefix: Prefix, adjacency: number): void {
    this.#vrfs.check(vrf);
    this.#adjacencies.check(adjacency);
    this.#fib.set(vrf, prefix, adjacency);
    this.#reclaimFib();
  }

  removeRoute(vrf: number, prefix: Prefix): void {
    this.#vrfs.check(vrf);
    this.#fib.remove(vrf, prefix);
    this.#reclaimFib();
  }

  reserveSpi(worker = 0): number | undefined {
    return this.#slots.reserve(worker);
  }

  releaseSpi(spi: number): void {
    this.#slots.release(spi);
  }

  addChild(child: Parameters<Plane["addChild"]>[0]): ChildHandle {
    this.#vrfs.check(child.vrf);
    return this.#children.add(child);
  }

  transmit(child: ChildHandle, instead?: ChildHandle): void {
    this.#children.transmit(child, instead);
  }

  retire(child: ChildHandle): void {
    this.#children.retire(child);
  }

  removeChild(child: ChildHandle): void {
    this.#children.remove(child);
  }

  setOuter(child: ChildHandle, outer: Outer): void {
    this.#children.setOuter(child, outer);
  }

  traffic(child: ChildHandle): ReturnType<Plane["traffic"]> {
    return this.#children.traffic(child);
  }

  counters(): Record<string, number> {
    // The last is not a worker's: what the control thread itself could not send.
    return { ...tally(this.#memory), "ike-send-refused": this.#sender.refused };
  }

  usage(): readonly TableUsage[] {
    const { sas, adjacencies, fib, pool } = this.#memory.regions;
    return [
      { table: "sas", used: sas.count - this.#slots.free, limit: sas.count },
      // Index 0 is no next hop.
      { table: "next-hops", used: this.#adjacencies.used, limit: adjacencies.count - 1 },
      { table: "tuns", used: this.#tuns.used, limit: MAX_TUNS },
      { table: "vrfs", used: this.#vrfs.used, limit: MAX_VRFS },
      { table: "fib", used: this.#fib.stats().bytes, limit: fib.size },
      { table: "pool", used: this.#pool.taken, limit: pool.size },
    ];
  }

  engines(): Engines {
    return this.#engines;
  }

  nativeFrom(): NativeFrom {
    return this.#nativeFrom;
  }

  hugePages(): string {
    return this.#hugePages;
  }

  offloads(): Record<Offload, string> {
    for (let worker = 0; worker < this.#memory.regions.arenas.count; worker++) {
      const refused = this.#memory.words[(arenaOf(this.#memory.regions, worker) + W_GSO_REFUSED) >>> 2];
      if (refused !== 0) this.#offloads.refused("gso", "the interface towards a peer refused it");
    }
    return this.#offloads.states();
  }

  workers(): readonly WorkerLoad[] {
    return loads(this.#memory);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#workers.stop();
    process.off("exit", this.#atExit);
    // The listeners wake, see that it is over, and end.
    for (const ring of this.#rings) ring.wake();
    this.#events.close();
    clearTimeout(this.#reclaim);
    this.#tuns.close();
    closeSockets(this.#sockets);
    for (const commands of this.#commands) commands.close();
    // A worker that had to be cut off may have left its epoch standing.
    for (let worker = 0; worker < this.#memory.regions.arenas.count; worker++) {
      const word = (arenaOf(this.#memory.regions, worker) + W_EPOCH) >>> 2;
      Atomics.store(this.#memory.words, word, EPOCH_IDLE);
    }
    this.#epochs.drain();
    this.#slots.wipe();
  }

  /** Takes records out of a worker's ring for as long as the datapath is open. */
  async #listen(ring: Ring): Promise<void> {
    while (this.#closed === undefined) {
      // A flood of IKE messages must not keep timers and the status API from their turn: after each share, they have it.
      const until = performance.now() + SHARE;
      for (let record = ring.take(); record !== undefined; record = ring.take()) {
        try {
          this.#events.handle(record);
        } catch (error) {
          // The router's own mistake: it must be seen, but the next message must still get through.
          queueMicrotask(() => {
            throw error;
          });
        }
        if (this.#closed !== undefined) return;
        if (performance.now() > until) break;
      }
      await nextTurn();
      await ring.wait();
    }
  }

  /** Each worker tells it of its queue; what another one told first may be removed by now. */
  #tunGone(tun: number): void {
    for (const [adjacency, index] of this.#tunOf) {
      if (index === tun && this.#closed === undefined) this.onEvent({ kind: "tun-gone", adjacency });
    }
  }

  #failed(error: Error): void {
    if (this.#closed === undefined) this.onEvent({ kind: "failed", error });
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
