/** wireguard-go, the userspace VPN that others are measured against. It asks for its offloads and its socket buffers itself. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, run } from "../../src/lab/command.ts";
import { Daemon } from "../../src/lab/daemon.ts";
import type { Program } from "../../src/lab/prerequisites.ts";
import { BenchFault } from "../fault.ts";
import { LAN, WAN } from "./bed.ts";
import { other, SIDES, type Side, type System, versionIn } from "./system.ts";

const WG: Program = { name: "wg", debian: "wireguard-tools", why: "sets up wireguard-go, a peer in the comparison" };
const WIREGUARD_GO: Program = { name: "wireguard-go", debian: "wireguard-go", why: "a peer in the comparison" };

/** What `program --version` calls itself. @throws BenchFault not-a-program */
export async function wireguardVersion(program: string): Promise<string> {
  let said = "it could not be started";
  try {
    const done = await attempt([program, "--version"], { timeoutMs: 5000 });
    said = done.stdout.trim() || done.stderr.trim();
  } catch (error) {
    said = (error as Error).message;
  }
  const version = /wireguard-go/.test(said) ? versionIn(said) : undefined;
  if (version !== undefined) return version;
  throw new BenchFault(
    "not-a-program",
    `${program} is not wireguard-go: ${said.split("\n")[0]}`,
    "docs/bench-method.md says how to get a newer one.",
  );
}

/** wireguard-go in the foreground; `program` is Debian's, or the path of another one. */
export function wireguard(program?: string): System {
  const argv0 = program ?? "wireguard-go";
  return {
    name: program === undefined ? "wireguard-go" : `wireguard-go ${program}`,
    needs: program === undefined ? [WIREGUARD_GO, WG] : [WG],
    title: async () => `wireguard-go ${await wireguardVersion(argv0)}`,
    async start(bed, before) {
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
          argv: [...before[side], argv0, "--foreground", device],
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
