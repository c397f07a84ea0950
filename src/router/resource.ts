/**
 * A running router, taken apart into resources: each is one thing that can be made, changed in place or removed by
 * itself. A RouterConfig becomes a Model (all resources that it wants), and `diff` compares two Models.
 */
import { isDeepStrictEqual } from "node:util";
import { familyOf, hostPrefix } from "./address.ts";
import type { FilterConfig, RouterConfig, TunnelConfig } from "./config/config.ts";

/** Where a route of a VRF leads. */
export type Via =
  | { readonly kind: "tun"; readonly device: string }
  /** `zone` absent: the route leads into none. */
  | { readonly kind: "tunnel"; readonly name: string; readonly zone?: string }
  | { readonly kind: "blackhole" }
  | { readonly kind: "prohibit" };

/** What the IKE core, and the watch over an SA's age, need to know of a tunnel. */
export type PeerSettings = Pick<
  TunnelConfig,
  "peer" | "local" | "auth" | "start" | "ike" | "esp" | "children" | "dpdMs" | "encapsulation"
>;

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
  /** A next hop of the datapath. `mtu` null: from the path. `zone` that its packets come from; null: none. */
  | {
      readonly kind: "tunnel";
      readonly name: string;
      readonly vrf: string;
      readonly mtu: number | null;
      readonly zone: string | null;
    }
  /** In the FIB of a VRF. */
  | { readonly kind: "route"; readonly vrf: string; readonly prefix: string; readonly via: Via }
  /** In the kernel's main table, to a TUN device. */
  | { readonly kind: "kernel-route"; readonly device: string; readonly prefix: string }
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
  | { readonly kind: "peer"; readonly tunnel: string; readonly settings: PeerSettings };

export type ResourceOf<K extends Resource["kind"]> = Extract<Resource, { readonly kind: K }>;

/** Resources by key. */
export type Model = ReadonlyMap<string, Resource>;

/** What is made first; each kind stands on earlier ones only. */
const ORDER: readonly Resource["kind"][] = [
  "forwarding",
  "interface",
  "vrf",
  "filter",
  "tun",
  "address",
  "tunnel",
  "route",
  "kernel-route",
  "lan",
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
    case "lan":
      return "lan";
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
    case "tunnel":
      return [`vrf ${resource.vrf}`];
    case "address":
    case "kernel-route":
      return [`tun ${resource.device}`];
    case "route": {
      const { via } = resource;
      const hop = via.kind === "tun" ? [`tun ${via.device}`] : via.kind === "tunnel" ? [`tunnel ${via.name}`] : [];
      return [`vrf ${resource.vrf}`, ...hop];
    }
    case "peer":
      return [`tunnel ${resource.tunnel}`];
    default:
      return [];
  }
}

/** Must the resource be removed and made anew to become the other? TUN devices and tunnels cannot change their VRF. */
export function mustRebuild(was: Resource, now: Resource): boolean {
  return "vrf" in was && "vrf" in now && was.vrf !== now.vrf;
}

export function same(a: Resource, b: Resource): boolean {
  return isDeepStrictEqual(a, b);
}

/** In the order in which they can be made. */
export function inOrder(model: Model): Resource[] {
  const rank = new Map(ORDER.map((kind, i) => [kind, i]));
  return [...model.values()].sort((a, b) => (rank.get(a.kind) ?? 0) - (rank.get(b.kind) ?? 0));
}

/** All that a configuration wants. */
export function modelOf(config: RouterConfig): Model {
  const resources: Resource[] = config.interfaces.map(({ name, mtu }) => ({ kind: "interface", name, mtu }));
  const devices = new Map<string, string>();

  for (const filter of config.filters) resources.push({ kind: "filter", ...filter });
  for (const { name: vrf, addresses, tun, local } of config.vrfs) {
    resources.push({ kind: "vrf", name: vrf, addresses });
    if (!tun) continue;
    const device = tun.name;
    devices.set(vrf, device);
    resources.push({ kind: "tun", device, vrf, mtu: tun.mtu, filter: tun.filter });
    for (const address of addresses) resources.push({ kind: "address", device, address });
    for (const prefix of [...addresses.map(hostPrefix), ...local]) {
      resources.push({ kind: "route", vrf, prefix, via: { kind: "tun", device } });
    }
  }
  // The kernel hands us what goes to a tunnel, and what is dropped too: else it would leave by the host's default route.
  const away = (vrf: string, prefix: string, via: Via) => {
    resources.push({ kind: "route", vrf, prefix, via });
    const device = devices.get(vrf);
    if (device !== undefined) resources.push({ kind: "kernel-route", device, prefix });
  };
  for (const tunnel of config.tunnels) {
    const { name, vrf, mtu, routes, zone } = tunnel;
    resources.push({ kind: "tunnel", name, vrf, mtu, zone });
    for (const { prefix, zone: into } of routes) {
      away(vrf, prefix, { kind: "tunnel", name, ...(into === null ? {} : { zone: into }) });
    }
    const { peer, local, auth, start, ike, esp, children, dpdMs, encapsulation } = tunnel;
    const settings = { peer, local, auth, start, ike, esp, children, dpdMs, encapsulation };
    resources.push({ kind: "peer", tunnel: name, settings });
  }
  for (const { vrf, prefix, via } of config.routes) away(vrf, prefix, { kind: via });

  const prefixes = [...new Set(config.vrfs.flatMap(({ local }) => local))];
  const { gro, interfaces, holdUs } = config.lan;
  if (interfaces || prefixes.length > 0) {
    resources.push({ kind: "lan", prefixes, interfaces, own: [...devices.values()], gro, holdUs });
  }

  for (const family of [4, 6] as const) {
    const forwards = resources.some(
      ({ kind, ...rest }) => kind === "kernel-route" && familyOf((rest as { prefix: string }).prefix) === family,
    );
    if (forwards) resources.push({ kind: "forwarding", family });
  }
  return new Map(resources.map((resource) => [keyOf(resource), resource]));
}
