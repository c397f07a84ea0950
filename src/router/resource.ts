/**
 * A running router, taken apart into resources: each is one thing that can be made, changed in place or removed by
 * itself. A RouterConfig becomes a Model (all resources that it wants, see model), and `diff` compares two Models.
 */
import type { AttachmentConfig, FilterConfig, RouterConfig, TunnelConfig } from "./config/config.ts";
import { equal } from "./config/equal.ts";

/** A tunnel that a route may lead through, and the zone that it leads into there; absent: none. */
export interface Hop {
  readonly name: string;
  readonly zone?: string;
}

/** Where a route of a VRF leads. */
export type Via =
  | { readonly kind: "tun"; readonly device: string }
  /** `standby`: tunnels that take over, in this order, while those before them are down. */
  | (Hop & { readonly kind: "tunnel"; readonly standby?: readonly Hop[] })
  /** Where it is made; as long as it is not, packets are refused. */
  | { readonly kind: "attachment"; readonly name: string }
  | { readonly kind: "blackhole" }
  | { readonly kind: "prohibit" };

/** What the IKE core, and the watch over an SA's age, need to know of a tunnel. */
export type PeerSettings = Pick<
  TunnelConfig,
  "peer" | "local" | "auth" | "start" | "ike" | "esp" | "children" | "dpdMs" | "encapsulation"
>;

/** Where an attachment's TUN device is, other than on this host as it is. */
export type AwayPlace = Exclude<AttachmentConfig["place"], { readonly kind: "host" }>;

export type Resource =
  /** The kernel forwards packets of this family between interfaces. */
  | { readonly kind: "forwarding"; readonly family: 4 | 6 }
  /** An interface of the host has this MTU, bytes. */
  | { readonly kind: "interface"; readonly name: string; readonly mtu: number }
  | { readonly kind: "vrf"; readonly name: string; readonly addresses: readonly string[] }
  /** What may go into, and come out of, the TUN devices that name it. */
  | ({ readonly kind: "filter" } & FilterConfig)
  | {
      readonly kind: "tun";
      readonly device: string;
      readonly vrf: string;
      readonly mtu: number;
      readonly filter: string | null;
    }
  /** An address of the router itself on a TUN device. */
  | { readonly kind: "address"; readonly device: string; readonly address: string }
  /** A next hop of the datapath. `mtu` null: from the path. `shape` null: no limit. `zone` that its packets come from; null: none. */
  | {
      readonly kind: "tunnel";
      readonly name: string;
      readonly vrf: string;
      readonly mtu: number | null;
      readonly shape: TunnelConfig["shape"];
      readonly zone: string | null;
    }
  /** A TUN device in another network than the host's own. What it needs may come and go: it is made when it can be (attachments). */
  | {
      readonly kind: "attachment";
      readonly name: string;
      readonly vrf: string;
      readonly device: string;
      readonly mtu: number;
      readonly place: AwayPlace;
      /** Prefixes behind it. */
      readonly local: readonly string[];
      /** The router's own addresses, on the device. */
      readonly addresses: readonly string[];
      /** What may go in and out; null: everything. */
      readonly filter: string | null;
    }
  /** Everything that a VRF's attachments can reach, their own prefixes too. */
  | { readonly kind: "reach"; readonly vrf: string; readonly prefixes: readonly string[] }
  /** In the FIB of a VRF. */
  | { readonly kind: "route"; readonly vrf: string; readonly prefix: string; readonly via: Via }
  /** In the kernel's main table, to a TUN device. */
  | { readonly kind: "kernel-route"; readonly device: string; readonly prefix: string }
  /** What goes to this prefix takes no wider route of the kernel's main table, its default route, while no TUN device takes it: see fences. */
  | { readonly kind: "fence"; readonly vrf: string; readonly prefix: string }
  /** GRO forwarding at the devices where packets of these prefixes come in; see lan. */
  | {
      readonly kind: "lan";
      readonly prefixes: readonly string[];
      readonly interfaces: readonly string[] | null;
      /** TUN devices of this router. */
      readonly own: readonly string[];
      readonly gro: boolean;
      /** Microseconds for which packets wait for more of their flow; 0: as the device has it. */
      readonly holdUs: number;
    }
  /** Our certificate, its private key and the trusted authorities: one update when they are renewed, which touches no peer. */
  | { readonly kind: "credentials"; readonly settings: NonNullable<RouterConfig["credentials"]> }
  | { readonly kind: "peer"; readonly tunnel: string; readonly settings: PeerSettings };

export type ResourceOf<K extends Resource["kind"]> = Extract<Resource, { readonly kind: K }>;

/** Resources by key. */
export type Model = ReadonlyMap<string, Resource>;

/**
 * What is made first; each kind stands on earlier ones only. The kernel forwards when it has all its routes, and no more before they go:
 * in between it would let out what is meant for a tunnel.
 */
const ORDER: readonly Resource["kind"][] = [
  "fence",
  "interface",
  "vrf",
  "filter",
  "tun",
  "address",
  "tunnel",
  "attachment",
  "reach",
  "route",
  "kernel-route",
  "forwarding",
  "lan",
  "credentials",
  "peer",
];

/** Says which resource it is, whatever its settings. Names hold no space. */
export function keyOf(resource: Resource): string {
  switch (resource.kind) {
    case "forwarding":
      return `forwarding ${resource.family}`;
    case "tun":
      return `tun ${resource.device}`;
    case "address":
      return `address ${resource.device} ${resource.address}`;
    case "route":
      return `route ${resource.vrf} ${resource.prefix}`;
    case "kernel-route":
      return `kernel-route ${resource.device} ${resource.prefix}`;
    case "fence":
      return `fence ${resource.vrf} ${resource.prefix}`;
    case "lan":
      return resource.kind;
    case "reach":
      return `reach ${resource.vrf}`;
    case "credentials":
      return resource.kind;
    case "peer":
      return `peer ${resource.tunnel}`;
    default:
      return `${resource.kind} ${resource.name}`;
  }
}

/** Keys of the resources that must be there while this one is. */
export function needs(resource: Resource): string[] {
  switch (resource.kind) {
    case "tun":
      return [`vrf ${resource.vrf}`, ...(resource.filter === null ? [] : [`filter ${resource.filter}`])];
    case "attachment":
      return [`vrf ${resource.vrf}`, ...(resource.filter === null ? [] : [`filter ${resource.filter}`])];
    case "tunnel":
    case "reach":
      return [`vrf ${resource.vrf}`];
    case "address":
    case "kernel-route":
      return [`tun ${resource.device}`];
    case "route": {
      return [`vrf ${resource.vrf}`, ...hopsOf(resource.via)];
    }
    case "peer":
      return [`tunnel ${resource.tunnel}`, ...(resource.settings.auth.kind === "certificate" ? ["credentials"] : [])];
    default:
      return [];
  }
}

/** Keys of what a route leads to. */
export function hopsOf(via: Via): string[] {
  switch (via.kind) {
    case "tun":
      return [`tun ${via.device}`];
    case "tunnel":
      return [via, ...(via.standby ?? [])].map(({ name }) => `tunnel ${name}`);
    case "attachment":
      return [`attachment ${via.name}`];
    default:
      return [];
  }
}

/** Must the resource be removed and made anew to become the other? TUN devices and tunnels cannot change their VRF. */
export function mustRebuild(was: Resource, now: Resource): boolean {
  return "vrf" in was && "vrf" in now && was.vrf !== now.vrf;
}

export function same(a: Resource, b: Resource): boolean {
  return equal(a, b);
}

/** In the order in which they can be made. */
export function inOrder(model: Model): Resource[] {
  const byKind = new Map<Resource["kind"], Resource[]>(ORDER.map((kind) => [kind, []]));
  for (const resource of model.values()) byKind.get(resource.kind)?.push(resource);
  return [...byKind.values()].flat();
}
