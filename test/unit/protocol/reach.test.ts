import { expect, it } from "vitest";
import { partFault } from "../../../src/agent/check.ts";
import { assemble } from "../../../src/protocol/parts.ts";
import { parseConfig } from "../../../src/router/config/read.ts";
import { disassemble } from "./parts.ts";

const { config } = parseConfig(
  `
name: edge
vrfs:
  - { name: main, addresses: [10.9.0.1], tun: { name: vcpe0, mtu: 1500 }, local: [10.1.0.0/16, "fd00:1::/32"] }
  - { name: other, addresses: [10.9.0.2] }
tunnels:
  - { name: t, vrf: main, peer: { address: 192.0.2.1, id: t.example }, local: { id: a.example }, auth: { psk: { value: "0x00112233445566778899aabbccddeeff" } }, routes: [10.9.9.9/32] }
  - { name: u, vrf: other, peer: { address: 192.0.2.2, id: u.example }, local: { id: a.example }, auth: { psk: { value: "0x00112233445566778899aabbccddeeff" } }, routes: [10.8.0.0/16] }
`,
  "test",
  { folder: "/", environment: {} },
);
const to = (prefix: string) => ({ prefix, preference: 0, zone: null });
const reach = {
  vrf: "main",
  routes: ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.2.0.0/16", "fd00:1:2::/48", "fd00:2::/32"].map(to),
};

it("what all reach goes through every tunnel of its VRF, but what lies in the router's own LAN, and before the tunnel's own routes", () => {
  const parts = disassemble(config).set("reach/main", reach);
  const [t, u] = assemble(parts, null).tunnels;
  expect(t!.routes.map(({ prefix }) => prefix)).toEqual(["10.0.0.0/8", "10.2.0.0/16", "fd00:2::/32", "10.9.9.9/32"]);
  expect(u).toEqual(config.tunnels[1]);
  expect(assemble(disassemble(config), null)).toEqual({ ...config, credentials: null });
});

it("an agent takes it as it should be, and nothing else by that name", () => {
  expect(partFault("reach/main", reach)).toBeUndefined();
  for (const bad of [{ ...reach, more: 1 }, { vrf: "main" }, { ...reach, routes: [{ prefix: "10.0.0.0/8" }] }, []])
    expect(partFault("reach/main", bad)).toMatch(/not as this version knows it/);
});
