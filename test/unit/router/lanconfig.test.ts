import { expect, test } from "vitest";
import { ConfigError } from "../../../src/router/config/problem.ts";
import { modelOf } from "../../../src/router/model.ts";
import { BRANCH, parse } from "./configuration.ts";

const lan = (text: string) => parse(`${BRANCH}${text}\n`);

test("lan: GRO forwarding where the local prefixes are, unless it says otherwise", () => {
  expect(lan("").config.lan).toEqual({ gro: true, interfaces: null, holdUs: 0 });
  expect(lan("lan: { gro: off }").config.lan.gro).toBe(false);
  expect(lan("lan: { gro: auto, interfaces: [br0, eth1.7], holdUs: 100 }").config.lan).toEqual({
    gro: true,
    interfaces: ["br0", "eth1.7"],
    holdUs: 100,
  });
});

test("lan: what cannot be is refused with the line", () => {
  for (const text of [
    "lan: { gro: on }",
    "lan: { gro: maybe }",
    "lan: off",
    "lan: { interfaces: br0 }",
    "lan: { interfaces: [br0, br0] }",
    "lan: { interfaces: [vcpe0] }",
    'lan: { interfaces: ["../x"] }',
    "lan: { holdUs: -1 }",
    "lan: { holdUs: 10001 }",
    "lan: { hold: 5 }",
  ]) {
    expect(() => lan(text), text).toThrow(ConfigError);
  }
  expect(lan("lan: { gro: off, holdUs: 100 }").warnings.map(({ code }) => code)).toEqual(["no-effect"]);
});

test("lan: one resource, with the prefixes of all VRFs; none without prefixes", () => {
  const { config } = lan("");
  expect(modelOf(config).get("lan")).toEqual({
    kind: "lan",
    prefixes: ["10.1.0.0/24", "fd00:1::/64"],
    interfaces: null,
    own: ["vcpe0"],
    gro: true,
    holdUs: 0,
  });
  const bare = { ...config, vrfs: config.vrfs.map((vrf) => ({ ...vrf, local: [] })) };
  expect(modelOf(bare).has("lan")).toBe(false);
  expect(modelOf({ ...bare, lan: { ...config.lan, interfaces: ["br0"] } }).has("lan")).toBe(true);
});
