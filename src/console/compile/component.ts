/** One component → its parts on each router that has to do with it: a VRF, and all that stands in it. */
import type { Reach } from "../../protocol/reach.ts";
import type { AttachmentConfig, TunnelConfig, VrfConfig } from "../../router/config/config.ts";
import { claimsOf, type Directory } from "../model/directory.ts";
import type { Resource } from "../model/resources.ts";
import { filterOf } from "./filter.ts";
import { certificateName, identityIn, identityOf } from "./identity.ts";
import { type Attached, type Branch, type Component, disputed, type Point, type Published } from "./member.ts";
import { steady } from "./steady.ts";
import { addressOf, EVERYTHING, portOf, type Routes, routeTo, tunnelOf } from "./tunnel.ts";

/** Parts by router and key; new ones are not frozen yet. */
export type Made = Map<string, Map<string, unknown>>;

type Device = Resource<"device">;

const MTU = 1500;
const EDGE_TUN = Object.freeze({ name: "vcpe0", mtu: MTU, filter: null });

/** What was made of a component last time; what has stayed as it was is taken from there. */
export interface Earlier {
  readonly component: Component;
  readonly parts: Made;
}

export function make(component: Component, directory: Directory, earlier?: Earlier): Made {
  const made: Made = new Map();
  const put = (router: string, key: string, part: unknown) => {
    let parts = made.get(router);
    if (!parts) {
      parts = new Map();
      made.set(router, parts);
    }
    parts.set(key, part);
  };
  const { id, points, branches, attached, published, reach } = component;
  const stays = steady(component, earlier?.component);

  for (const branch of branches) {
    const point = points.get(branch.at)!;
    const gateway = point.gateway.id;
    const stayed = stays(branch);
    const before = stayed.inside ? earlier?.parts : undefined;
    for (const device of branch.devices) {
      const was = before?.get(device.id);
      const inward = before?.get(gateway)?.get(`tunnel/${device.id}`);
      put(gateway, `tunnel/${device.id}`, inward ?? toEdge(id, branch, device, point, published));
      if (stayed.all && was) {
        made.set(device.id, reaching(was, id, reach));
        continue;
      }
      put(device.id, `vrf/${id}`, was?.get(`vrf/${id}`) ?? edgeVrf(id, branch, device));
      const tunnel = toGateway(id, branch, device, point, was?.get(`tunnel/${gateway}`) as TunnelConfig | undefined);
      if (!tunnel) continue;
      put(device.id, `tunnel/${gateway}`, tunnel);
      put(device.id, `reach/${id}`, reach);
    }
  }
  for (const { network, at } of attached) {
    const router = points.get(at)!.gateway.id;
    put(router, `attachment/${network.id}`, attachment(id, { network, at }));
    if (network.kind === "vpc") put(router, `filter/${network.id}`, filterOf(network.id, directory));
  }
  const at = Map.groupBy(published, (one) => one.at);
  for (const here of points.values()) {
    put(here.gateway.id, `vrf/${id}`, { name: id, addresses: [here.gateway.address], tun: null, local: [] });
    for (const there of points.values()) {
      if (there === here) continue;
      const routes = [
        ...(at.get(there.accessPoint.id) ?? []).map(({ fromGateway }) => fromGateway),
        routeTo(`${there.gateway.address}/32`, 0, null),
      ];
      const tunnel = betweenGateways(id, here, there, routes);
      if (tunnel) put(here.gateway.id, `tunnel/${tunnel.name}`, tunnel);
    }
  }
  return made;
}

/** Parts of an edge of which nothing is new but perhaps what it reaches; the same value when that is not either. */
function reaching(was: Map<string, unknown>, vrf: string, reach: Reach): Map<string, unknown> {
  const key = `reach/${vrf}`;
  // Without a tunnel it has none.
  return !was.has(key) || was.get(key) === reach ? was : new Map(was).set(key, reach);
}

function edgeVrf(vrf: string, { instance }: Branch, device: Device): VrfConfig {
  return { addresses: [device.address], local: [...instance.cidrs].sort(), name: vrf, tun: EDGE_TUN };
}

/**
 * On an edge; what else it reaches through it stands in `reach`. undefined: its access point has no address.
 * @param was what it was, of which nothing but the place of the access point may be another by now
 */
function toGateway(
  vrf: string,
  { instance }: Branch,
  device: Device,
  { accessPoint, gateway }: Point,
  was: TunnelConfig | undefined,
): TunnelConfig | undefined {
  const address = addressOf(accessPoint);
  if (address === undefined) return undefined;
  const port = portOf(accessPoint);
  if (was) return { ...was, peer: { ...was.peer, address, port } };
  return tunnelOf({
    name: gateway.id,
    vrf,
    peer: { address, from: null, identity: identityOf(gateway), port },
    local: { address: null, identity: identityOf(device) },
    certificate: certificateName(gateway),
    start: "initiate",
    remote: EVERYTHING,
    routes: [routeTo(`${gateway.address}/32`, 0, null)],
    zone: null,
    shape: shapeOf(instance),
  });
}

/** On the gateway. Its selectors hold the branch to its own addresses. */
function toEdge(
  vrf: string,
  { instance, zone }: Branch,
  device: Device,
  { gateway }: Point,
  published: readonly Published[],
): TunnelConfig {
  const preference = device.role === "standby" ? 1 : 0;
  const own = claimsOf(instance).sort((a, b) => (a.text < b.text ? -1 : 1));
  const host = `${device.address}/32`;
  return tunnelOf({
    name: device.id,
    vrf,
    peer: { address: null, port: 500, identity: identityOf(device), from: null },
    local: { address: null, identity: identityOf(gateway) },
    certificate: certificateName(device),
    start: "respond",
    remote: [
      ...own
        .filter((claim) => claim.published || !disputed(claim.prefix, instance.id, published))
        .map(({ text }) => text),
      host,
    ],
    routes: [
      ...own.filter((claim) => claim.published).map(({ text }) => routeTo(text, preference, zone)),
      routeTo(host, 0, zone),
    ],
    zone,
    shape: shapeOf(instance),
  });
}

/** On `here`. The one whose device has the smaller id begins. undefined: they have no address family in common. */
function betweenGateways(vrf: string, here: Point, there: Point, routes: Routes): TunnelConfig | undefined {
  const address = addressOf(there.accessPoint, here.accessPoint);
  if (address === undefined) return undefined;
  const begins = here.gateway.id < there.gateway.id;
  return tunnelOf({
    name: `${vrf}.${there.gateway.id}`,
    vrf,
    peer: {
      address: begins ? address : null,
      port: begins ? portOf(there.accessPoint) : 500,
      identity: identityIn(vrf, there.gateway),
      from: null,
    },
    local: { address: null, identity: identityIn(vrf, here.gateway) },
    certificate: certificateName(there.gateway),
    start: begins ? "initiate" : "respond",
    remote: EVERYTHING,
    routes,
    zone: null,
    shape: null,
  });
}

function attachment(vrf: string, { network }: Attached): AttachmentConfig {
  const vpc = network.kind === "vpc";
  return {
    name: network.id,
    vrf,
    tun: { name: tunName(network), mtu: MTU },
    place: vpc ? network.place : { kind: "line", interface: network.interface, nextHop: network.nextHop },
    local: claimsOf(network)
      .filter(({ published }) => published)
      .map(({ text }) => text)
      .sort(),
    filter: vpc ? network.id : null,
  };
}

/** v or l and what tells the id from others of its kind; interface names have 15 characters at most. */
function tunName({ kind, id }: Attached["network"]): string {
  return `${kind === "vpc" ? "v" : "l"}${id.slice(id.indexOf("-") + 1)}`.slice(0, 15);
}

function shapeOf({ peakBandwidth }: Resource<"instance">): TunnelConfig["shape"] {
  return { bitsPerSecond: peakBandwidth * 1e6 };
}
