import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { reference } from "../../../src/router/config/reference.ts";
import { RouterFile } from "../../../src/router/config/schema.ts";
import { parse } from "./configuration.ts";

const page = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");

describe("docs/configuration.md", () => {
  it("holds the reference as the schema has it (vcpe check --reference prints it)", () => {
    expect(page.endsWith(reference(RouterFile))).toBe(true);
  });

  it("describes every key", () => {
    for (const line of reference(RouterFile).trim().split("\n").slice(2)) expect(line).toMatch(/ \| \S.* \| \S.* \|$/);
  });

  it("begins with an example that works", () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] as string;
    const { config, warnings } = parse(example.replace(/\{ file: .*? \}/, "{ env: PSK }"));
    expect(config.tunnels[0].routes).toHaveLength(3);
    expect(warnings).toEqual([]);
  });
});
