/** One component → its parts on each router that has to do with it: a VRF, and all that stands in it. */
import type { AttachmentConfig, TunnelConfig, VrfConfig } from "../../router/config/config.ts";
import { claimsOf, type Directory } from "../model/directory.ts";
import type { Resource } from "../model/resources.ts";
import { filterOf } from "./filter.ts";
import { certificateName, identityIn, identityOf } from "./identity.ts";
import { type Attached, type Branch, type Component, disputed, type Point, type Published } from "./member.ts";
import { edgeRoutes } from "./reach.ts";
import { steady } from "./steady.ts";
import { addressOf, EVERYTHING, portOf, type Routes, routeTo, tunnelOf } from "./tunnel.ts";

/** Parts by router and key; new ones are not frozen yet. */
export type Made = Map<string, Map<string, unknown>>;

type Device = Resource<"device">;

const MTU = 1500;
const EDGE_TUN = Object.freeze({ name: "vcpe0", mtu: MTU, filter: null });

/** What was made of a component last time; lists of routes that have stayed as they were are taken from there. */
export interface Earlier {
  readonly component: Component;
  readonly parts: Made;
}

export function make(component: Component, directory: Directory, earlier?: Earlier): Made {
  const made: Made = new Map();
  const put = (router: string, key: string, part: object) => {
    let parts = made.get(router);
    if (!parts) {
      parts = new Map();
      made.set(router, parts);
    }
    parts.set(key, part);
  };
  const { id, points, branches, attached, published } = component;
  const routesOf = edgeRoutes(component);
  const stays = steady(component, earlier?.component);

  for (const branch of branches) {
    const point = points.get(branch.at)!;
    const gateway = point.gateway.id;
    const stayed = stays(branch);
    const again = (router: string, key: string) => put(router, key, earlier!.parts.get(router)!.get(key) as object);
    if (stayed.all) {
      for (const { id: device } of branch.devices) {
        for (const key of earlier!.parts.get(device)!.keys()) again(device, key);
        again(gateway, `tunnel/${device}`);
      }
      continue;
    }
    const was = earlier?.parts.get(branch.devices[0]?.id)?.get(`tunnel/${gateway}`) as TunnelConfig | undefined;
    const routes = routesOf(branch, was?.routes);
    for (const device of branch.devices) {
      if (stayed.inside) {
        again(device.id, `vrf/${id}`);
        again(gateway, `tunnel/${device.id}`);
      } else {
        put(device.id, `vrf/${id}`, edgeVrf(id, branch, device));
        put(gateway, `tunnel/${device.id}`, toEdge(id, branch, device, point, published));
      }
      const tunnel = toGateway(id, branch, device, point, routes);
      if (tunnel) put(device.id, `tunnel/${tunnel.name}`, tunnel);
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

function edgeVrf(vrf: string, { instance }: Branch, device: Device): VrfConfig {
  return { name: vrf, addresses: [device.address], tun: EDGE_TUN, local: [...instance.cidrs].sort() };
}

/** On an edge. undefined: its access point has no address. */
function toGateway(
  vrf: string,
  { instance }: Branch,
  device: Device,
  { accessPoint, gateway }: Point,
  routes: Routes,
): TunnelConfig | undefined {
  const address = addressOf(accessPoint);
  if (address === undefined) return undefined;
  return tunnelOf({
    name: gateway.id,
    vrf,
    peer: { address, port: portOf(accessPoint), identity: identityOf(gateway), from: null },
    local: { address: null, identity: identityOf(device) },
    certificate: certificateName(gateway),
    start: "initiate",
    remote: EVERYTHING,
    routes,
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
