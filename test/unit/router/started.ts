/** Routers for a test, closed after it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach } from "vitest";
import { BRANCH, PSK } from "./configuration.ts";
import { type Rig, rig } from "./rig.ts";

export const GATEWAY = `name: gw
vrfs:
  - name: main
    addresses: [10.255.0.100, "fd00:ff::100"]
    tun: { name: vcpe1 }
    local: [10.100.0.0/16]
tunnels:
  - name: a
    vrf: main
    peer: { id: branch-a.vcpe.test }
    local: { id: gw.vcpe.test }
    auth: { psk: { env: PSK } }
    routes: [10.1.0.0/24, "fd00:1::/64"]
`;

process.env.PSK = PSK;

export const rigs: Rig[] = [];

afterEach(async () => {
  for (const { opened, root } of rigs.splice(0)) {
    await opened.close();
    rmSync(root, { recursive: true, force: true });
  }
});

export async function start(text = BRANCH, options: Parameters<typeof rig>[1] = {}): Promise<Rig> {
  const made = await rig(text, options);
  rigs.push(made);
  return made;
}

export const run = (made: Rig) => join(made.root, "run");
