/** The Child SAs that the IKE core has put into the datapath: which of them sends, and how much each has carried. */
import type { ChildHandle, Plane } from "../datapath/plane.ts";
import type { ChildSa, Path } from "../ike/effect.ts";
import { type AgeLimits, ageLimits, outgrown } from "./age.ts";
import type { Fabric } from "./fabric.ts";

export interface InstalledChild {
  readonly sa: Omit<ChildSa, "inbound" | "outbound">;
  readonly handle: ChildHandle;
  readonly limits: AgeLimits;
  transmits: boolean;
  /** Last inbound packet that the core was told of. */
  heard: number;
  /** When a rekey was asked for because of its age; 0: not yet. */
  askedAt: number;
}

/** What a look at the traffic has found. */
export interface Found {
  readonly child: InstalledChild;
  /** Packets have come in since the last look. */
  readonly heard: boolean;
  /** It has sent as much as it may, so a rekey is due. */
  readonly reached: "packets" | "bytes" | undefined;
}

/** After a rekey for age was asked for and has not come, it is asked for again; milliseconds. */
const ASK_AGAIN = 60_000;

export class InstalledChildren {
  readonly #plane: Plane;
  readonly #fabric: Fabric;
  readonly #limits: (tunnel: string) => AgeLimits;
  readonly #children = new Map<number, InstalledChild>();
  /** By the datapath's own id. */
  readonly #byHandle = new Map<number, InstalledChild>();
  readonly #byTunnel = new Map<string, Set<InstalledChild>>();
  /** Tunnels of which some Child SA began or ceased to send since `turned`. */
  #turned = new Set<string>();

  /** `limits` of a tunnel's Child SAs. */
  constructor(plane: Plane, fabric: Fabric, limits: (tunnel: string) => AgeLimits) {
    this.#plane = plane;
    this.#fabric = fabric;
    this.#limits = limits;
  }

  /** The datapath's handle of a Child SA of the core. */
  handle(id: number): ChildHandle | undefined {
    return this.#children.get(id)?.handle;
  }

  /** Tunnel of the Child SA with this handle id. */
  tunnelOf(handle: number): string | undefined {
    return this.#byHandle.get(handle)?.sa.peer;
  }

  /** From now on it opens packets. Throws when there is no such tunnel, the SA cannot be carried, or the datapath has no room. */
  install(sa: ChildSa): void {
    const tunnel = this.#fabric.tunnel(sa.peer);
    if (!tunnel) throw new Error(`there is no tunnel ${sa.peer}`);
    if (sa.native) {
      throw new Error(
        "The peer sends ESP without UDP, which is not carried here; set encapsulation: always on this tunnel.",
      );
    }
    const { inbound, outbound, ...rest } = sa;
    const handle = this.#plane.addChild({
      inbound,
      outbound,
      selectors: { local: sa.local, remote: sa.remote },
      adjacency: tunnel.adjacency,
      vrf: tunnel.vrf,
      outer: sa.path,
      own: sa.copy > 0,
    });
    const limits = ageLimits(this.#limits(sa.peer), outbound.esn, Math.random());
    const child = { sa: rest, handle, limits, transmits: false, heard: 0, askedAt: 0 };
    this.#children.set(sa.id, child);
    this.#byHandle.set(handle.id, child);
    const siblings = this.#byTunnel.get(sa.peer);
    if (siblings) siblings.add(child);
    else this.#byTunnel.set(sa.peer, new Set([child]));
  }

  /** Traffic moves to it, off the one that it replaces. Its tunnel; undefined: it was never installed. */
  transmit(id: number): string | undefined {
    const child = this.#children.get(id);
    if (!child) return undefined;
    const old = child.sa.replaces === undefined ? undefined : this.#children.get(child.sa.replaces);
    this.#plane.transmit(child.handle, old?.transmits ? old.handle : undefined);
    if (old) old.transmits = false;
    child.transmits = true;
    this.#turned.add(child.sa.peer);
    return child.sa.peer;
  }

  /** It sends no more. */
  retire(id: number): void {
    const child = this.#children.get(id);
    if (!child) return;
    child.transmits = false;
    this.#turned.add(child.sa.peer);
    this.#plane.retire(child.handle);
  }

  remove(id: number): void {
    const child = this.#children.get(id);
    if (!child) return;
    this.#children.delete(id);
    this.#byHandle.delete(child.handle.id);
    const siblings = this.#byTunnel.get(child.sa.peer);
    siblings?.delete(child);
    if (siblings?.size === 0) this.#byTunnel.delete(child.sa.peer);
    this.#turned.add(child.sa.peer);
    this.#plane.removeChild(child.handle);
  }

  /** All Child SAs of this tunnel send there. */
  reroute(tunnel: string, path: Path): void {
    for (const child of this.#byTunnel.get(tunnel) ?? []) this.#plane.setOuter(child.handle, path);
  }

  /** Tunnels of which some Child SA began or ceased to send since the last call, and whether any sends now. */
  turned(): [tunnel: string, sends: boolean][] {
    if (this.#turned.size === 0) return [];
    const turned = this.#turned;
    this.#turned = new Set();
    return [...turned].map((tunnel) => [tunnel, this.sends(tunnel)]);
  }

  /** Does any Child SA of this tunnel send? */
  sends(tunnel: string): boolean {
    for (const child of this.#byTunnel.get(tunnel) ?? []) if (child.transmits) return true;
    return false;
  }

  /** Ids of all Child SAs. */
  ids(): number[] {
    return [...this.#children.keys()];
  }

  /**
   * Looks at the traffic of a Child SA at time `now` (ms); undefined: it is gone. One whose rekey was asked for is left alone for a
   * minute.
   */
  look(id: number, now: number): Found | undefined {
    const child = this.#children.get(id);
    if (!child) return undefined;
    const { inbound, outbound } = this.#plane.traffic(child.handle);
    const heard = inbound.last > child.heard;
    if (heard) child.heard = inbound.last;
    const patient = !child.transmits || now - child.askedAt < ASK_AGAIN;
    const reached = patient ? undefined : outgrown(outbound, child.limits);
    if (reached) child.askedAt = now;
    return { child, heard, reached };
  }
}
