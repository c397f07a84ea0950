/** What stands in a configuration once: the head of an edge's and of a gateway's. */
import type { Head } from "../../protocol/parts.ts";
import { compile as compileFile } from "../../router/config/compile.ts";
import { freeze } from "../../router/config/config.ts";
import type { Resource } from "../model/resources.ts";

/** A configuration file that says nothing but what it must: its compiled form holds the router's own defaults. */
const PLAIN = compileFile(
  {
    name: "plain",
    vrfs: [{ name: "plain" }],
    tunnels: [
      { name: "plain", vrf: "plain", peer: { id: "plain" }, local: { id: "plain" }, auth: { psk: { env: "-" } } },
    ],
  },
  new Map(),
);

/** Defaults of a tunnel's suites and lifetimes. */
export const { ike: IKE, esp: ESP } = PLAIN.tunnels[0];

const {
  vrfs: _vrfs,
  attachments: _attachments,
  filters: _filters,
  tunnels: _tunnels,
  routes: _routes,
  credentials: _credentials,
  ...HEAD
} = PLAIN;

/** Flows that a gateway's filters may know at once: those of all its customers; 128 bytes each, once they are there. */
const GATEWAY_FLOWS = 1_048_576;

export function edgeHead(device: Resource<"device">): Head {
  return freeze({ ...HEAD, name: device.id });
}

export function gatewayHead(device: Resource<"device">, accessPoint: Resource<"access-point">): Head {
  const { ipv4, ipv6, ikePort, natPort } = accessPoint;
  return freeze({
    ...HEAD,
    name: device.id,
    workers: "auto",
    flows: { limit: GATEWAY_FLOWS },
    // It binds all addresses: the one that the world knows may be a translated one.
    outer: {
      ipv4: ipv4 === null ? null : HEAD.outer.ipv4,
      ipv6: ipv6 === null ? null : HEAD.outer.ipv6,
      ikePort,
      natPort,
    },
  });
}
