/** The open datapath: the control side's tables, the workers, and who answers for which part of the Plane. */

import { ADJ_BLACKHOLE, ADJ_PROHIBIT } from "../../assembly/layout.ts";
import type { Commands } from "./commands.ts";
import { ControlSender } from "./controlsend.ts";
import type { Engines, NativeFrom } from "./engine.ts";
import { Events } from "./events.ts";
import { flowTable } from "./flows.ts";
import { Listeners } from "./listeners.ts";
import { arenaOf, type PlaneMemory } from "./memory.ts";
import { type FastPath, instantiate } from "./module.ts";
import type { Offload, Offloads } from "./offload.ts";
import type {
  ChildHandle,
  IkeDatagram,
  Outer,
  Plane,
  PlaneEvent,
  Prefix,
  ShapeTraffic,
  TableUsage,
  WorkerLoad,
} from "./plane.ts";
import { Ring } from "./ring.ts";
import type { FilterHandle, FilterHits, FilterRules, FlowTable } from "./rules.ts";
import { closeSockets, type Sockets } from "./sockets.ts";
import { Tables } from "./tables.ts";
import { gsoRefused, loads, tally } from "./tally.ts";
import { usage } from "./usage.ts";
import { Workers } from "./workers.ts";

/** What is there before the plane. It closes the sockets and the commands, one for each worker. */
export interface OpenParts {
  readonly memory: PlaneMemory;
  readonly hugePages: string;
  readonly module: WebAssembly.Module;
  readonly sockets: Sockets;
  readonly commands: readonly Commands[];
  readonly engines: Engines;
  readonly from: NativeFrom;
  readonly offloads: Offloads;
  /** See Workers. */
  readonly cpus: readonly number[] | undefined;
  /** Microseconds; see LoopParts. */
  readonly pause: number;
}

export class OpenPlane implements Plane {
  readonly ikePort: number;
  readonly natPort: number;
  readonly blackhole: number;
  readonly prohibit: number;
  onIke: (datagram: IkeDatagram) => void = () => {};
  onEvent: (event: PlaneEvent) => void = () => {};

  readonly #parts: OpenParts;
  readonly #sender: ControlSender;
  readonly #fast: FastPath;
  readonly #tables: Tables;
  readonly #events: Events;
  readonly #listeners: Listeners;
  readonly #workers: Workers;
  #closed: Promise<void> | undefined;
  readonly #atExit = (): void => this.#workers.tellStop();

  constructor(parts: OpenParts) {
    const { memory, module, sockets, commands, offloads } = parts;
    this.#parts = parts;
    this.#sender = new ControlSender(sockets);
    this.ikePort = sockets.ikePort;
    this.natPort = sockets.natPort;
    this.#fast = instantiate(module, memory.memory);
    const { ikePort, natPort } = this;
    this.#tables = new Tables({ memory, fast: this.#fast, commands, offloads, ikePort });
    const { adjacencies, children, slots } = this.#tables;
    this.blackhole = adjacencies.add(ADJ_BLACKHOLE);
    this.prohibit = adjacencies.add(ADJ_PROHIBIT);
    this.#events = new Events({
      children,
      slots,
      ikePort,
      natPort,
      onIke: (datagram) => this.onIke(datagram),
      onEvent: (event) => this.onEvent(event),
      clock: () => performance.now(),
    });
    this.#listeners = new Listeners({
      rings: commands.map((_, worker) => new Ring(memory, arenaOf(memory.regions, worker))),
      handle: (record) => this.#events.handle(record),
      failed: (error) => this.#tell({ kind: "failed", error }),
    });
    this.#workers = new Workers(
      memory,
      module,
      sockets.sets,
      commands,
      parts.engines,
      parts.from,
      parts.cpus,
      parts.pause,
      {
        failed: (error) => this.#tell({ kind: "failed", error }),
        tunGone: (tun) => this.#tunGone(tun),
      },
    );
    // A thread inside epoll_wait would hold up the end of the process.
    process.on("exit", this.#atExit);
  }

  /** Resolves when the workers run; then listens to their rings. */
  async start(): Promise<void> {
    await this.#workers.ready();
    this.#listeners.start();
  }

  sendIke(datagram: IkeDatagram): boolean {
    return this.#sender.ike(datagram);
  }

  sendKeepalive(outer: Outer): boolean {
    return this.#sender.keepalive(outer);
  }

  addVrf(): number {
    return this.#tables.domains.add();
  }

  removeVrf(vrf: number): void {
    this.#tables.domains.remove(vrf);
  }

  setVrfAddresses(vrf: number, addresses: readonly Uint8Array[]): void {
    this.#tables.domains.setAddresses(vrf, addresses);
  }

  setRoute(vrf: number, prefix: Prefix, adjacency: number): void {
    this.#tables.domains.setRoute(vrf, prefix, adjacency);
  }

  removeRoute(vrf: number, prefix: Prefix): void {
    this.#tables.domains.removeRoute(vrf, prefix);
  }

  addTun(name: string, vrf: number): number {
    this.#tables.domains.check(vrf);
    return this.#tables.entrances.add(name, vrf);
  }

  removeTun(adjacency: number): void {
    this.#tables.entrances.remove(adjacency);
  }

  addFilter(rules: FilterRules): FilterHandle {
    return this.#tables.filters.add(rules);
  }

  changeFilter(filter: FilterHandle, rules: FilterRules): void {
    this.#tables.filters.change(filter, rules);
  }

  removeFilter(filter: FilterHandle): void {
    this.#tables.filters.remove(filter);
  }

  setTunFilter(adjacency: number, filter: FilterHandle | undefined): void {
    this.#tables.entrances.setFilter(adjacency, filter);
  }

  filterHits(filter: FilterHandle): FilterHits {
    return this.#tables.filters.hits(filter);
  }

  flows(): FlowTable {
    return flowTable(this.#parts.memory, this.#fast);
  }

  addTunnel(mtu: number, zone = 0): number {
    return this.#tables.tunnels.add(mtu, zone);
  }

  setTunnelZone(adjacency: number, zone: number): void {
    this.#tables.tunnels.setZone(adjacency, zone);
  }

  addTunnelHop(adjacency: number, zone: number): number {
    return this.#tables.tunnels.addHop(adjacency, zone);
  }

  removeTunnelHop(hop: number): void {
    this.#tables.tunnels.removeHop(hop);
  }

  setTunnelMtu(adjacency: number, mtu: number): void {
    this.#tables.tunnels.setMtu(adjacency, mtu);
  }

  removeTunnel(adjacency: number): void {
    this.#tables.tunnels.remove(adjacency);
  }

  setTunnelShape(adjacency: number, bitsPerSecond: number | undefined): void {
    this.#tables.tunnels.setShape(adjacency, bitsPerSecond);
  }

  tunnelShape(adjacency: number): ShapeTraffic | undefined {
    return this.#tables.tunnels.shape(adjacency);
  }

  reserveSpi(worker = 0, more = false): number | undefined {
    return this.#tables.slots.reserve(worker, more);
  }

  releaseSpi(spi: number): void {
    this.#tables.slots.release(spi);
  }

  addChild(child: Parameters<Plane["addChild"]>[0]): ChildHandle {
    this.#tables.domains.check(child.vrf);
    return this.#tables.children.add(child);
  }

  transmit(child: ChildHandle, instead?: ChildHandle): void {
    this.#tables.children.transmit(child, instead);
  }

  retire(child: ChildHandle): void {
    this.#tables.children.retire(child);
  }

  removeChild(child: ChildHandle): void {
    this.#tables.children.remove(child);
  }

  setOuter(child: ChildHandle, outer: Outer): void {
    this.#tables.children.setOuter(child, outer);
  }

  traffic(child: ChildHandle): ReturnType<Plane["traffic"]> {
    return this.#tables.children.traffic(child);
  }

  counters(): Record<string, number> {
    // The last is not a worker's: what the control thread itself could not send.
    return { ...tally(this.#parts.memory), "ike-send-refused": this.#sender.refused };
  }

  workers(): readonly WorkerLoad[] {
    return loads(this.#parts.memory);
  }

  usage(): readonly TableUsage[] {
    return usage(this.#parts.memory, this.#tables);
  }

  engines(): Engines {
    return this.#parts.engines;
  }

  nativeFrom(): NativeFrom {
    return this.#parts.from;
  }

  hugePages(): string {
    return this.#parts.hugePages;
  }

  offloads(): Record<Offload, string> {
    const { memory, offloads } = this.#parts;
    if (gsoRefused(memory)) offloads.refused("gso", "the interface towards a peer refused it");
    return offloads.states();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#listeners.stop();
    await this.#workers.stop();
    process.off("exit", this.#atExit);
    this.#listeners.close();
    this.#events.close();
    closeSockets(this.#parts.sockets);
    for (const commands of this.#parts.commands) commands.close();
    this.#tables.close();
  }

  /** Each worker tells it of its queue; what another one told first may be removed by now. */
  #tunGone(tun: number): void {
    for (const adjacency of this.#tables.entrances.ofTun(tun)) this.#tell({ kind: "tun-gone", adjacency });
  }

  #tell(event: PlaneEvent): void {
    if (this.#closed === undefined) this.onEvent(event);
  }
}
