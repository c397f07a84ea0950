/** A desk of one region: one gateway, many edges, a tunnel from each to it. What a change costs the desk itself is not measured here. */
import type { FleetDesk } from "../../src/console/fleet/desk.ts";
import type { Intent } from "../../src/console/model/intent.ts";
import { type Resource, SPECS } from "../../src/console/model/resources.ts";
import { deviceName } from "../../src/protocol/name.ts";
import type { Parts, PartsDelta } from "../../src/protocol/parts.ts";
import { disassemble } from "../../src/protocol/parts.ts";
import { parseConfig } from "../../src/router/config/read.ts";

type Listener = Parameters<FleetDesk["onCommitted"]>[0];

export const GATEWAY = "vcpegateway0000";

/** Serial number of edge i. */
export const serialOf = (i: number) => `vcpe${String(i).padStart(12, "0")}`;

const FILE = (name: string) => `
name: ${name}
vrfs: [{ name: main, addresses: [100.64.0.1], tun: { name: vcpe0 }, local: [10.0.0.0/24] }]
tunnels:
  - name: to
    vrf: main
    peer: { address: 198.51.100.1, id: gw.example }
    local: { id: edge.example }
    auth: { psk: { value: "0x00112233445566778899aabbccddeeff" } }
    routes: [10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16]
`;

export class RegionDesk implements FleetDesk {
  readonly intent: Intent;
  #revision = 1;
  readonly #parts = new Map<string, Map<string, unknown>>();
  readonly #versions = new Map<string, number>();
  readonly #listeners: Listener[] = [];

  constructor(edges: number) {
    const devices = new Map<string, Resource<"device">>();
    const empty = Object.fromEntries(Object.keys(SPECS).map((kind) => [kind, new Map()])) as unknown as Intent;
    this.intent = { ...empty, device: devices };
    const { config } = parseConfig(FILE("x"), "bench", { folder: "/", environment: {} });
    const gateway = disassemble({ ...config, name: GATEWAY, tunnels: [] });
    const auth = (peer: string) => ({ kind: "certificate" as const, peer: deviceName(peer, 1) });
    for (let i = 0; i < edges; i++) {
      const serial = serialOf(i);
      devices.set(serial, deviceOf(serial));
      const tunnel = { ...config.tunnels[0], auth: auth(GATEWAY) };
      this.#parts.set(serial, disassemble({ ...config, name: serial, tunnels: [tunnel] }));
      this.#versions.set(serial, 1);
      gateway.set(`tunnel/${serial}`, { ...tunnel, name: serial, start: "respond", auth: auth(serial) });
    }
    devices.set(GATEWAY, deviceOf(GATEWAY));
    this.#parts.set(GATEWAY, gateway);
    this.#versions.set(GATEWAY, 1);
  }

  parts(router: string): Parts | undefined {
    return this.#parts.get(router);
  }

  versionOf(router: string): number {
    return this.#versions.get(router) ?? 0;
  }

  onCommitted(listener: Listener): void {
    this.#listeners.push(listener);
  }

  event(): void {
    // Nobody looks.
  }

  /** The peak bandwidth of these edges changes, at both ends of their tunnels. Gives the revision. */
  change(edges: readonly string[]): number {
    this.#revision++;
    const deltas = new Map<string, PartsDelta>();
    const shape = { bitsPerSecond: 1_000_000 + this.#revision };
    const atGateway = new Map<string, unknown>();
    const put = (router: string, key: string) => {
      const parts = this.#parts.get(router) as Map<string, unknown>;
      const part = { ...(parts.get(key) as object), shape };
      parts.set(key, part);
      this.#versions.set(router, this.#revision);
      return part;
    };
    for (const edge of edges) {
      deltas.set(edge, { put: new Map([["tunnel/to", put(edge, "tunnel/to")]]), remove: new Set() });
      atGateway.set(`tunnel/${edge}`, put(GATEWAY, `tunnel/${edge}`));
    }
    deltas.set(GATEWAY, { put: atGateway, remove: new Set() });
    for (const listener of this.#listeners) listener({ changes: [], deltas });
    return this.#revision;
  }
}

function deviceOf(id: string): Resource<"device"> {
  const time = "2026-01-01T00:00:00.000Z";
  const meta = { kind: "device", id, version: 1, created: time, updated: time } as const;
  return { ...meta, name: id, instance: null, accessPoint: null, role: "active", address: "100.64.0.1", generation: 1 };
}
