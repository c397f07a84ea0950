/** The next hops of the datapath that lead to peers: how much they carry at once and in a second, and how well they are. */
import type { Plane, ShapeTraffic } from "../datapath/plane.ts";
import type { Action } from "./diff.ts";
import type { Hops } from "./hops.ts";
import type { Host } from "./host.ts";
import { ETHERNET_MTU, innerMtu } from "./overhead.ts";
import type { Health } from "./preference.ts";
import type { ResourceOf } from "./resource.ts";

/** A next hop of the datapath that leads to a peer. */
export interface Tunnel {
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

export class Tunnels {
  readonly #plane: Plane;
  readonly #host: Host;
  readonly #hops: Hops;
  readonly #tunnels = new Map<string, Tunnel>();
  /** By adjacency. */
  readonly #names = new Map<number, string>();

  constructor(plane: Plane, host: Host, hops: Hops) {
    this.#plane = plane;
    this.#host = host;
    this.#hops = hops;
  }

  /** Makes, changes or removes a tunnel: whole, or throws and leaves things as they were. */
  carry(op: Action["op"], { name, vrf, mtu, shape, zone }: ResourceOf<"tunnel">): void {
    const known = this.#tunnels.get(name);
    if (op === "remove") {
      const { adjacency } = known as Tunnel;
      this.#hops.forget(adjacency);
      this.#plane.removeTunnel(adjacency);
      this.#tunnels.delete(name);
      this.#names.delete(adjacency);
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
      this.#names.set(tunnel.adjacency, name);
    }
  }

  #limitRate(tunnel: Tunnel, rate: number | undefined): void {
    if (tunnel.rate === rate) return;
    this.#plane.setTunnelShape(tunnel.adjacency, rate);
    tunnel.rate = rate;
  }

  /** Its health from now on; false: it was so already, or there is no such tunnel. */
  judge(name: string, health: Health): boolean {
    const tunnel = this.#tunnels.get(name);
    if (!tunnel || tunnel.health === health) return false;
    tunnel.health = health;
    return true;
  }

  /** The Child SAs of a tunnel use these outer addresses now. Gives the MTU when that changed it. */
  follow(name: string, local: Uint8Array, remote: Uint8Array): number | undefined {
    const tunnel = this.#tunnels.get(name);
    if (!tunnel) return undefined;
    tunnel.path = { local, remote };
    return this.#measure(tunnel);
  }

  /** The path to this tunnel's peer carries at most `outer` bytes. Gives the tunnel's MTU when that changed it. */
  pathMtu(name: string, outer: number): number | undefined {
    const tunnel = this.#tunnels.get(name);
    if (!tunnel?.path || tunnel.fixed !== null) return undefined;
    return this.#limit(tunnel, innerMtu(outer, tunnel.path.remote.length === 4 ? 4 : 6));
  }

  /**
   * Asks the kernel again what the path to this tunnel's peer carries: it forgets "too big" messages after a while (RFC 1191 §6.3).
   * Gives the tunnel's MTU when that changed it.
   */
  remeasure(name: string): number | undefined {
    const tunnel = this.#tunnels.get(name);
    return tunnel && this.#measure(tunnel);
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

  get(name: string): Readonly<Tunnel> | undefined {
    return this.#tunnels.get(name);
  }

  /** Name of the tunnel with this adjacency. */
  at(adjacency: number): string | undefined {
    return this.#names.get(adjacency);
  }

  /** Names of all tunnels. */
  names(): string[] {
    return [...this.#tunnels.keys()];
  }

  /** What the shaping of a tunnel has done; undefined: it has no limit, or is none. */
  shape(name: string): ShapeTraffic | undefined {
    const tunnel = this.#tunnels.get(name);
    return tunnel && this.#plane.tunnelShape(tunnel.adjacency);
  }
}
