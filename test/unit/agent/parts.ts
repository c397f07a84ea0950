/** Small configurations in parts. */

import { parseConfig } from "../../../src/router/config/read.ts";
import { disassemble } from "../protocol/parts.ts";

const TEXT = (name: string, tunnels: readonly string[]) => `
name: ${name}
vrfs: [{ name: main, addresses: [10.9.0.1] }]
tunnels:
${tunnels
  .map(
    (tunnel, i) => `  - name: ${tunnel}
    vrf: main
    peer: { address: 192.0.2.${i + 1}, id: ${tunnel}.example }
    local: { id: ${name}.example }
    auth: { psk: { value: "0x00112233445566778899aabbccddeeff" } }
    routes: [10.${i + 10}.0.0/16]`,
  )
  .join("\n")}
`;

/** Parts of a router with these tunnels; they authenticate by certificate. */
export function partsOf(name: string, ...tunnels: string[]): Record<string, unknown> {
  const { config } = parseConfig(TEXT(name, tunnels.length > 0 ? tunnels : ["t0"]), "test", {
    folder: "/",
    environment: {},
  });
  const parts = Object.fromEntries(disassemble(config));
  for (const [key, part] of Object.entries(parts)) {
    if (!key.startsWith("tunnel/")) continue;
    parts[key] = { ...(part as object), auth: { kind: "certificate", peer: "gw-1.device.vcpe" } };
    if (tunnels.length === 0) delete parts[key];
  }
  return parts;
}
