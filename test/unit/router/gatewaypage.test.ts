import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { modelOf } from "../../../src/router/model.ts";
import { parse } from "./configuration.ts";

const page = readFileSync(new URL("../../../docs/gateway.md", import.meta.url), "utf8");

it("docs/gateway.md has an example that works: two customers, the same prefixes", () => {
  const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] as string;
  const { config, warnings } = parse(example.replaceAll(/\{ file: .*? \}/g, "{ env: PSK }"));
  expect(warnings).toEqual([]);
  const model = modelOf(config);
  expect(model.get("route red 10.1.0.0/24")).toMatchObject({
    via: { name: "red-active", standby: [{ name: "red-standby" }] },
  });
  expect(model.get("route blue 10.1.0.0/24")).toMatchObject({ via: { name: "blue-branch" } });
  for (const vrf of ["red", "blue"]) {
    expect(model.get(`route ${vrf} 10.100.0.0/16`)).toMatchObject({ via: { kind: "attachment", name: `${vrf}-vpc` } });
  }
  // Nothing of a customer in the host's main table.
  expect([...model.keys()].filter((key) => key.startsWith("kernel-route"))).toEqual([]);
});
