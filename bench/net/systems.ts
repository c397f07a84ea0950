/** The systems that carry the traffic: ours and the peers, each started at both routers of a bed. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { run } from "../../src/lab/command.ts";
import { Daemon } from "../../src/lab/daemon.ts";
import { type Program, STRONGSWAN_PROGRAMS } from "../../src/lab/prerequisites.ts";
import { Router } from "../../src/lab/router.ts";
import { writeKey } from "../../src/lab/site.ts";
import { StrongSwan } from "../../src/lab/strongswan.ts";
import { type Bed, LAN, WAN } from "./bed.ts";

type Side = "a" | "b";
const SIDES = ["a", "b"] as const;
const other = (side: Side): Side => (side === "a" ? "b" : "a");

/** Process ids of the router at each side; empty: the kernel does it all. */
export interface Running {
  readonly pids: Record<Side, number[]>;
}

export interface System {
  readonly name: string;
  readonly needs: readonly Program[];
  start(bed: Bed): Promise<Running>;
}

export interface SystemOptions {
  /** How to start vcpe. */
  readonly entry: readonly string[];
  /** A newer wireguard-go than Debian's, measured beside it. */
  readonly wireguardGo?: string;
}

const WG: Program = { name: "wg", debian: "wireguard-tools", why: "sets up wireguard-go, a peer in the comparison" };
const WIREGUARD_GO: Program = { name: "wireguard-go", debian: "wireguard-go", why: "a peer in the comparison" };
const OPENVPN: Program = { name: "openvpn", debian: "openvpn", why: "a peer in the comparison" };
const OPENSSL: Program = { name: "openssl", debian: "openssl", why: "certificates for OpenVPN" };

/** The kernel alone, without encryption: what the machine itself costs. */
const plain: System = {
  name: "plain forwarding",
  needs: [],
  async start(bed) {
    for (const side of SIDES) await bed.at(side, "ip", "route", "add", LAN[other(side)], "via", WAN[other(side)]);
    return { pids: { a: [], b: [] } };
  },
};

export function vcpe(entry: readonly string[], cipher: string): System {
  return {
    name: `vcpe ${cipher}`,
    needs: [],
    async start(bed) {
      const key = writeKey(bed.state.folder, "bench");
      const routers = SIDES.map((side) => {
        const far = other(side);
        const name = `${bed.state.lab}-${side}`;
        const config = {
          name,
          log: "warn",
          outer: { ipv4: "0.0.0.0", ipv6: false },
          vrfs: [
            {
              name: "main",
              addresses: [side === "a" ? "10.255.0.1" : "10.255.0.2"],
              tun: { name: "vcpe0", mtu: 1500 },
              local: [LAN[side]],
            },
          ],
          tunnels: [
            {
              name: `to-${far}`,
              vrf: "main",
              peer: { address: WAN[far], id: `${far}.vcpe.test` },
              local: { id: `${side}.vcpe.test` },
              auth: { psk: { file: key } },
              start: side === "a" ? "initiate" : "respond",
              esp: { proposals: [cipher] },
              routes: [LAN[far]],
            },
          ],
        };
        const file = join(bed.state.folder, `${side}.yaml`);
        writeFileSync(file, stringify(config), { mode: 0o600 });
        return Router.start({
          state: bed.state,
          place: side,
          namespace: bed.namespace(side),
          role: side === "a" ? "edge" : "gateway",
          name,
          config: file,
          entry,
        });
      });
      await Promise.all(routers.map((router) => router.answering(15_000)));
      await Promise.all(routers.map((router) => router.tunnelsUp(20_000)));
      return { pids: { a: [routers[0]!.daemon.pid], b: [routers[1]!.daemon.pid] } };
    },
  };
}

/** wireguard-go in the foreground; `program` is Debian's, or the path of another one. */
function wireguard(name: string, program: string, needs: readonly Program[]): System {
  return {
    name,
    needs,
    async start(bed) {
      const pids: Record<Side, number[]> = { a: [], b: [] };
      const keys = {} as Record<Side, { file: string; public: string }>;
      for (const side of SIDES) {
        const secret = (await run(["wg", "genkey"])).trim();
        const file = join(bed.state.folder, `wg-${side}.key`);
        writeFileSync(file, secret, { mode: 0o600 });
        keys[side] = { file, public: (await run(["wg", "pubkey"], { input: secret })).trim() };
      }
      for (const side of SIDES) {
        // The control socket is /run/wireguard/DEVICE.sock on the host whatever the namespace: names must differ.
        const device = `wgbench${side}`;
        const env = { ...process.env, LOG_LEVEL: "error", WG_PROCESS_FOREGROUND: "1" };
        const daemon = Daemon.start({
          state: bed.state,
          what: `wireguard-go ${side}`,
          namespace: bed.namespace(side),
          argv: [program, "--foreground", device],
          env,
        });
        const up = async () => {
          try {
            await bed.at(side, "wg", "show", device);
            return true;
          } catch {
            return false;
          }
        };
        await daemon.until(up, "its device was there", 5000, 50);
        pids[side].push(daemon.pid);
        const far = other(side);
        const peer = ["peer", keys[far].public, "allowed-ips", LAN[far], "endpoint", `${WAN[far]}:51820`];
        await bed.at(side, "wg", "set", device, "private-key", keys[side].file, "listen-port", "51820", ...peer);
        await bed.at(side, "ip", "link", "set", device, "mtu", "1420", "up");
        await bed.at(side, "ip", "route", "add", LAN[far], "dev", device);
      }
      return { pids };
    },
  };
}

/** OpenVPN point to point over UDP, TLS with self-signed certificates that each knows by fingerprint. */
const openvpn: System = {
  name: "openvpn aes-256-gcm",
  needs: [OPENVPN, OPENSSL],
  async start(bed) {
    const pids: Record<Side, number[]> = { a: [], b: [] };
    const folder = join(bed.state.folder, "openvpn");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const prints = {} as Record<Side, string>;
    for (const side of SIDES) {
      const key = join(folder, `${side}.key`);
      const certificate = join(folder, `${side}.crt`);
      const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
      await run(["openssl", ...request, "-days", "2", "-subj", `/CN=${side}`, "-keyout", key, "-out", certificate]);
      const said = await run(["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"]);
      prints[side] = said.trim().split("=")[1]!;
    }
    for (const side of SIDES) {
      const far = other(side);
      const [near, distant] = side === "a" ? ["10.254.0.1", "10.254.0.2"] : ["10.254.0.2", "10.254.0.1"];
      const settings = [
        "dev tun0",
        "dev-type tun",
        "proto udp4",
        `local ${WAN[side]}`,
        `remote ${WAN[far]}`,
        `ifconfig ${near} ${distant}`,
        side === "a" ? "tls-client" : "tls-server",
        ...(side === "a" ? [] : ["dh none"]),
        `cert ${join(folder, `${side}.crt`)}`,
        `key ${join(folder, `${side}.key`)}`,
        `peer-fingerprint ${prints[far]}`,
        "data-ciphers AES-256-GCM",
        "disable-dco",
        "sndbuf 4194304",
        "rcvbuf 4194304",
        "txqueuelen 1000",
        `route ${LAN[far].split("/")[0]} 255.255.255.0`,
        "script-security 1",
        "verb 2",
      ];
      const file = join(folder, `${side}.conf`);
      writeFileSync(file, `${settings.join("\n")}\n`, { mode: 0o600 });
      const daemon = Daemon.start({
        state: bed.state,
        what: `openvpn ${side}`,
        namespace: bed.namespace(side),
        argv: ["openvpn", "--config", file],
      });
      pids[side].push(daemon.pid);
      if (side === "b") await daemon.until(() => daemon.said().includes("Initialization"), "it was up", 20_000, 50);
    }
    return { pids };
  },
};

/** strongSwan with ESP in user space. Ciphers by strongSwan's names. */
function strongswan(cipher: string): System {
  return {
    name: `strongswan libipsec ${cipher}`,
    needs: STRONGSWAN_PROGRAMS,
    async start(bed) {
      const secret = "bench";
      const swans = {} as Record<Side, StrongSwan>;
      for (const side of SIDES) {
        const far = other(side);
        swans[side] = await StrongSwan.start(bed.state, side, bed.namespace(side));
        await swans[side].load({
          name: "bench",
          local: WAN[side],
          remote: WAN[far],
          localId: `${side}.vcpe.test`,
          remoteId: `${far}.vcpe.test`,
          secret,
          ikeProposals: ["aes256gcm16-prfsha384-ecp384"],
          espProposals: [cipher],
          localSelectors: [LAN[side]],
          remoteSelectors: [LAN[far]],
        });
      }
      await swans.a.initiate("bench");
      return { pids: { a: [swans.a.daemon.pid], b: [swans.b.daemon.pid] } };
    },
  };
}

/** All systems in the order in which they are measured. */
export function systems(options: SystemOptions): System[] {
  const newer = options.wireguardGo;
  return [
    plain,
    vcpe(options.entry, "chacha20poly1305"),
    vcpe(options.entry, "aes128gcm16"),
    wireguard("wireguard-go", "wireguard-go", [WIREGUARD_GO, WG]),
    ...(newer === undefined ? [] : [wireguard(`wireguard-go ${newer}`, newer, [WG])]),
    openvpn,
    strongswan("aes128gcm16"),
    strongswan("chacha20poly1305"),
  ];
}

/** Programs that the bench itself needs beside the lab's. */
export const BENCH_PROGRAMS: readonly Program[] = [
  { name: "ip", debian: "iproute2", why: "namespaces, links and routes" },
  { name: "ping", debian: "iputils-ping", why: "round-trip time" },
  { name: "iperf3", debian: "iperf3", why: "TCP traffic" },
  { name: "taskset", debian: "util-linux", why: "binds programs to CPUs" },
  { name: "ethtool", debian: "ethtool", why: "sets the offloads of the LAN interfaces" },
];
