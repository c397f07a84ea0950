/** The commands of docs/api.md, sent with curl in their order. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openRig, type Rig } from "./rig.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-api-"));
let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
  await rig.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(async () => {
  await rig.close();
  rmSync(folder, { recursive: true });
});

it("the commands of docs/api.md do what it says", async () => {
  const text = readFileSync(new URL("../../../docs/api.md", import.meta.url), "utf8");
  const commands = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block);
  expect(commands.length).toBeGreaterThan(6);
  const { port } = rig.app.server.address() as { port: number };
  const script = [
    `CONSOLE=http://127.0.0.1:${port}/v1`,
    `api() { curl -sS --fail-with-body -H "x-role: admin" -H "Content-Type: application/json" "$@"; echo; }`,
    "set -eo pipefail",
    ...commands,
  ].join("\n");
  const { stdout } = await promisify(execFile)("bash", ["-c", script], { cwd: folder });
  const replies = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const { instances, dry, applied } = {
    instances: replies.find(({ devices }) => devices?.length === 2),
    dry: replies.find(({ dryRun }) => dryRun),
    applied: replies.filter(({ unchanged }) => unchanged !== undefined),
  };
  expect(instances.devices[0]).toMatchObject({ role: "active", instance: "hangzhou" });
  expect(dry.routers.some(({ name }: { name: string }) => name === "hangzhou (active)")).toBe(true);
  expect(applied.map(({ created, unchanged }) => [created.length, unchanged])).toEqual([
    [4, 0],
    [4, 0],
    [0, 5],
  ]);
  expect(rig.desk.find("instance", "hangzhou")).toMatchObject({ peakBandwidth: 10, activated: true });
  expect(rig.faults).toEqual([]);
});
