/** The tables of a datapath that keeps books instead of forwarding: VRFs, TUN devices, filters, tunnels, routes. */
import type { Prefix, ShapeTraffic } from "../../../src/datapath/plane.ts";
import type { FilterHandle, FilterRules } from "../../../src/datapath/rules.ts";
import { formatPrefix } from "../../../src/router/address.ts";

export abstract class FakeTables {
  readonly vrfs = new Map<number, readonly Uint8Array[]>();
  readonly tuns = new Map<number, { name: string; vrf: number }>();
  readonly tunnels = new Map<number, number>();
  /** Zones that next hops of tunnels lead into, and that tunnels' packets come from. */
  readonly zones = new Map<number, number>();
  readonly origins = new Map<number, number>();
  /** Further next hops of tunnels → the tunnel. */
  readonly hops = new Map<number, number>();
  readonly filters = new Map<number, FilterRules>();
  /** TUN adjacency → filter. */
  readonly guards = new Map<number, number>();
  /** Adjacency → bit/s. */
  readonly shapes = new Map<number, number>();
  /** "vrf prefix" → adjacency. */
  readonly routes = new Map<string, number>();
  /** Names of calls that change something, in order. */
  readonly calls: string[] = [];
  /** The next call of this name throws. */
  broken: string | undefined;
  protected next = 3;

  /** Has this tunnel Child SAs? */
  protected abstract carries(adjacency: number): boolean;

  protected call(name: string): void {
    this.calls.push(name);
    if (this.broken !== name) return;
    this.broken = undefined;
    throw new Error(`${name} is broken.`);
  }

  protected demand(condition: boolean, what: string): void {
    if (!condition) throw new Error(`the datapath refuses: ${what}`);
  }

  addVrf(): number {
    this.call("addVrf");
    const index = this.next++;
    this.vrfs.set(index, []);
    return index;
  }

  removeVrf(vrf: number): void {
    this.call("removeVrf");
    this.demand(this.vrfs.has(vrf), "no such VRF");
    this.demand(![...this.tuns.values()].some((tun) => tun.vrf === vrf), "the VRF has a TUN");
    this.demand(![...this.routes.keys()].some((key) => key.startsWith(`${vrf} `)), "the VRF has routes");
    this.vrfs.delete(vrf);
  }

  setVrfAddresses(vrf: number, addresses: readonly Uint8Array[]): void {
    this.call("setVrfAddresses");
    this.demand(this.vrfs.has(vrf), "no such VRF");
    this.vrfs.set(vrf, addresses);
  }

  addTun(name: string, vrf: number): number {
    this.call("addTun");
    this.demand(this.vrfs.has(vrf), "no such VRF");
    this.demand(![...this.tuns.values()].some((tun) => tun.name === name), "the TUN is there");
    const adjacency = this.next++;
    this.tuns.set(adjacency, { name, vrf });
    return adjacency;
  }

  removeTun(adjacency: number): void {
    this.call("removeTun");
    this.#unused(adjacency);
    this.demand(this.tuns.delete(adjacency), "no such TUN");
    this.guards.delete(adjacency);
  }

  addFilter(rules: FilterRules): FilterHandle {
    this.call("addFilter");
    const id = this.next++;
    this.filters.set(id, rules);
    return { id };
  }

  changeFilter({ id }: FilterHandle, rules: FilterRules): void {
    this.call("changeFilter");
    this.demand(this.filters.has(id), "no such filter");
    this.filters.set(id, rules);
  }

  removeFilter({ id }: FilterHandle): void {
    this.call("removeFilter");
    this.demand(![...this.guards.values()].includes(id), "the filter is at a TUN");
    this.demand(this.filters.delete(id), "no such filter");
  }

  setTunFilter(adjacency: number, filter: FilterHandle | undefined): void {
    this.call("setTunFilter");
    this.demand(this.tuns.has(adjacency), "no such TUN");
    if (filter === undefined) this.guards.delete(adjacency);
    else {
      this.demand(this.filters.has(filter.id), "no such filter");
      this.guards.set(adjacency, filter.id);
    }
  }

  filterHits({ id }: FilterHandle) {
    return { rules: new Map((this.filters.get(id)?.rules ?? []).map((rule) => [rule.id, 0])), in: 0, out: 0 };
  }

  flows() {
    return { entries: 0, limit: 65_536 };
  }

  addTunnel(mtu: number, zone = 0): number {
    this.call("addTunnel");
    const adjacency = this.next++;
    this.tunnels.set(adjacency, mtu);
    this.zones.set(adjacency, zone);
    this.origins.set(adjacency, zone);
    return adjacency;
  }

  setTunnelZone(adjacency: number, zone: number): void {
    this.call("setTunnelZone");
    this.demand(this.tunnels.has(adjacency), "no such tunnel");
    this.origins.set(adjacency, zone);
  }

  addTunnelHop(adjacency: number, zone: number): number {
    this.call("addTunnelHop");
    this.demand(this.tunnels.has(adjacency), "no such tunnel");
    const hop = this.next++;
    this.hops.set(hop, adjacency);
    this.zones.set(hop, zone);
    return hop;
  }

  removeTunnelHop(hop: number): void {
    this.call("removeTunnelHop");
    this.#unused(hop);
    this.demand(this.hops.delete(hop), "no such next hop");
  }

  setTunnelMtu(adjacency: number, mtu: number): void {
    this.call("setTunnelMtu");
    this.demand(this.tunnels.has(adjacency), "no such tunnel");
    this.tunnels.set(adjacency, mtu);
  }

  setTunnelShape(adjacency: number, bitsPerSecond: number | undefined): void {
    this.call("setTunnelShape");
    this.demand(this.tunnels.has(adjacency), "no such tunnel");
    if (bitsPerSecond === undefined) this.shapes.delete(adjacency);
    else this.shapes.set(adjacency, bitsPerSecond);
  }

  tunnelShape(adjacency: number): ShapeTraffic | undefined {
    this.demand(this.tunnels.has(adjacency), "no such tunnel");
    const bitsPerSecond = this.shapes.get(adjacency);
    const none = { packets: 0, bytes: 0, queued: 0, dropped: 0, marked: 0, waiting: 0, delayMs: 0 };
    return bitsPerSecond === undefined ? undefined : { bitsPerSecond, ...none };
  }

  removeTunnel(adjacency: number): void {
    this.call("removeTunnel");
    this.#unused(adjacency);
    this.demand(![...this.hops.values()].includes(adjacency), "the tunnel has further next hops");
    this.demand(!this.carries(adjacency), "the tunnel has Child SAs");
    this.demand(this.tunnels.delete(adjacency), "no such tunnel");
    this.shapes.delete(adjacency);
  }

  #unused(adjacency: number): void {
    this.demand(![...this.routes.values()].includes(adjacency), "a route leads there");
  }

  setRoute(vrf: number, prefix: Prefix, adjacency: number): void {
    this.call("setRoute");
    this.demand(this.vrfs.has(vrf), "no such VRF");
    this.demand(
      adjacency <= 2
        ? adjacency > 0
        : this.tuns.has(adjacency) || this.tunnels.has(adjacency) || this.hops.has(adjacency),
      "no such next hop",
    );
    this.routes.set(`${vrf} ${formatPrefix(prefix)}`, adjacency);
  }

  removeRoute(vrf: number, prefix: Prefix): void {
    this.call("removeRoute");
    this.demand(this.routes.delete(`${vrf} ${formatPrefix(prefix)}`), "no such route");
  }
}
