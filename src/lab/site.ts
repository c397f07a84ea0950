/** RouterConfigs (YAML) and pre-shared keys for the lab's routers, written into the lab's folder. */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { GATEWAY_ADDRESS, SITES, type Site } from "./plan.ts";

export interface TunnelConfig {
  name: string;
  vrf: string;
  peer: { address?: string; port?: number; id: string };
  local: { address?: string; id: string };
  auth: { psk: { file: string } | { value: string } } | { certificate: { peer: string } };
  start: "initiate" | "respond";
  ike?: { proposals?: string[]; lifetime?: string };
  esp?: { proposals?: string[]; lifetime?: string };
  selectors?: { local: string[]; remote: string[] };
  routes: (string | { prefix: string; preference?: number; zone?: string | null })[];
  zone?: string;
  mtu?: "auto" | number;
  shape?: { rate: string };
  dpd?: string;
}

/** The shape that `vcpe edge -c` and `vcpe gateway -c` read; see the YAML example of the product. */
export interface SiteConfig {
  name: string;
  log: string;
  outer: { ipv4: string | false; ipv6: string | false; ikePort: number; natPort: number };
  workers: number | "auto";
  pin?: boolean;
  credentials?: { certificate: string; key: { file: string }; trust: string[] };
  vrfs: { name: string; addresses: string[]; tun: { name: string; mtu: number; filter?: string }; local: string[] }[];
  filters?: {
    name: string;
    rules: {
      id: string;
      direction: "in" | "out";
      protocol?: string | number;
      ports?: string;
      prefix: string;
      action: "accept" | "drop";
    }[];
    in?: "accept" | "drop";
    out?: "accept" | "drop";
  }[];
  tunnels: TunnelConfig[];
  routes?: { vrf: string; prefix: string; via: "blackhole" | "prohibit" }[];
}

/** Host prefixes of a router's own overlay addresses. */
function ownPrefixes(site: Site): string[] {
  return [`${site.own[0]}/32`, `${site.own[1]}/128`];
}

/** Writes a fresh random pre-shared key, readable by its owner alone, and gives back the file's path. */
export function writeKey(folder: string, name: string): string {
  mkdirSync(join(folder, "keys"), { recursive: true, mode: 0o700 });
  const file = join(folder, "keys", `${name}.psk`);
  writeFileSync(file, randomBytes(32).toString("base64url"), { mode: 0o600 });
  return file;
}

/** Config of one site. `routerName` maps a place to the name that its router goes by; `keyFile` an edge to its key. */
export function siteConfig(
  site: Site,
  routerName: (place: string) => string,
  keyFile: (edge: string) => string,
): SiteConfig {
  const gateway = SITES.find((other) => other.role === "gateway")!;
  const edges = SITES.filter((other) => other.role === "edge");
  const tunnel = (edge: Site): TunnelConfig => {
    const common = { vrf: "main", auth: { psk: { file: keyFile(edge.router) } }, dpd: "30s" };
    if (site.role === "gateway") {
      return {
        ...common,
        name: `to-${edge.router}`,
        peer: { id: edge.id },
        local: { id: gateway.id },
        start: "respond",
        routes: [...edge.prefixes, ...ownPrefixes(edge)],
      };
    }
    const others = SITES.filter((other) => other !== site);
    return {
      ...common,
      name: "to-gateway",
      peer: { address: GATEWAY_ADDRESS[site.outer], port: 500, id: gateway.id },
      local: { id: site.id },
      start: "initiate",
      routes: others.flatMap((other) => [...other.prefixes, ...ownPrefixes(other)]),
    };
  };
  return {
    name: routerName(site.router),
    log: "info",
    outer: { ipv4: "0.0.0.0", ipv6: "::", ikePort: 500, natPort: 4500 },
    workers: 1,
    vrfs: [{ name: "main", addresses: [...site.own], tun: { name: "vcpe0", mtu: 1500 }, local: [...site.prefixes] }],
    tunnels: site.role === "gateway" ? edges.map(tunnel) : [tunnel(site)],
  };
}

/** Writes a config where the router is told to look for it; gives back the path. */
export function writeConfig(folder: string, place: string, config: SiteConfig): string {
  const file = join(folder, `${place}.yaml`);
  writeFileSync(file, stringify(config), { mode: 0o600 });
  return file;
}
