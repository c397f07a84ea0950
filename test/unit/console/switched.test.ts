/** A real console, started again with another certificate: a device that is joined comes back by itself, and a user is told what to do. */
import { type ChildProcess, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { Agent } from "../../../src/agent/agent.ts";
import { folderOf } from "../../../src/agent/folder.ts";
import { saveIdentity } from "../../../src/agent/identity.ts";
import { enrol } from "../../../src/agent/join.ts";
import type { ClientError } from "../../../src/cli/client/error.ts";
import { login } from "../../../src/cli/login.ts";
import { whoami } from "../../../src/cli/people.ts";
import { create } from "../../../src/cli/write.ts";
import { openAuthority } from "../../../src/console/ca/ca.ts";
import { readDeviceKey } from "../../../src/protocol/key.ts";
import type { SignedRoots } from "../../../src/protocol/roots.ts";
import { FakeRouters } from "../agent/fakerouter.ts";
import { fakeTerminal } from "../cli/client/terminal.ts";
import { silent } from "../router/silent.ts";
import { until } from "./fleet/bed.ts";

const root = new URL("../../../", import.meta.url).pathname;
const scratch = mkdtempSync(join(tmpdir(), "vcpe-switched-"));
let child: ChildProcess | undefined;
let agent: Agent | undefined;
afterAll(async () => {
  await agent?.close();
  child?.kill("SIGKILL");
  rmSync(scratch, { recursive: true });
});

const file = (name: string, text: string) => {
  writeFileSync(join(scratch, name), text, { mode: 0o600 });
  return join(scratch, name);
};

/** What it prints, once it runs. */
async function start(port: number, ...flags: string[]): Promise<{ url: string; firstPassword?: string }> {
  const argv = ["src/cli/main.ts", "console", "--json", "--folder", join(scratch, "console"), ...flags];
  const listen = ["--name", "localhost", "--listen", `127.0.0.1:${port}`];
  child = spawn(process.execPath, [...argv, ...listen], { cwd: root, stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(child.stdout!, "data");
  return JSON.parse(String(line));
}

async function stop(): Promise<void> {
  child!.kill("SIGTERM");
  await once(child!, "exit");
}

async function issued(name: string) {
  const authority = await openAuthority(join(scratch, name));
  return { ...(await authority.serverCertificate(["localhost", "127.0.0.1"])), root: authority.root };
}

it("goes from its own CA to a given certificate, to one of another CA on the disk, and back", async () => {
  const first = await start(0);
  const url = new URL(first.url);
  const port = Number(url.port);
  const env = { VCPE_CREDENTIALS: join(scratch, "credentials.json"), HOME: scratch };
  const terminal = fakeTerminal(env);
  const newPasswordFile = file("password", "a few plain words\n");
  const passwordFile = file("once", `${first.firstPassword}\n`);
  await login(terminal, { console: url.origin, yes: true, user: "admin", passwordFile, newPasswordFile });
  const keys = join(scratch, "keys");
  await create(terminal, ["area", "east"]);
  const point = ["access-point", "one", "--area", "east", "--region", "e", "--ipv4", "198.51.100.1"];
  await create(terminal, [...point, "--keys-file", keys]);
  const [serial, key] = readFileSync(keys, "utf8").trim().split(" ");
  const host = { fingerprint: "0".repeat(64), name: "h", software: "0.1.0" };
  const bytes = readDeviceKey(key) as Uint8Array;
  const identity = await enrol({ url, serial, key: bytes, host, say: () => undefined });
  const folder = folderOf(serial, join(scratch, "agent"));
  saveIdentity(folder, identity);
  const routers = new FakeRouters();
  agent = Agent.open({ folder, start: routers.start, log: silent });
  await agent.start();
  const connected = () => agent?.status().connected === true;
  const known = () => (JSON.parse(folder.readRoots() ?? "null") as SignedRoots | null)?.statement.roots?.[0];
  await until(() => connected() && (agent?.status().applied ?? 0) > 0, 30_000);

  // Given.
  const given = await issued("given");
  const certificate = file("cert.pem", given.cert);
  const flags = ["--certificate", certificate, "--key", file("key.pem", given.key)];
  await stop();
  await until(() => !connected());
  await start(port, ...flags);
  await until(connected, 30_000);
  expect(known()?.trim()).toBe(given.root.trim());

  // Who is logged in is told, and then goes on.
  const said = await whoami(terminal, {}).catch((error: ClientError) => error);
  expect(said).toMatchObject({
    code: "certificate",
    message: expect.stringContaining("another authority"),
    next: expect.stringMatching(new RegExp(`given another certificate.*vcpe login --console ${url.origin}.*--ca-file`)),
  });
  const again = { console: url.origin, user: "admin", passwordFile: newPasswordFile };
  await login(terminal, { ...again, caFile: file("root.pem", given.root) });
  await whoami(terminal, {});
  await login(terminal, { ...again, ca: new X509Certificate(given.root).fingerprint256 });

  // Another one in its place, of another CA: told over the connection that there is.
  const other = await issued("other");
  file("cert.pem", other.cert);
  file("key.pem", other.key);
  child!.kill("SIGHUP");
  await until(() => known()?.trim() === other.root.trim(), 30_000);
  expect(connected()).toBe(true);

  // Back to its own.
  await stop();
  await until(() => !connected());
  await start(port);
  await until(connected, 30_000);
  expect(known()?.trim()).toBe(identity.server?.[0].trim());
  expect(routers).toMatchObject({ starts: 1, closes: 0 });
  await stop();
}, 120_000);
