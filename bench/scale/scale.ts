/**
 * One gateway with thousands of tunnels: how long a configuration takes to load, and a change of one tunnel in it; how much memory it
 * needs. The datapath is the real one (a worker, sockets, shared memory), the IKE core as well; Child SAs are
 * put in directly, without handshakes. Then the handshakes alone: many peers at once on a virtual clock.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPlane } from "../../src/datapath/open.ts";
import type { ChildHandle, Plane } from "../../src/datapath/plane.ts";
import { IkeEndpoint } from "../../src/ike/endpoint.ts";
import type { RouterConfig, Secrets, TunnelConfig } from "../../src/router/config/config.ts";
import { linuxHost } from "../../src/router/host.ts";
import { Loans } from "../../src/router/loans.ts";
import { makeLog } from "../../src/router/log.ts";
import { planeOptions } from "../../src/router/open.ts";
import { Router } from "../../src/router/router.ts";
import { report } from "../../src/router/status/report.ts";
import { BenchFault } from "../fault.ts";
import { storm } from "./storm.ts";

export interface ScaleOptions {
  readonly tunnels: number;
  readonly vrfs: number;
  readonly say: (line: string) => void;
}

export interface ScaleRow {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

export interface ScaleResult {
  readonly tunnels: number;
  readonly vrfs: number;
  readonly rows: readonly ScaleRow[];
}

const SECRET = "0123456789abcdef0123456789abcdef";

/** Routes of each tunnel. */
const ROUTES = 2;
/** Changes of one tunnel that are measured. */
const CHANGES = 9;
/** Peers of the storm. */
const PEERS = 500;

export async function benchScale({ tunnels, vrfs, say }: ScaleOptions): Promise<ScaleResult> {
  const rows: ScaleRow[] = [];
  const row = (what: string, value: number, unit: string) => {
    rows.push({ what, value: Number(value.toPrecision(4)), unit });
    say(`${what}: ${rows.at(-1)?.value} ${unit}`);
  };
  const resident = () => process.memoryUsage.rss() / 2 ** 20;
  const folder = mkdtempSync(join(tmpdir(), "vcpe-scale-"));
  const config = configOf(tunnels, vrfs);
  const plane = await openPlane({ ...planeOptions(config), ikePort: 0, natPort: 0 });
  row("memory before", resident(), "MiB");
  const router = routerOn(plane, config, join(folder, "state.json"));
  try {
    row("load", await timed(() => router.start(secretsOf(config))), "ms");
    const begun = performance.now();
    const children = config.tunnels.map(({ name }, i) => child(router, plane, name, i));
    row("Child SAs", performance.now() - begun, "ms");
    row("memory with all", resident(), "MiB");

    const changes: number[] = [];
    let now = config;
    for (let i = 0; i < CHANGES; i++) {
      // All of it anew, as a file or a message brings it.
      now = JSON.parse(JSON.stringify(now)) as RouterConfig;
      const one = (i * 7919) % tunnels;
      now = { ...now, tunnels: now.tunnels.map((tunnel, at) => (at === one ? { ...tunnel, mtu: 1300 + i } : tunnel)) };
      const secrets = secretsOf(now);
      changes.push(await timed(() => router.apply(now, secrets)));
    }
    row("change of one tunnel", median(changes), "ms");
    row("change of nothing", await timed(() => router.apply(now, secretsOf(now))), "ms");
    row("status report", await timed(() => report(router)), "ms");
    for (const one of children) plane.removeChild(one);
    row("end of all", await timed(() => router.close()), "ms");
  } finally {
    await plane.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const { all, half, handshakesPerSecond } = storm(PEERS);
  if (!Number.isFinite(all))
    throw new BenchFault("not-measured", "Not all peers of the storm came up.", "Try fewer, or on an idle machine.");
  row(`half of ${PEERS} peers at once are up`, half, "s");
  row(`all of ${PEERS} peers at once are up`, all, "s");
  row("handshakes", handshakesPerSecond, "1/s");
  return { tunnels, vrfs, rows };
}

async function timed(run: () => unknown): Promise<number> {
  const begun = performance.now();
  await run();
  return performance.now() - begun;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function routerOn(plane: Plane, config: RouterConfig, state: string): Router {
  const host = linuxHost();
  const log = makeLog("bench", "silent");
  const ike = new IkeEndpoint({
    random: (n) => randomBytes(n),
    date: () => Date.now(),
    reserveSpi: () => plane.reserveSpi(),
    releaseSpi: (spi) => plane.releaseSpi(spi),
    localAddress: (remote) => host.localAddress(remote),
    ikePort: plane.ikePort,
    natPort: plane.natPort,
  });
  const failed = (error: Error) => {
    throw error;
  };
  return new Router({ plane, ike, host, loans: new Loans(state, host, log), log, failed }, config);
}

/** A Child SA of tunnel `index`, made and sending. */
function child(router: Router, plane: Plane, tunnel: string, index: number): ChildHandle {
  const known = router.fabric.tunnel(tunnel);
  const spi = plane.reserveSpi();
  if (known === undefined || spi === undefined)
    throw new BenchFault("not-measured", `No room for tunnel ${index}.`, "Ask for fewer.");
  const remote = { address: Uint8Array.of(10, index >>> 16, (index >>> 8) & 255, index & 255), port: 4500 };
  const keys = { cipher: "chacha20poly1305", key: randomBytes(32), salt: randomBytes(4), esn: true } as const;
  const handle = plane.addChild({
    inbound: { ...keys, spi },
    outbound: { ...keys, spi: 0x10000 + index },
    selectors: { local: [], remote: [] },
    ...known,
    outer: { local: { address: Uint8Array.of(127, 0, 0, 1), port: 4500 }, remote },
  });
  plane.transmit(handle);
  return handle;
}

function secretsOf({ tunnels }: RouterConfig): Secrets {
  return new Map(tunnels.map(({ name }) => [name, new TextEncoder().encode(SECRET)]));
}

function configOf(tunnels: number, vrfs: number): RouterConfig {
  return {
    name: "bench-scale",
    log: "silent",
    workers: 1,
    pin: false,
    moderation: 0,
    outer: { ipv4: "127.0.0.1", ipv6: null, ikePort: 500, natPort: 4500 },
    engines: { chacha20poly1305: "wasm", aes128gcm16: "wasm", aes256gcm16: "wasm" },
    offload: { tso: true, uso: true, gso: true, gro: true, coalesce: true },
    lan: { gro: false, interfaces: null, holdUs: 0 },
    interfaces: [],
    credentials: null,
    flows: { limit: 65_536 },
    vrfs: Array.from({ length: vrfs }, (_, i) => ({ name: `v${i}`, addresses: ["10.255.0.1"], tun: null, local: [] })),
    attachments: [],
    filters: [],
    tunnels: Array.from({ length: tunnels }, (_, i) => tunnelOf(i, i % vrfs, Math.floor(i / vrfs))),
    routes: [],
  };
}

function tunnelOf(index: number, vrf: number, inVrf: number): TunnelConfig {
  const everything = ["0.0.0.0/0"];
  return {
    name: `t${index}`,
    vrf: `v${vrf}`,
    peer: { address: null, port: 500, identity: { type: "fqdn", value: `edge-${index}.test` }, from: null },
    local: { address: null, identity: { type: "fqdn", value: "gateway.test" } },
    auth: { kind: "psk", secret: `t${index}`, version: "1" },
    start: "respond",
    ike: { proposals: ["chacha20poly1305-sha256-x25519"], lifetimeMs: 14_400_000 },
    esp: { proposals: ["chacha20poly1305"], lifetimeMs: 3_600_000, packets: 2 ** 32, bytes: 2 ** 40 },
    children: [{ name: "net", local: everything, remote: everything }],
    routes: Array.from({ length: ROUTES }, (_, i) => ({
      prefix: `10.${1 + (inVrf >> 7)}.${((inVrf & 127) << 1) | i}.0/24`,
      preference: 0,
      zone: null,
    })),
    zone: null,
    shape: null,
    mtu: null,
    dpdMs: 30_000,
    encapsulation: "always",
  };
}
