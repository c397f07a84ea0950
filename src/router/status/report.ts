/** What a router says of itself: the IKE core's view of each tunnel, joined with the datapath's counters. */
import { COUNTERS } from "../../datapath/counters.ts";
import type { Cipher, Plane } from "../../datapath/plane.ts";
import type { TrafficSelector } from "../../ike/effect.ts";
import { espSpiText } from "../../ike/octets.ts";
import type { Proven } from "../../ike/proof.ts";
import type { PeerStatus, ChildStatus as SaStatus } from "../../ike/status.ts";
import { formatAddress, formatRange } from "../address.ts";
import type { AttachmentConfig, FilterConfig, TunnelConfig } from "../config/config.ts";
import { formatIdentity } from "../config/identity.ts";
import type { ResourceOf } from "../resource.ts";
import type { Router } from "../router.ts";
import { version } from "../version.ts";
import type { AttachmentStatus, ChildStatus, FilterStatus, RouterStatus, TunnelStatus } from "./schema.ts";

const DROPS = new Set(COUNTERS.filter(({ drop }) => drop).map(({ name }) => name));

export function report(router: Router): RouterStatus {
  const { plane, ike } = router.parts;
  const peers = new Map(ike.status().map((peer) => [peer.name, peer]));
  const counts = Object.entries(plane.counters());
  const refused = (name: string) => DROPS.has(name) || name.endsWith("-refused");
  return {
    name: router.config.name,
    version: version(),
    since: time(router.since),
    pid: process.pid,
    workers: plane.workers().length,
    load: plane.workers().map(({ tunRead, udpRead }) => ({ tunRead, udpRead })),
    engines: enginesText(plane),
    offload: plane.offloads(),
    lan: router.lan.states().map((state) => ({ ...state, via: [...state.via] })),
    attachments: attachmentsOf(router),
    tunnels: router.config.tunnels.map((tunnel) => tunnelStatus(router, tunnel, peers.get(tunnel.name))),
    routes: [...router.running.values()].flatMap((resource) =>
      resource.kind === "route" ? [{ vrf: resource.vrf, prefix: resource.prefix, via: viaText(router, resource) }] : [],
    ),
    limits: plane.usage().map((usage) => ({ ...usage })),
    filters: router.config.filters.map((filter) => filterStatus(router, filter)),
    flows: flowStatus(plane, Object.fromEntries(counts)),
    drops: Object.fromEntries(counts.filter(([name]) => refused(name))),
    counters: Object.fromEntries(counts.filter(([name]) => !refused(name))),
    ike: ike.counters(),
    memory: { rss: process.memoryUsage.rss(), hugePages: plane.hugePages() },
  };
}

function filterStatus(router: Router, { name, rules, ...defaults }: FilterConfig): FilterStatus {
  const handle = router.fabric.filter(name);
  const hits = handle && router.parts.plane.filterHits(handle);
  const devices = [...router.running.values()].flatMap((resource) =>
    (resource.kind === "tun" || resource.kind === "attachment") && resource.filter === name ? [resource.device] : [],
  );
  return {
    name,
    devices,
    rules: rules.map((rule) => ({
      ...rule,
      ports: rule.ports && { ...rule.ports },
      hits: hits?.rules.get(rule.id) ?? 0,
    })),
    in: { action: defaults.in, hits: hits?.in ?? 0 },
    out: { action: defaults.out, hits: hits?.out ?? 0 },
  };
}

function flowStatus(plane: Plane, counts: Readonly<Record<string, number>>): RouterStatus["flows"] {
  const { entries, limit } = plane.flows();
  return { entries, limit, evicted: counts["flow-evicted"] ?? 0, refused: counts["flow-table-full"] ?? 0 };
}

/** "wasm", "native", or "native from 256 bytes, else wasm". */
function enginesText(plane: Plane): Record<string, string> {
  const from = plane.nativeFrom();
  return Object.fromEntries(
    (Object.entries(plane.engines()) as [Cipher, string][]).map(([cipher, engine]) => [
      cipher,
      engine === "native" && from[cipher] > 0 ? `native from ${from[cipher]} bytes, else wasm` : engine,
    ]),
  );
}

function tunnelStatus(router: Router, { name, vrf, peer }: TunnelConfig, status: PeerStatus | undefined): TunnelStatus {
  const remote = status?.path?.remote;
  const trouble = router.keying.lastError(name);
  const lastError =
    trouble ??
    (status?.lastError === undefined ? undefined : { code: status.state, message: status.lastError, at: status.since });
  return {
    name,
    vrf,
    peer: {
      id: formatIdentity(peer.identity),
      address: remote ? formatAddress(remote.address) : peer.address,
      port: remote?.port ?? (peer.address === null ? null : peer.port),
    },
    state: status?.state ?? "down",
    since: time(status?.since ?? router.since),
    ike: status?.ike
      ? {
          suite: status.ike.suite,
          spiLocal: `0x${status.ike.spiLocal}`,
          spiRemote: `0x${status.ike.spiRemote}`,
          rekeys: status.ike.rekeys,
          since: time(status.ike.since),
          auth: authStatus(status.ike.proven),
        }
      : null,
    nat: status?.nat ?? null,
    rttMs: status?.rttMs ?? null,
    mtu: router.fabric.mtu(name) ?? 0,
    shape: router.fabric.shape(name) ?? null,
    children: (status?.children ?? []).flatMap((child) => childStatus(router, child) ?? []),
    ...(lastError ? { lastError: { ...lastError, at: time(lastError.at) } } : {}),
  };
}

function authStatus(proven: Proven): NonNullable<TunnelStatus["ike"]>["auth"] {
  return proven.kind === "psk" ? { kind: "psk" } : { ...proven, notAfter: time(proven.notAfter) };
}

/** Undefined: the datapath refused this Child SA. */
function childStatus(router: Router, child: SaStatus): ChildStatus | undefined {
  const handle = router.keying.handle(child.id);
  if (!handle) return undefined;
  const { inbound, outbound } = router.parts.plane.traffic(handle);
  return {
    name: child.name,
    copy: child.copy,
    cipher: child.cipher,
    spiIn: espSpiText(child.spiIn),
    spiOut: espSpiText(child.spiOut),
    since: time(child.since),
    rekeys: child.rekeys,
    esn: child.esn,
    in: { packets: inbound.packets, bytes: inbound.bytes },
    out: { packets: outbound.packets, bytes: outbound.bytes },
    replayed: inbound.replayed,
    forged: inbound.forged,
    selectors: { local: child.selectors.local.map(selectorText), remote: child.selectors.remote.map(selectorText) },
  };
}

/** "10.0.0.0/8", "10.0.0.0/8 protocol 6 port 443", … */
export function selectorText({ protocol, portLow, portHigh, low, high }: TrafficSelector): string {
  const range = formatRange(low, high);
  const ports =
    portLow === 0 && portHigh === 65535
      ? ""
      : portLow > portHigh
        ? " port opaque"
        : ` port ${portLow === portHigh ? portLow : `${portLow}-${portHigh}`}`;
  return `${range}${protocol === 0 ? "" : ` protocol ${protocol}`}${ports}`;
}

function attachmentsOf(router: Router): AttachmentStatus[] {
  const states = router.attachments.states();
  return router.config.attachments.map(({ name, vrf, place, tun, local }) => {
    // One that is on this host as it is was made with the configuration, or the configuration was refused.
    const { state, reason } = states.get(name) ?? { state: "up", reason: null };
    return { name, vrf, place: placeText(place), device: tun.name, local: [...local], state, reason };
  });
}

function placeText(place: AttachmentConfig["place"]): string {
  switch (place.kind) {
    case "host":
      return "host";
    case "namespace":
      return `namespace ${place.name}`;
    case "vrf":
      return `vrf ${place.device}`;
    case "line":
      return `line ${place.interface}`;
  }
}

function viaText({ fabric }: Router, { vrf, prefix, via }: ResourceOf<"route">): string {
  switch (via.kind) {
    case "tun":
      return via.device;
    case "tunnel":
      return `tunnel ${fabric.carrier(vrf, prefix) ?? via.name}${via.zone === undefined ? "" : `, zone ${via.zone}`}`;
    case "attachment":
      return `attachment ${via.name}`;
    default:
      return via.kind;
  }
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
