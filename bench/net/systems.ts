/** The systems that carry the traffic: ours, the peers, and the kernel alone. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { Program } from "../../src/lab/prerequisites.ts";
import { Router } from "../../src/lab/router.ts";
import { writeKey } from "../../src/lab/site.ts";
import { LAN, WAN } from "./bed.ts";
import { openvpn } from "./openvpn.ts";
import { strongswan } from "./swan.ts";
import { other, SIDES, type System } from "./system.ts";
import { wireguard } from "./wireguard.ts";

export interface SystemOptions {
  /** How to start vcpe. */
  readonly entry: readonly string[];
  /** A newer wireguard-go than Debian's, measured beside it. */
  readonly wireguardGo?: string;
}

export const PLAIN = "plain forwarding";

/** The kernel alone, without encryption: what the machine itself costs. */
const plain: System = {
  name: PLAIN,
  needs: [],
  title: async () => PLAIN,
  async start(bed) {
    for (const side of SIDES) await bed.at(side, "ip", "route", "add", LAN[other(side)], "via", WAN[other(side)]);
    return { pids: { a: [], b: [] } };
  },
};

export function vcpe(entry: readonly string[], cipher: string, workers = 1): System {
  return {
    name: `vcpe ${cipher}`,
    needs: [],
    title: async () => `vcpe ${cipher}`,
    async start(bed, before) {
      const key = writeKey(bed.state.folder, "bench");
      const routers = SIDES.map((side) => {
        const far = other(side);
        const name = `${bed.state.lab}-${side}`;
        const config = {
          name,
          log: "warn",
          workers,
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
          entry: [...before[side], ...entry],
        });
      });
      await Promise.all(routers.map((router) => router.answering(15_000)));
      await Promise.all(routers.map((router) => router.tunnelsUp(20_000)));
      return { pids: { a: [routers[0]!.daemon.pid], b: [routers[1]!.daemon.pid] } };
    },
  };
}

/** All systems in the order in which they are measured. */
export function systems({ entry, wireguardGo }: SystemOptions): System[] {
  return [
    plain,
    vcpe(entry, "chacha20poly1305"),
    vcpe(entry, "aes128gcm16"),
    wireguard(),
    ...(wireguardGo === undefined ? [] : [wireguard(wireguardGo)]),
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
