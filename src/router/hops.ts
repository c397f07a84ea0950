/**
 * The next hops of tunnels by the zone that a route leads into. A tunnel's own next hop leads into the zone that the tunnel was made
 * with; a route into another one gets a further next hop of the same tunnel, which goes with its last route.
 */
import type { Plane } from "../datapath/plane.ts";

type ZonePlane = Pick<Plane, "addTunnel" | "setTunnelZone" | "addTunnelHop" | "removeTunnelHop">;

interface Hop {
  readonly tunnel: number;
  readonly zone: number;
  readonly adjacency: number;
  /** Keys of its routes. */
  readonly routes: Set<string>;
}

export class Hops {
  readonly #plane: ZonePlane;
  /** Zones by name, from 1; 0 is none. A name keeps its number. */
  readonly #zones = new Map<string, number>();
  /** Tunnel → the zone that its own next hop leads into. */
  readonly #made = new Map<number, number>();
  /** Tunnel → the zone that its packets come from. */
  readonly #origins = new Map<number, number>();
  /** Further next hops by adjacency, and by tunnel and zone. */
  readonly #further = new Map<number, Hop>();
  readonly #byZone = new Map<string, Hop>();
  /** The further next hop of a route. */
  readonly #byRoute = new Map<string, Hop>();

  constructor(plane: ZonePlane) {
    this.#plane = plane;
  }

  /** A tunnel whose packets come from this zone; its adjacency. */
  addTunnel(mtu: number, zone: string | null): number {
    const number = this.#number(zone);
    const tunnel = this.#plane.addTunnel(mtu, number);
    this.#made.set(tunnel, number);
    this.#origins.set(tunnel, number);
    return tunnel;
  }

  /** Its packets come from this zone from now on. Its routes say for themselves where they lead. */
  origin(tunnel: number, zone: string | null): void {
    const number = this.#number(zone);
    if (this.#origins.get(tunnel) === number) return;
    this.#plane.setTunnelZone(tunnel, number);
    this.#origins.set(tunnel, number);
  }

  /** The next hop for a route of this tunnel into this zone; made if need be. Then `take`. */
  of(tunnel: number, zone: string | null): number {
    const number = this.#number(zone);
    if (number === this.#made.get(tunnel)) return tunnel;
    const known = this.#byZone.get(`${tunnel} ${number}`);
    if (known) return known.adjacency;
    const hop = {
      tunnel,
      zone: number,
      adjacency: this.#plane.addTunnelHop(tunnel, number),
      routes: new Set<string>(),
    };
    this.#further.set(hop.adjacency, hop);
    this.#byZone.set(`${tunnel} ${number}`, hop);
    return hop.adjacency;
  }

  /** The tunnel's own next hop, of a further one; any other as it is. */
  tunnelOf(adjacency: number): number {
    return this.#further.get(adjacency)?.tunnel ?? adjacency;
  }

  /** This route uses this next hop now, of a tunnel or not, and no other. */
  take(route: string, adjacency: number): void {
    const hop = this.#further.get(adjacency);
    if (this.#byRoute.get(route) === hop) return;
    this.leave(route);
    if (hop === undefined) return;
    hop.routes.add(route);
    this.#byRoute.set(route, hop);
  }

  /** This route has gone, or moved. */
  leave(route: string): void {
    const hop = this.#byRoute.get(route);
    if (hop === undefined) return;
    this.#byRoute.delete(route);
    hop.routes.delete(route);
    if (hop.routes.size === 0) this.#drop(hop);
  }

  /** The datapath refused the route that this next hop was asked for. */
  unwanted(adjacency: number): void {
    const hop = this.#further.get(adjacency);
    if (hop?.routes.size === 0) this.#drop(hop);
  }

  /** The tunnel goes; its routes have gone, and its further next hops with them. */
  forget(tunnel: number): void {
    this.#made.delete(tunnel);
    this.#origins.delete(tunnel);
  }

  #drop(hop: Hop): void {
    this.#further.delete(hop.adjacency);
    this.#byZone.delete(`${hop.tunnel} ${hop.zone}`);
    this.#plane.removeTunnelHop(hop.adjacency);
  }

  #number(zone: string | null): number {
    if (zone === null) return 0;
    const number = this.#zones.get(zone) ?? this.#zones.size + 1;
    this.#zones.set(zone, number);
    return number;
  }
}
