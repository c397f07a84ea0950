/** `vcpe edge` of an identity that joined a console, as processes. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { folderOf } from "../../../src/agent/folder.ts";
import { saveIdentity } from "../../../src/agent/identity.ts";
import { makeRequest } from "../../../src/agent/request.ts";
import { openAuthority } from "../../../src/console/ca/ca.ts";

const SERIAL = `vcpetest${process.pid}`;
const root = new URL("../../../", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "vcpe-managed-"));
const node = join(root, "node_modules/.bin/node");
const main = join(root, "src/cli/main.ts");
const state = join(folder, "agent");
let first: ChildProcess | undefined;

/** Has joined a console that does not answer. */
beforeAll(async () => {
  const authority = await openAuthority(join(folder, "ca"));
  const { csr, key } = await makeRequest(SERIAL);
  const { chain } = await authority.issueDevice(csr, `${SERIAL}-1.device.vcpe`);
  const { configKey, deviceRoot, root: server } = authority;
  const identity = { console: "https://127.0.0.1:1", router: SERIAL, key, chain, trust: [deviceRoot] };
  saveIdentity(folderOf(SERIAL, state), { ...identity, server: [server], configKey });
});
afterAll(() => {
  first?.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

it("is a device once: a second start ends with code 5, and does not take the console from the first", async () => {
  const running = spawn(node, [main, "edge", "--state", state], { stdio: ["ignore", "pipe", "inherit"] });
  first = running;
  await new Promise<void>((resolve, reject) => {
    running.once("exit", () => reject(new Error("it ended")));
    let said = "";
    running.stdout.on("data", (text: Buffer) => {
      said += text.toString();
      if (said.includes("no console")) resolve();
    });
  });
  const vcpe = (...args: string[]) =>
    spawnSync(node, [main, ...args, "--state", state], { encoding: "utf8", timeout: 30_000 });
  const second = vcpe("edge");
  expect(second.status).toBe(5);
  expect(second.stderr).toMatch(new RegExp(`^vcpe: The device ${SERIAL} runs already .*vcpe status --name ${SERIAL}`));
  const left = vcpe("leave");
  expect(left.status).toBe(1);
  expect(left.stderr).toContain(`router ${SERIAL} runs`);

  const ended = new Promise((resolve) => running.once("exit", resolve));
  running.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect(vcpe("leave").status).toBe(0);
}, 120_000);
