/**
 * The forwarding side of the router: makes, changes and removes VRFs, TUN devices, next hops and routes, in the datapath
 * and in the kernel. Knows which index of the datapath each name has.
 */
import type { FilterHandle, Plane, ShapeTraffic } from "../datapath/plane.ts";
import { familyOf, hostPrefix, parseAddress, prefixOf } from "./address.ts";
import type { Action } from "./diff.ts";
import { RouterError, sentenceOf } from "./error.ts";
import { filterRules } from "./filter.ts";
import { Hops } from "./hops.ts";
import type { Host } from "./host.ts";
import { subjectOf } from "./ledger.ts";
import type { Loans } from "./loans.ts";
import { ETHERNET_MTU, innerMtu } from "./overhead.ts";
import { chosen, type Health } from "./preference.ts";
import { quiet } from "./quiet.ts";
import { hopsOf, keyOf, type Resource, type ResourceOf, type Via } from "./resource.ts";

/** What the fabric deals with; peers are the keying's, the LAN and attachments are by themselves. */
export type FabricResource = Exclude<Resource, { readonly kind: "peer" | "lan" | "attachment" | "reach" }>;

/** A next hop of the datapath that leads to a peer. */
interface Tunnel {
  readonly adjacency: number;
  readonly vrf: string;
  /** Configured; null: from the path. */
  fixed: number | null;
  /** Largest inner packet in use now, bytes. */
  mtu: number;
  /** Bit/s; undefined: no limit. */
  rate: number | undefined;
  /** Outer addresses in use, once a Child SA is up. */
  path: { readonly local: Uint8Array; readonly remote: Uint8Array } | undefined;
  /** How well it would carry a packet now. */
  health: Health;
}

/** A route whose next hop depends on what is up. */
interface Choice {
  readonly vrf: number;
  readonly prefix: string;
  readonly via: Extract<Via, { readonly kind: "tunnel" | "attachment" }>;
  /** In the FIB now. */
  adjacency: number;
}

export class Fabric {
  readonly #plane: Plane;
  readonly #host: Host;
  readonly #loans: Loans;
  readonly #vrfs = new Map<string, number>();
  readonly #tuns = new Map<string, number>();
  readonly #tunnels = new Map<string, Tunnel>();
  readonly #tunnelAt = new Map<number, string>();
  /** Adjacencies of the attachments that are made. */
  readonly #attachments = new Map<string, number>();
  /** By key of the route; and those of each tunnel and attachment (key of the resource). */
  readonly #choices = new Map<string, Choice>();
  readonly #choicesOf = new Map<string, Set<string>>();
  readonly #filters = new Map<string, FilterHandle>();
  readonly #hops: Hops;

  constructor(plane: Plane, host: Host, loans: Loans) {
    this.#plane = plane;
    this.#hops = new Hops(plane);
    this.#host = host;
    this.#loans = loans;
  }

  /** Adjacency and VRF index of a tunnel: what its Child SAs need. */
  tunnel(name: string): { readonly adjacency: number; readonly vrf: number } | undefined {
    const tunnel = this.#tunnels.get(name);
    return tunnel && { adjacency: tunnel.adjacency, vrf: this.#vrfs.get(tunnel.vrf) as number };
  }

  /** Name of the tunnel with this adjacency. */
  tunnelAt(adjacency: number): string | undefined {
    return this.#tunnelAt.get(adjacency);
  }

  /** Is this the adjacency of a TUN device that the configuration put on this host? */
  isTun(adjacency: number): boolean {
    return [...this.#tuns.values()].includes(adjacency);
  }

  /** Index of a VRF. */
  vrf(name: string): number | undefined {
    return this.#vrfs.get(name);
  }

  /** A tunnel has come up, or fallen. Routes that may choose choose again; how many of them changed. */
  judge(name: string, health: Health): number {
    const tunnel = this.#tunnels.get(name);
    if (!tunnel || tunnel.health === health) return 0;
    tunnel.health = health;
    return this.#choose(`tunnel ${name}`);
  }

  /** An attachment's TUN device is there, with this adjacency; undefined: it goes, and must be removed after this call. */
  attach(name: string, adjacency: number | undefined): void {
    if (adjacency === undefined) this.#attachments.delete(name);
    else this.#attachments.set(name, adjacency);
    this.#choose(`attachment ${name}`);
  }

  /** Which tunnel of several carries a prefix now; undefined: there is no choice, or all are down. */
  carrier(vrf: string, prefix: string): string | undefined {
    const choice = this.#choices.get(`route ${vrf} ${prefix}`);
    if (choice?.via.kind !== "tunnel") return undefined;
    const name = this.#tunnelAt.get(this.#hops.tunnelOf(choice.adjacency));
    return name !== undefined && this.#tunnels.get(name)?.health !== "down" ? name : undefined;
  }

  /** What cannot be moved stays where it is, and keeps no other from moving. @throws what the first refusal was */
  #choose(hop: string): number {
    let changed = 0;
    const refusals: unknown[] = [];
    for (const key of this.#choicesOf.get(hop) ?? []) {
      const choice = this.#choices.get(key) as Choice;
      const before = choice.adjacency;
      try {
        choice.adjacency = this.#lead(key, choice.vrf, choice.prefix, choice.via);
      } catch (error) {
        refusals.push(error);
      }
      if (choice.adjacency !== before) changed++;
    }
    if (refusals.length > 0) throw refusals[0];
    return changed;
  }

  /** The datapath's handle of a filter. */
  filter(name: string): FilterHandle | undefined {
    return this.#filters.get(name);
  }

  /** Largest inner packet of a tunnel, bytes. */
  mtu(name: string): number | undefined {
    return this.#tunnels.get(name)?.mtu;
  }

  /** What the shaping of a tunnel has done; undefined: it has no limit, or is none. */
  shape(name: string): ShapeTraffic | undefined {
    const tunnel = this.#tunnels.get(name);
    return tunnel && this.#plane.tunnelShape(tunnel.adjacency);
  }

  /** The Child SAs of a tunnel use these outer addresses now. Gives the MTU when that changed it. */
  follow(name: string, local: Uint8Array, remote: Uint8Array): number | undefined {
    const tunnel = this.#tunnels.get(name);
    if (!tunnel) return undefined;
    tunnel.path = { local, remote };
    return this.#measure(tunnel);
  }

  /** Names of all tunnels. */
  tunnels(): string[] {
    return [...this.#tunnels.keys()];
  }

  /**
   * Asks the kernel again what the path to this tunnel's peer carries: it forgets "too big" messages after a while (RFC 1191 §6.3).
   * Gives the tunnel's MTU when that changed it.
   */
  remeasure(name: string): number | undefined {
    const tunnel = this.#tunnels.get(name);
    return tunnel && this.#measure(tunnel);
  }

  /** The path to this tunnel's peer carries at most `outer` bytes. Gives the tunnel's MTU when that changed it. */
  pathMtu(name: string, outer: number): number | undefined {
    const tunnel = this.#tunnels.get(name);
    if (!tunnel?.path || tunnel.fixed !== null) return undefined;
    return this.#limit(tunnel, innerMtu(outer, tunnel.path.remote.length === 4 ? 4 : 6));
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
        return action.op === "remove" ? this.#stopForwarding(resource.family) : this.#forward(resource.family);
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
        return this.#tunnel(action.op, resource);
      case "route":
        return this.#route(action.op, resource);
      case "kernel-route":
        return this.kernelRoutes(action.op === "remove" ? "remove" : "add", [resource]);
    }
  }

  /** Many kernel routes in one go; throws KernelRoutesError, which says how many were done. */
  async kernelRoutes(op: "add" | "remove", routes: readonly ResourceOf<"kernel-route">[]): Promise<void> {
    let done = 0;
    // One call for each run of one family, so that the index of a failure is an index here.
    while (done < routes.length) {
      const family = familyOf(routes[done].prefix);
      let end = done;
      while (end < routes.length && familyOf(routes[end].prefix) === family) end++;
      try {
        await this.#host.changeRoutes(
          op === "add" ? "add" : "delete",
          routes.slice(done, end).map(({ prefix, device }) => ({ prefix, link: device })),
        );
      } catch (error) {
        const failedAt = done + ((error as { readonly line?: number }).line ?? 0);
        throw new KernelRoutesError(failedAt, routes[failedAt], error);
      }
      done = end;
    }
  }

  async #forward(family: 4 | 6): Promise<void> {
    if (family === 4) {
      await this.#loans.sysctl("net/ipv4/ip_forward", "1");
      return;
    }
    // A forwarding interface no longer listens to router advertisements unless accept_ra is 2; without this, a host that
    // got its own default route from one would lose it.
    for (const { name } of await this.#host.listLinks()) {
      if (name === "lo") continue;
      const key = `net/ipv6/conf/${name}/accept_ra`;
      if (this.#host.readSysctl("net/ipv6/conf/all/forwarding") === "0" && this.#host.readSysctl(key) === "1") {
        await this.#loans.sysctl(key, "2");
      }
    }
    await this.#loans.sysctl("net/ipv6/conf/all/forwarding", "1");
  }

  async #stopForwarding(family: 4 | 6): Promise<void> {
    if (family === 4) return this.#loans.giveBack("net/ipv4/ip_forward");
    await this.#loans.giveBack("net/ipv6/conf/all/forwarding");
    for (const subject of this.#loans.owed()) {
      if (subject.endsWith("/accept_ra")) await this.#loans.giveBack(subject);
    }
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

  #tunnel(op: Action["op"], { name, vrf, mtu, shape, zone }: ResourceOf<"tunnel">): void {
    const known = this.#tunnels.get(name);
    if (op === "remove") {
      const { adjacency } = known as Tunnel;
      this.#hops.forget(adjacency);
      this.#plane.removeTunnel(adjacency);
      this.#tunnels.delete(name);
      this.#tunnelAt.delete(adjacency);
    } else if (known) {
      this.#limitRate(known, shape?.bitsPerSecond);
      known.fixed = mtu;
      this.#hops.origin(known.adjacency, zone);
      this.#measure(known);
    } else {
      const first = mtu ?? innerMtu(ETHERNET_MTU, 6);
      const tunnel: Tunnel = {
        adjacency: this.#hops.addTunnel(first, zone),
        vrf,
        fixed: mtu,
        mtu: first,
        rate: undefined,
        path: undefined,
        health: "down",
      };
      try {
        this.#limitRate(tunnel, shape?.bitsPerSecond);
      } catch (error) {
        this.#plane.removeTunnel(tunnel.adjacency);
        throw error;
      }
      this.#tunnels.set(name, tunnel);
      this.#tunnelAt.set(tunnel.adjacency, name);
    }
  }

  #limitRate(tunnel: Tunnel, rate: number | undefined): void {
    if (tunnel.rate === rate) return;
    this.#plane.setTunnelShape(tunnel.adjacency, rate);
    tunnel.rate = rate;
  }

  #route(op: Action["op"], route: ResourceOf<"route">): void {
    const { vrf, prefix, via } = route;
    const index = this.#vrfs.get(vrf) as number;
    const key = keyOf(route);
    if (op === "remove") {
      this.#plane.removeRoute(index, prefixOf(prefix));
      this.#settle(key);
      this.#hops.leave(key);
      return;
    }
    const adjacency = this.#lead(key, index, prefix, via);
    this.#settle(key);
    const free = via.kind === "attachment" || (via.kind === "tunnel" && via.standby !== undefined);
    if (!free) return;
    this.#choices.set(key, { vrf: index, prefix, via, adjacency });
    for (const hop of hopsOf(via)) {
      const keys = this.#choicesOf.get(hop) ?? new Set();
      this.#choicesOf.set(hop, keys.add(key));
    }
  }

  /** Has the route of this key lead where `via` leads now; the adjacency. */
  #lead(key: string, vrf: number, prefix: string, via: Via): number {
    const adjacency = this.#adjacency(via);
    try {
      this.#plane.setRoute(vrf, prefixOf(prefix), adjacency);
    } catch (error) {
      this.#hops.unwanted(adjacency);
      throw error;
    }
    this.#hops.take(key, adjacency);
    return adjacency;
  }

  /** This route no longer chooses. */
  #settle(key: string): void {
    const choice = this.#choices.get(key);
    if (!choice) return;
    this.#choices.delete(key);
    for (const hop of hopsOf(choice.via)) {
      const keys = this.#choicesOf.get(hop);
      keys?.delete(key);
      if (keys?.size === 0) this.#choicesOf.delete(hop);
    }
  }

  #adjacency(via: Via): number {
    switch (via.kind) {
      case "tun":
        return this.#tuns.get(via.device) as number;
      case "tunnel": {
        const hop = chosen(via, (name) => this.#tunnels.get(name)?.health);
        return this.#hops.of((this.#tunnels.get(hop.name) as Tunnel).adjacency, hop.zone ?? null);
      }
      case "attachment":
        return this.#attachments.get(via.name) ?? this.#plane.prohibit;
      case "blackhole":
        return this.#plane.blackhole;
      case "prohibit":
        return this.#plane.prohibit;
    }
  }

  #measure(tunnel: Tunnel): number | undefined {
    if (tunnel.fixed !== null) return this.#limit(tunnel, tunnel.fixed);
    if (!tunnel.path) return undefined;
    const { local, remote } = tunnel.path;
    const outer = this.#host.pathMtu(remote, local) ?? ETHERNET_MTU;
    return this.#limit(tunnel, innerMtu(outer, remote.length === 4 ? 4 : 6));
  }

  #limit(tunnel: Tunnel, mtu: number): number | undefined {
    if (tunnel.mtu === mtu) return undefined;
    tunnel.mtu = mtu;
    this.#plane.setTunnelMtu(tunnel.adjacency, mtu);
    return mtu;
  }
}

/** A kernel route could not be added or removed; those before `index` were. */
export class KernelRoutesError extends RouterError {
  readonly index: number;

  constructor(index: number, route: ResourceOf<"kernel-route">, cause: unknown) {
    const taken = (cause as { readonly code?: string }).code === "exists";
    super(
      "apply-failed",
      taken
        ? `the kernel has a route to ${route.prefix} already`
        : `the kernel route to ${route.prefix} via ${route.device} was refused: ${sentenceOf(cause).replace(/\.$/, "")}`,
      taken
        ? `Remove it, or take ${route.prefix} out of the configuration; see: ip route show ${route.prefix}`
        : "See the reason",
      cause,
    );
    this.index = index;
  }
}

function bytesOf(address: string): Uint8Array {
  return parseAddress(address) as Uint8Array;
}
