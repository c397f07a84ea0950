import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = new URL("../..", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "vcpe-arrows-"));
copyFileSync(join(root, "biome.json"), join(folder, "biome.json"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Does the linter refuse this import, written in this file? */
function refused(file: string, specifier: string): boolean {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `import { x } from "${specifier}";\n\nexport const y = x;\n`);
  const run = spawnSync(join(root, "node_modules/.bin/biome"), ["lint", file], { cwd: folder, encoding: "utf8" });
  rmSync(path);
  return `${run.stdout}${run.stderr}`.includes("noRestrictedImports");
}

describe("the arrows between folders", () => {
  it.each([
    ["src/ike/endpoint.ts", "../linux/udp.ts"],
    ["src/ike/task/init.ts", "../../datapath/plane.ts"],
    ["src/linux/tun.ts", "../datapath/plane.ts"],
    ["src/datapath/worker.ts", "../ike/endpoint.ts"],
    ["src/router/router.ts", "../../assembly/layout.ts"],
    ["src/router/router.ts", "../cli/main.ts"],
    ["src/lab/site.ts", "../router/config.ts"],
    ["src/cli/status.ts", "../datapath/plane.ts"],
    ["src/cli/status.ts", "../../test/setup.ts"],
    ["src/router/router.ts", "../../bench/net/net.ts"],
    ["src/router/router.ts", "../protocol/parts.ts"],
    ["src/protocol/parts.ts", "../console/model/intent.ts"],
    ["src/agent/agent.ts", "../console/model/intent.ts"],
    ["src/console/compile/compile.ts", "../agent/agent.ts"],
    ["src/console/console.ts", "../router/open.ts"],
    ["src/console/api/server.ts", "../../router/status/client.ts"],
    ["src/protocol/parts.ts", "../router/diff.ts"],
  ])("refuse %s → %s", (file, specifier) => expect(refused(file, specifier)).toBe(true));

  it.each([
    ["src/ike/task/init.ts", "../wire/message.ts"],
    ["src/datapath/memory.ts", "../../assembly/layout.ts"],
    ["src/router/router.ts", "../ike/endpoint.ts"],
    ["src/cli/lab.ts", "../lab/topology.ts"],
    ["src/protocol/parts.ts", "../router/config/config.ts"],
    ["src/agent/agent.ts", "../protocol/stream.ts"],
    ["src/console/fleet/fleet.ts", "../../protocol/stream.ts"],
    ["src/console/compile/head.ts", "../../router/config/compile.ts"],
    ["src/console/console.ts", "../router/log.ts"],
    ["src/protocol/reach.ts", "../router/address.ts"],
    ["src/cli/bench.ts", "../../bench/net/net.ts"],
  ])("allow %s → %s", (file, specifier) => expect(refused(file, specifier)).toBe(false));

  it("the fast path imports nothing but itself", () => {
    const outside: string[] = [];
    for (const entry of readdirSync(join(root, "assembly"), { recursive: true, encoding: "utf8" })) {
      if (!entry.endsWith(".ts")) continue;
      for (const [, specifier] of readFileSync(join(root, "assembly", entry), "utf8").matchAll(/from\s+"([^"]+)"/g)) {
        const target = join("assembly", dirname(entry), specifier);
        if (!specifier.startsWith(".") || !target.startsWith("assembly/")) outside.push(`${entry} → ${specifier}`);
      }
    }
    expect(outside).toEqual([]);
  });
});
