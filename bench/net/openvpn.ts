/** OpenVPN 2.6 with its data channel in user space. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, run } from "../../src/lab/command.ts";
import { Daemon } from "../../src/lab/daemon.ts";
import type { Program } from "../../src/lab/prerequisites.ts";
import { LAN, WAN } from "./bed.ts";
import { other, SIDES, type Side, type System, versionIn } from "./system.ts";

const OPENVPN: Program = { name: "openvpn", debian: "openvpn", why: "a peer in the comparison" };
const OPENSSL: Program = { name: "openssl", debian: "openssl", why: "certificates for OpenVPN" };

/** OpenVPN point to point over UDP, TLS with self-signed certificates that each knows by fingerprint. */
export const openvpn: System = {
  name: "openvpn aes-256-gcm",
  needs: [OPENVPN, OPENSSL],
  async title() {
    const said = await attempt(["openvpn", "--version"]);
    return `openvpn ${versionIn(said.stdout) ?? ""} aes-256-gcm`;
  },
  async start(bed, before) {
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
        // Spares it a poll before each write; its manual says 5 to 10 % of its CPU time.
        "fast-io",
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
        argv: [...before[side], "openvpn", "--config", file],
      });
      pids[side].push(daemon.pid);
      if (side === "b") await daemon.until(() => daemon.said().includes("Initialization"), "it was up", 20_000, 50);
    }
    return { pids };
  },
};
