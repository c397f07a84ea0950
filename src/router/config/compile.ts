/** A good file → RouterConfig: defaults filled in, texts canonical, numbers plain. */
import { FLOWS } from "../../datapath/flowlimit.ts";
import { PAUSE } from "../../datapath/moderation.ts";
import { canonicalAddress, formatPrefix, prefixOf } from "../address.ts";
import { type AttachmentConfig, freeze, type RouterConfig, type Secrets, type TunnelConfig } from "./config.ts";
import { ESP_PROPOSALS, IKE_PROPOSALS } from "./defaults.ts";
import { parseDuration } from "./duration.ts";
import { compileFilter } from "./filter.ts";
import { type ConfigIdentity, parseIdentity } from "./identity.ts";
import { parseRate } from "./rate.ts";
import type { AttachmentFile, RouterFile } from "./schema.ts";
import { secretVersion } from "./secret.ts";
import { type RouteEntry, routeOf, type TunnelFile } from "./tunnel.ts";

const HOUR = 3_600_000;
const EVERYTHING = ["0.0.0.0/0", "::/0"];

/** `secrets` by tunnel name; `credentials` as they were read. The file must have passed its checks. */
export function compile(
  file: RouterFile,
  secrets: Secrets,
  credentials: RouterConfig["credentials"] = null,
): RouterConfig {
  return freeze({
    name: file.name,
    log: file.log ?? "info",
    workers: file.workers ?? 1,
    pin: file.pin ?? false,
    moderation: file.moderation ?? PAUSE,
    outer: {
      ipv4: bound(file.outer?.ipv4, "0.0.0.0"),
      ipv6: bound(file.outer?.ipv6, "::"),
      ikePort: file.outer?.ikePort ?? 500,
      natPort: file.outer?.natPort ?? 4500,
    },
    engines: { chacha20poly1305: "auto", aes128gcm16: "auto", aes256gcm16: "auto", ...file.engines },
    offload: allowed(file.offload),
    lan: {
      gro: file.lan?.gro !== "off",
      interfaces: file.lan?.interfaces ?? null,
      holdUs: file.lan?.holdUs ?? 0,
    },
    interfaces: (file.interfaces ?? []).map(({ name, mtu }) => ({ name, mtu })),
    credentials,
    vrfs: file.vrfs.map((vrf) => ({
      name: vrf.name,
      addresses: (vrf.addresses ?? []).map(canonicalAddress),
      tun: vrf.tun ? { name: vrf.tun.name, mtu: vrf.tun.mtu ?? 1500, filter: vrf.tun.filter ?? null } : null,
      local: canonical(vrf.local ?? []),
    })),
    flows: { limit: file.flows?.limit ?? FLOWS },
    attachments: (file.attachments ?? []).map(compileAttachment),
    filters: (file.filters ?? []).map(compileFilter),
    tunnels: (file.tunnels ?? []).map((tunnel) => compileTunnel(tunnel, secrets)),
    routes: (file.routes ?? []).map(({ vrf, prefix, via }) => ({ vrf, prefix: formatPrefix(prefixOf(prefix)), via })),
  });
}

function compileAttachment({ name, vrf, tun, place, local, filter }: AttachmentFile): AttachmentConfig {
  return {
    name,
    vrf,
    tun: { name: tun.name, mtu: tun.mtu ?? 1500 },
    place: compilePlace(place ?? {}),
    local: canonical(local ?? []),
    filter: filter ?? null,
  };
}

function compilePlace({ namespace, vrf, line }: NonNullable<AttachmentFile["place"]>): AttachmentConfig["place"] {
  if (namespace !== undefined) return { kind: "namespace", name: namespace };
  if (vrf !== undefined) return { kind: "vrf", device: vrf };
  if (line === undefined) return { kind: "host" };
  const nextHop = line.nextHop === undefined ? null : canonicalAddress(line.nextHop);
  return { kind: "line", interface: line.interface, nextHop };
}

function allowed(offload: RouterFile["offload"]): RouterConfig["offload"] {
  const may = (key: keyof RouterConfig["offload"]) => offload !== "off" && offload?.[key] !== "off";
  return { tso: may("tso"), uso: may("uso"), gso: may("gso"), gro: may("gro"), coalesce: may("coalesce") };
}

function compileTunnel(tunnel: TunnelFile, secrets: Secrets): TunnelConfig {
  const { peer, local, ike, esp } = tunnel;
  const address = peer.address === undefined || peer.address === "any" ? null : canonicalAddress(peer.address);
  const children = tunnel.children ?? [{ name: tunnel.name, ...tunnel.selectors }];
  return {
    name: tunnel.name,
    vrf: tunnel.vrf,
    peer: {
      address,
      port: peer.port ?? 500,
      identity: identity(peer.id),
      from: peer.from?.map(canonicalAddress) ?? null,
    },
    local: { address: local.address ? canonicalAddress(local.address) : null, identity: identity(local.id) },
    auth: tunnel.auth.certificate
      ? { kind: "certificate", peer: tunnel.auth.certificate.peer.toLowerCase() }
      : { kind: "psk", secret: tunnel.name, version: secretVersion(secrets.get(tunnel.name) ?? new Uint8Array()) },
    start: tunnel.start ?? (address ? "initiate" : "respond"),
    ike: { proposals: ike?.proposals ?? [...IKE_PROPOSALS], lifetimeMs: milliseconds(ike?.lifetime, 4 * HOUR) },
    esp: {
      proposals: esp?.proposals ?? [...ESP_PROPOSALS],
      lifetimeMs: milliseconds(esp?.lifetime, HOUR),
      packets: esp?.packets ?? 2 ** 32,
      bytes: esp?.bytes ?? 2 ** 40,
    },
    children: children.map((child) => ({
      name: child.name,
      local: canonical(child.local ?? EVERYTHING),
      remote: canonical(child.remote ?? EVERYTHING),
    })),
    routes: (tunnel.routes ?? []).map((route) => compileRoute(route, tunnel.zone ?? null)),
    zone: tunnel.zone ?? null,
    shape: tunnel.shape ? { bitsPerSecond: parseRate(tunnel.shape.rate) as number } : null,
    mtu: typeof tunnel.mtu === "number" ? tunnel.mtu : null,
    dpdMs: tunnel.dpd === "off" ? 0 : milliseconds(tunnel.dpd, 30_000),
    encapsulation: tunnel.encapsulation ?? "always",
  };
}

/** A route that names no zone is in the tunnel's. */
function compileRoute(route: RouteEntry, zone: string | null): TunnelConfig["routes"][number] {
  const { prefix, preference, zone: own = zone } = routeOf(route);
  return { prefix: formatPrefix(prefixOf(prefix)), preference, zone: own };
}

function bound(address: string | false | undefined, any: string): string | null {
  return address === false ? null : canonicalAddress(address ?? any);
}

function canonical(prefixes: readonly string[]): string[] {
  return prefixes.map((text) => formatPrefix(prefixOf(text)));
}

function identity(text: string): ConfigIdentity {
  const parsed = parseIdentity(text);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}

function milliseconds(text: string | undefined, otherwise: number): number {
  return (text === undefined ? undefined : parseDuration(text)) ?? otherwise;
}
