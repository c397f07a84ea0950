/** The tunnels of a managed router: what all have in common, and where a peer is found. */
import type { TunnelConfig } from "../../router/config/config.ts";
import type { Resource } from "../model/resources.ts";
import { ESP, IKE } from "./head.ts";

/** Both families: what may go through is settled by the end that knows better. */
export const EVERYTHING: readonly string[] = Object.freeze(["0.0.0.0/0", "::/0"]);

/** Ports where a peer is spoken to first, RFC 7296 §2. */
const IKE_PORT = 500;
const NAT_PORT = 4500;

/** A peer that is silent for so long is asked whether it lives, milliseconds. */
const DPD_MS = 10_000;

export type Routes = TunnelConfig["routes"];
export type Route = Routes[number];

export function routeTo(prefix: string, preference: number, zone: string | null): Route {
  return Object.freeze({ prefix, preference, zone });
}

/** What differs from tunnel to tunnel. */
export type Own = Pick<TunnelConfig, "name" | "vrf" | "local" | "peer" | "start" | "routes" | "zone" | "shape"> & {
  /** dNSName that the peer's certificate must bear. */
  readonly certificate: string;
  /** Traffic selectors of the far side. */
  readonly remote: readonly string[];
};

/** Members by their names: hashing (protocol/shared.ts), which wants that order, need not sort them in ten thousand tunnels. */
export function tunnelOf(own: Own): TunnelConfig {
  const { certificate, remote, name, vrf, local, peer, start, routes, zone, shape } = own;
  return {
    auth: { kind: "certificate", peer: certificate },
    children: [{ local: EVERYTHING, name, remote }],
    dpdMs: DPD_MS,
    encapsulation: "always",
    esp: ESP,
    ike: IKE,
    local,
    mtu: null,
    name,
    peer,
    routes,
    shape,
    start,
    vrf,
    zone,
  };
}

type Reach = Pick<Resource<"access-point">, "ipv4" | "ipv6">;

/** Families that both have; without `from`, that of a host that may have both. undefined: none in common. */
export function addressOf(to: Resource<"access-point">, from?: Reach): string | undefined {
  if (to.ipv4 !== null && from?.ipv4 !== null) return to.ipv4;
  if (to.ipv6 !== null && from?.ipv6 !== null) return to.ipv6;
  return undefined;
}

/**
 * Port of an access point for the first message. Only from the standard pair is the second port known; with others the port for ESP in
 * UDP is spoken to at once, where IKE is heard too (RFC 3948 §2.2).
 */
export function portOf({ ikePort, natPort }: Resource<"access-point">): number {
  return ikePort === IKE_PORT && natPort === NAT_PORT ? IKE_PORT : natPort;
}
