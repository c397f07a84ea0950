/**
 * The forwarding side of the router: makes, changes and removes VRFs, TUN devices, next hops and routes, in the datapath
 * and in the kernel. Knows which index of the datapath each name has.
 *
 *   carry ── on this host: forwarding, MTUs, addresses, kernel routes and fences
 *         ── in the datapath: VRF ── filter ── TUN device ── tunnel (Tunnels) ── route (Routes)
 *   judge, attach ── a tunnel has come up or fallen, an attachment is there or goes: routes that may choose choose again
 */
import type { Plane, ShapeTraffic } from "../datapath/plane.ts";
import type { FilterHandle } from "../datapath/rules.ts";
import { hostPrefix, parseAddress } from "./address.ts";
import type { Action } from "./diff.ts";
import { Fences } from "./fences.ts";
import { filterRules } from "./filter.ts";
import { Hops } from "./hops.ts";
import type { Host } from "./host.ts";
import { forward, stopForwarding } from "./ipforwarding.ts";
import { changeKernelRoutes, type Run, runFrom } from "./kernelroutes.ts";
import { subjectOf } from "./ledger.ts";
import type { Loans } from "./loans.ts";
import { chosen, type Health } from "./preference.ts";
import { quiet } from "./quiet.ts";
import type { Resource, ResourceOf, Via } from "./resource.ts";
import { Routes } from "./routes.ts";
import { type Tunnel, Tunnels } from "./tunnels.ts";

/** What the fabric deals with; peers are the keying's, the LAN and attachments are by themselves. */
export type FabricResource = Exclude<Resource, { readonly kind: "peer" | "lan" | "attachment" | "reach" }>;

export class Fabric {
  readonly #plane: Plane;
  readonly #host: Host;
  readonly #loans: Loans;
  readonly fences: Fences;
  readonly #vrfs = new Map<string, number>();
  readonly #tuns = new Map<string, number>();
  readonly #filters = new Map<string, FilterHandle>();
  readonly #hops: Hops;
  readonly #tunnels: Tunnels;
  /** Adjacencies of the attachments that are made. */
  readonly #attachments = new Map<string, number>();
  readonly #routes: Routes;

  constructor(plane: Plane, host: Host, loans: Loans) {
    this.#plane = plane;
    this.#host = host;
    this.#loans = loans;
    this.fences = new Fences(host, loans);
    this.#hops = new Hops(plane);
    this.#tunnels = new Tunnels(plane, host, this.#hops);
    this.#routes = new Routes(plane, this.#hops, (via) => this.#adjacency(via));
  }

  /**
   * Carries out one action whole, or throws and leaves things as they were.
   *
   * @throws LinuxError, PlaneError, FibFull
   */
  async carry(action: Action): Promise<void> {
    const resource = (action.op === "update" ? action.now : action.resource) as FabricResource;
    switch (resource.kind) {
      case "forwarding":
        return action.op === "remove"
          ? stopForwarding(this.#loans, resource.family)
          : forward(this.#host, this.#loans, resource.family);
      case "interface":
        if (action.op === "remove")
          return this.#loans.giveBack(subjectOf({ kind: "mtu", link: resource.name, before: 0, after: 0 }));
        return this.#loans.mtu(resource.name, resource.mtu);
      case "vrf":
        return this.#vrf(action.op, resource);
      case "filter":
        return this.#filter(action.op, resource);
      case "tun":
        return this.#tun(action, resource);
      case "address":
        if (action.op === "remove") return this.#host.deleteAddress(resource.device, hostPrefix(resource.address));
        return this.#host.addAddresses(resource.device, [hostPrefix(resource.address)]);
      case "tunnel":
        return this.#tunnels.carry(action.op, resource);
      case "route":
        return this.#routes.carry(action.op, resource, this.#vrfs.get(resource.vrf) as number);
      case "fence":
      case "kernel-route":
        return this.carryRun(runFrom([action], 0) as Run);
    }
  }

  /** Many in one go. @throws LinuxError; KernelRoutesError: those before its index were done */
  async carryRun({ op, kind, routes }: Run): Promise<void> {
    if (kind === "kernel-route") return changeKernelRoutes(this.#host, op, routes);
    const prefixes = routes.map(({ prefix }) => prefix);
    return op === "add" ? this.fences.add(prefixes) : this.fences.remove(prefixes);
  }

  #vrf(op: Action["op"], { name, addresses }: ResourceOf<"vrf">): void {
    const known = this.#vrfs.get(name);
    if (op === "remove") {
      this.#plane.removeVrf(known as number);
      this.#vrfs.delete(name);
      return;
    }
    const index = known ?? this.#plane.addVrf();
    this.#vrfs.set(name, index);
    this.#plane.setVrfAddresses(index, addresses.map(bytesOf));
  }

  #filter(op: Action["op"], filter: ResourceOf<"filter">): void {
    const known = this.#filters.get(filter.name);
    if (op === "remove") {
      this.#plane.removeFilter(known as FilterHandle);
      this.#filters.delete(filter.name);
    } else if (known) this.#plane.changeFilter(known, filterRules(filter));
    else this.#filters.set(filter.name, this.#plane.addFilter(filterRules(filter)));
  }

  /** The device's filter, or none. */
  guard(adjacency: number, filter: string | null): void {
    this.#plane.setTunFilter(adjacency, filter === null ? undefined : this.#filters.get(filter));
  }

  async #tun(action: Action, { device, vrf, mtu, filter }: ResourceOf<"tun">): Promise<void> {
    if (action.op === "update") {
      const was = action.was as ResourceOf<"tun">;
      if (was.mtu !== mtu) await this.#host.setLink(device, { mtu });
      if (was.filter !== filter) this.guard(this.#tuns.get(device) as number, filter);
      return;
    }
    if (action.op === "remove") {
      this.#plane.removeTun(this.#tuns.get(device) as number);
      this.#tuns.delete(device);
      this.#loans.tunGone(device);
      return;
    }
    this.#loans.tun(device);
    let adjacency: number | undefined;
    try {
      adjacency = this.#plane.addTun(device, this.#vrfs.get(vrf) as number);
      // Before the first packet.
      if (filter !== null) this.guard(adjacency, filter);
      quiet(this.#host, device);
      await this.#host.setLink(device, { mtu, up: true });
    } catch (error) {
      if (adjacency !== undefined) this.#plane.removeTun(adjacency);
      this.#loans.tunGone(device);
      throw error;
    }
    this.#tuns.set(device, adjacency);
  }

  /** An attachment's TUN device is there, with this adjacency; undefined: it goes, and must be removed after this call. */
  attach(name: string, adjacency: number | undefined): void {
    if (adjacency === undefined) this.#attachments.delete(name);
    else this.#attachments.set(name, adjacency);
    this.#routes.choose(`attachment ${name}`);
  }

  /** A tunnel has come up, or fallen. Routes that may choose choose again; how many of them changed. undefined: it was so already. */
  judge(name: string, health: Health): number | undefined {
    return this.#tunnels.judge(name, health) ? this.#routes.choose(`tunnel ${name}`) : undefined;
  }

  /** Where a route leads as things are. */
  #adjacency(via: Via): number {
    switch (via.kind) {
      case "tun":
        return this.#tuns.get(via.device) as number;
      case "tunnel": {
        const hop = chosen(via, (name) => this.#tunnels.get(name)?.health);
        const { adjacency } = this.#tunnels.get(hop.name) as Tunnel;
        return this.#hops.of(adjacency, hop.zone ?? null);
      }
      case "attachment":
        return this.#attachments.get(via.name) ?? this.#plane.prohibit;
      case "blackhole":
        return this.#plane.blackhole;
      case "prohibit":
        return this.#plane.prohibit;
    }
  }

  /** Which tunnel of several carries a prefix now; undefined: there is no choice, or all are down. */
  carrier(vrf: string, prefix: string): string | undefined {
    const adjacency = this.#routes.chosen(vrf, prefix);
    const name = adjacency === undefined ? undefined : this.#tunnels.at(this.#hops.tunnelOf(adjacency));
    return name !== undefined && this.#tunnels.get(name)?.health !== "down" ? name : undefined;
  }

  /** Does a route that may choose lead over this tunnel, and may it come through? undefined: no route has a choice here. */
  carries(name: string): boolean | undefined {
    const tunnel = this.#tunnels.get(name);
    const leads = tunnel && this.#routes.leads(`tunnel ${name}`, tunnel.adjacency);
    return leads && tunnel?.health !== "down";
  }

  /** Has it Child SAs, and a peer that is silent when asked? */
  silent(name: string): boolean {
    return this.#tunnels.get(name)?.health === "doubtful";
  }

  /** Tunnels that routes choose between, this one among them; empty: no route has a choice here. */
  rivals(name: string): string[] {
    return [...this.#routes.rivals(`tunnel ${name}`)].map((key) => key.slice("tunnel ".length));
  }

  /** Index of a VRF. */
  vrf(name: string): number | undefined {
    return this.#vrfs.get(name);
  }

  /** The datapath's handle of a filter. */
  filter(name: string): FilterHandle | undefined {
    return this.#filters.get(name);
  }

  /** Is this the adjacency of a TUN device that the configuration put on this host? */
  isTun(adjacency: number): boolean {
    return [...this.#tuns.values()].includes(adjacency);
  }

  /** Adjacency and VRF index of a tunnel: what its Child SAs need. */
  tunnel(name: string): { readonly adjacency: number; readonly vrf: number } | undefined {
    const tunnel = this.#tunnels.get(name);
    return tunnel && { adjacency: tunnel.adjacency, vrf: this.#vrfs.get(tunnel.vrf) as number };
  }

  /** Names of all tunnels. */
  tunnels(): string[] {
    return this.#tunnels.names();
  }

  /** Name of the tunnel with this adjacency. */
  tunnelAt(adjacency: number): string | undefined {
    return this.#tunnels.at(adjacency);
  }

  /** Largest inner packet of a tunnel, bytes. */
  mtu(name: string): number | undefined {
    return this.#tunnels.get(name)?.mtu;
  }

  /** What the shaping of a tunnel has done; undefined: it has no limit, or is none. */
  shape(name: string): ShapeTraffic | undefined {
    return this.#tunnels.shape(name);
  }

  /** See Tunnels. */
  follow(name: string, local: Uint8Array, remote: Uint8Array): number | undefined {
    return this.#tunnels.follow(name, local, remote);
  }

  /** See Tunnels. */
  pathMtu(name: string, outer: number): number | undefined {
    return this.#tunnels.pathMtu(name, outer);
  }

  /** See Tunnels. */
  remeasure(name: string): number | undefined {
    return this.#tunnels.remeasure(name);
  }
}

function bytesOf(address: string): Uint8Array {
  return parseAddress(address) as Uint8Array;
}
