/**
 * What a configuration wants, as resources. They fall apart into pieces that need nothing of each other: one for each routing domain,
 * and one for the host as a whole. A piece that is as it was before is the same object, so a change among thousands of tunnels costs
 * what the change costs.
 */
import { familyOf, hostPrefix } from "./address.ts";
import type { AttachmentConfig, RouterConfig, TunnelConfig, VrfConfig } from "./config/config.ts";
import { equal } from "./config/equal.ts";
import { type Action, diff } from "./diff.ts";
import { RouterError } from "./error.ts";
import { type Hop, keyOf, type Model, type Resource, type Via } from "./resource.ts";

/** What a routing domain is made of, as configured. */
interface Group {
  readonly vrf: VrfConfig;
  readonly attachments: readonly AttachmentConfig[];
  readonly tunnels: readonly TunnelConfig[];
  readonly routes: RouterConfig["routes"];
}

interface Piece {
  readonly group: Group;
  readonly model: Model;
  /** Families that the host has to forward for it. */
  readonly families: readonly (4 | 6)[];
  /** Its TUN devices on this host. */
  readonly devices: readonly string[];
}

export interface Wish {
  readonly pieces: ReadonlyMap<string, Piece>;
  readonly host: Model;
}

/** `before`: what was wanted last; what has not changed is taken from there. @throws RouterError apply-failed: a VRF that is not there. */
export function wishOf(config: RouterConfig, before?: Wish): Wish {
  const groups = new Map(
    config.vrfs.map((vrf) => [
      vrf.name,
      {
        vrf,
        attachments: [] as AttachmentConfig[],
        tunnels: [] as TunnelConfig[],
        routes: [] as Group["routes"][number][],
      },
    ]),
  );
  const groupOf = (vrf: string) => {
    const group = groups.get(vrf);
    if (!group) throw new RouterError("apply-failed", `there is no VRF "${vrf}"`, "Take out what refers to it");
    return group;
  };
  for (const attachment of config.attachments) groupOf(attachment.vrf).attachments.push(attachment);
  for (const tunnel of config.tunnels) groupOf(tunnel.vrf).tunnels.push(tunnel);
  for (const route of config.routes) groupOf(route.vrf).routes.push(route);
  const pieces = new Map<string, Piece>();
  for (const [name, group] of groups) {
    const was = before?.pieces.get(name);
    pieces.set(name, was && equal(was.group, group) ? was : pieceOf(group));
  }
  return { pieces, host: modelFrom(hostOf(config, [...pieces.values()])) };
}

/** All that a configuration wants, in one. */
export function modelOf(config: RouterConfig): Model {
  return wholeOf(wishOf(config));
}

export function wholeOf(wish: Wish): Model {
  return union([wish.host, ...[...wish.pieces.values()].map(({ model }) => model)]);
}

/** From one wish that has been carried out whole to another. */
export function changes(was: Wish, now: Wish): Action[] {
  const apart = (one: Wish, other: Wish) =>
    union([
      one.host,
      ...[...one.pieces].filter(([name, piece]) => other.pieces.get(name) !== piece).map(([, { model }]) => model),
    ]);
  return diff(apart(was, now), apart(now, was));
}

function union(models: readonly Model[]): Model {
  const all = new Map<string, Resource>();
  for (const model of models) for (const [key, resource] of model) all.set(key, resource);
  return all;
}

function modelFrom(resources: readonly Resource[]): Model {
  return new Map(resources.map((resource) => [keyOf(resource), resource]));
}

function pieceOf(group: Group): Piece {
  const { name: vrf, addresses, tun, local } = group.vrf;
  const here = group.attachments.filter(({ place }) => place.kind === "host");
  // The host's own: the VRF's TUN device, and attachments that are on this host as it is.
  const tuns = [
    ...(tun ? [{ ...tun, local }] : []),
    ...here.map((one) => ({ ...one.tun, filter: one.filter, local: one.local })),
  ];
  const main = tuns[0]?.name;
  const resources: Resource[] = [{ kind: "vrf", name: vrf, addresses }];
  for (const [i, { name: device, mtu, filter, local }] of tuns.entries()) {
    resources.push({ kind: "tun", device, vrf, mtu, filter });
    for (const address of addresses) resources.push({ kind: "address", device, address });
    for (const prefix of [...(i === 0 ? addresses.map(hostPrefix) : []), ...local]) {
      resources.push({ kind: "route", vrf, prefix, via: { kind: "tun", device } });
    }
  }
  // The kernel hands us what goes to a tunnel, and what is dropped too: else it would leave by the host's default route.
  const away = (prefix: string, via: Via) => {
    resources.push({ kind: "route", vrf, prefix, via });
    if (main === undefined) return;
    resources.push({ kind: "fence", vrf, prefix }, { kind: "kernel-route", device: main, prefix });
  };
  for (const resource of group.tunnels.flatMap(tunnelOf)) resources.push(resource);
  for (const [prefix, [first, ...standby]] of hopsOf(group.tunnels)) {
    away(prefix, { kind: "tunnel", ...first, ...(standby.length > 0 ? { standby } : {}) });
  }
  for (const { prefix, via } of group.routes) away(prefix, { kind: via });

  const elsewhere = attachmentsOf(group, main === undefined);
  for (const resource of elsewhere) {
    resources.push(resource);
    for (const prefix of resource.local) away(prefix, { kind: "attachment", name: resource.name });
  }
  // Own addresses without a device on this host are reached where the first attachment has them.
  const home = main === undefined ? elsewhere.find((one) => one.addresses.length > 0) : undefined;
  for (const address of home?.addresses ?? []) {
    resources.push({ kind: "route", vrf, prefix: hostPrefix(address), via: { kind: "attachment", name: home!.name } });
  }
  if (elsewhere.length > 0) resources.push({ kind: "reach", vrf, prefixes: reachOf(group) });
  return { group, model: modelFrom(resources), ...needsOf(resources) };
}

/** What the host as a whole does for it. */
function needsOf(resources: readonly Resource[]): Pick<Piece, "families" | "devices"> {
  const onHost = resources.some((resource) => resource.kind === "attachment" && resource.place.kind !== "namespace");
  const families = new Set<4 | 6>();
  const devices: string[] = [];
  for (const resource of resources) {
    if (resource.kind === "kernel-route") families.add(familyOf(resource.prefix));
    else if (resource.kind === "reach" && onHost)
      for (const prefix of resource.prefixes) families.add(familyOf(prefix));
    else if (resource.kind === "tun") devices.push(resource.device);
    else if (resource.kind === "attachment" && resource.place.kind !== "namespace") devices.push(resource.device);
  }
  return { families: [...families], devices };
}

function tunnelOf(tunnel: TunnelConfig): Resource[] {
  const { name, vrf, mtu, shape, zone, peer, local, auth, start, ike, esp, children, dpdMs, encapsulation } = tunnel;
  const settings = { peer, local, auth, start, ike, esp, children, dpdMs, encapsulation };
  return [
    { kind: "tunnel", name, vrf, mtu, shape, zone },
    { kind: "peer", tunnel: name, settings },
  ];
}

/** Of each prefix the tunnels that have it, most preferred (lowest number) first. */
function hopsOf(tunnels: readonly TunnelConfig[]): Map<string, [Hop, ...Hop[]]> {
  const found = new Map<string, [Candidate, ...Candidate[]]>();
  for (const { name, routes } of tunnels) {
    for (const { prefix, preference, zone } of routes) {
      const candidate = { preference, hop: zone === null ? { name } : { name, zone } };
      const others = found.get(prefix);
      if (others) others.push(candidate);
      else found.set(prefix, [candidate]);
    }
  }
  const hops = new Map<string, [Hop, ...Hop[]]>();
  for (const [prefix, candidates] of found) {
    const [first, ...standby] = candidates.sort((a, b) => a.preference - b.preference).map(({ hop }) => hop);
    hops.set(prefix, [first, ...standby]);
  }
  return hops;
}

interface Candidate {
  readonly hop: Hop;
  readonly preference: number;
}

type Attachment = Extract<Resource, { readonly kind: "attachment" }>;

/** Those that are not on this host as it is. `alone`: the VRF has no device there. */
function attachmentsOf({ vrf, attachments }: Group, alone: boolean): Attachment[] {
  return attachments.flatMap(({ name, tun, place, local, filter }): Attachment[] =>
    place.kind === "host"
      ? []
      : [
          {
            kind: "attachment",
            name,
            vrf: vrf.name,
            device: tun.name,
            mtu: tun.mtu,
            place,
            local,
            filter,
            // Several lines share the host's main table of own addresses: there they would be everyone's.
            addresses: place.kind === "namespace" || (place.kind === "vrf" && alone) ? vrf.addresses : [],
          },
        ],
  );
}

function reachOf({ vrf, attachments, tunnels, routes }: Group): string[] {
  return [
    ...new Set([
      ...(vrf.tun ? vrf.local : []),
      ...attachments.flatMap(({ local }) => local),
      ...tunnels.flatMap((tunnel) => tunnel.routes.map(({ prefix }) => prefix)),
      ...routes.map(({ prefix }) => prefix),
    ]),
  ];
}

function hostOf(config: RouterConfig, pieces: readonly Piece[]): Resource[] {
  const resources: Resource[] = config.interfaces.map(({ name, mtu }) => ({ kind: "interface", name, mtu }));
  for (const filter of config.filters) resources.push({ kind: "filter", ...filter });
  if (config.credentials) resources.push({ kind: "credentials", settings: config.credentials });
  const here = config.attachments.filter(({ place }) => place.kind === "host");
  const prefixes = [...new Set([...config.vrfs, ...here].flatMap(({ local }) => local))];
  const { gro, interfaces, holdUs } = config.lan;
  if (interfaces || prefixes.length > 0) {
    const own = pieces.flatMap(({ devices }) => devices);
    resources.push({ kind: "lan", prefixes, interfaces, own, gro, holdUs });
  }
  for (const family of [4, 6] as const) {
    if (pieces.some(({ families }) => families.includes(family))) resources.push({ kind: "forwarding", family });
  }
  return resources;
}
