/** Configurations for the tests of this folder. */
import { parseConfig, type ReadConfig } from "../../../src/router/config/read.ts";

export const BRANCH = `name: branch-a
log: info
vrfs:
  - name: main
    addresses: [10.255.0.1, "fd00:ff::1"]
    tun: { name: vcpe0, mtu: 1500 }
    local: [10.1.0.0/24, "fd00:1::/64"]
tunnels:
  - name: to-gateway
    vrf: main
    peer: { address: 198.51.100.1, port: 500, id: gw.vcpe.test }
    local: { id: branch-a.vcpe.test }
    auth: { psk: { env: PSK } }
    ike: { proposals: [chacha20poly1305-sha256-x25519], lifetime: 4h }
    esp: { proposals: [chacha20poly1305, aes256gcm16], lifetime: 1h }
    routes: [10.2.0.0/24, 10.100.0.0/16, "fd00:2::/64"]
routes:
  - { vrf: main, prefix: 10.66.0.0/16, via: blackhole }
`;

export const PSK = "correct horse battery staple";

export function parse(text: string, environment: Record<string, string> = { PSK }): ReadConfig {
  return parseConfig(text, "test.yaml", { folder: "/nonexistent", environment });
}
