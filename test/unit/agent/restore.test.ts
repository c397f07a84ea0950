/** A console that is restored from a backup, and the agents of its devices: all of it real, but for the routers. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Agent } from "../../../src/agent/agent.ts";
import { type Folder, folderOf } from "../../../src/agent/folder.ts";
import { saveIdentity } from "../../../src/agent/identity.ts";
import { enrol } from "../../../src/agent/join.ts";
import { apply } from "../../../src/cli/apply.ts";
import { login } from "../../../src/cli/login.ts";
import { type ConsoleOptions, type OpenConsole, openConsole } from "../../../src/console/console.ts";
import { readDeviceKey } from "../../../src/protocol/key.ts";
import { fakeTerminal } from "../cli/client/terminal.ts";
import { CHEAP } from "../console/auth/site.ts";
import { until } from "../console/fleet/bed.ts";
import { FakeRouters } from "./fakerouter.ts";

const scratch = mkdtempSync(join(tmpdir(), "vcpe-restore-"));
const home = join(scratch, "console");
const backup = join(scratch, "backup");
const env = { VCPE_CREDENTIALS: join(scratch, "credentials.json"), HOME: scratch };
const faults: unknown[] = [];
const log = {
  level: "info",
  debug() {},
  info() {},
  warn() {},
  error: (...args: unknown[]) => void faults.push(args),
} as unknown as ConsoleOptions["log"];

const written = (name: string, text: string) => {
  writeFileSync(join(scratch, name), text, { mode: 0o600 });
  return join(scratch, name);
};
const open = (port = 0) =>
  openConsole({ folder: home, listen: { host: "127.0.0.1", port }, names: ["127.0.0.1"], cost: CHEAP, log });

interface Device {
  readonly serial: string;
  readonly folder: Folder;
  readonly agent: Agent;
  readonly routers: FakeRouters;
}

let site: OpenConsole;
let port: number;
const devices = new Map<string, Device>();

const SITE = (cidrs: string, more = "") => `
areas: [{ name: east }]
access-points: [{ name: shanghai, area: east, region: shanghai, ipv4: 192.0.2.1 }]
ccns: [{ name: corp, area: east }]
instances:
  - { name: hangzhou, area: east, peakBandwidth: 20, cidrs: [${cidrs}], ccn: corp, activated: true }
${more}`;
const NINGBO =
  "  - { name: ningbo, area: east, peakBandwidth: 20, cidrs: [172.17.0.0/24], ccn: corp, activated: true }";

/** Gives serial numbers and keys of devices that were made. */
async function applied(text: string): Promise<{ serial: string; key: string; role: string }[]> {
  const terminal = fakeTerminal(env);
  await apply(terminal, { file: written("site.yaml", text), json: true });
  await new Promise((resolve) => setImmediate(resolve));
  return JSON.parse(terminal.written.out).devices;
}

async function enrolled(name: string, { serial, key }: { serial: string; key: string }): Promise<void> {
  const url = new URL(`https://127.0.0.1:${port}`);
  const host = { fingerprint: "a".repeat(64), name, software: "0.1.0" };
  const bytes = readDeviceKey(key) as Uint8Array;
  const identity = await enrol({ url, serial, key: bytes, host, say: () => undefined, ca: site.fingerprint as string });
  const folder = folderOf(serial, join(scratch, name));
  saveIdentity(folder, identity);
  await started(name, serial, folder);
}

async function started(name: string, serial: string, folder: Folder): Promise<void> {
  const routers = new FakeRouters();
  const agent = Agent.open({ folder, start: routers.start, log });
  devices.set(name, { serial, folder, agent, routers });
  await agent.start();
}

/** The console starts, and so do the agents: they would come back by themselves, after pauses that grow with each console that goes. */
async function startAnew(): Promise<void> {
  site = await open(port);
  for (const [name, { serial, folder, agent }] of [...devices]) {
    await agent.close();
    await started(name, serial, folder);
  }
}

const versions = () => new Map([...devices].map(([name, { agent }]) => [name, agent.status().applied]));
/** The networks of branches that the gateway knows. */
const networks = () =>
  devices
    .get("gateway")!
    .routers.last?.tunnels.flatMap(({ routes }) => routes.map(({ prefix }) => prefix))
    .filter((prefix) => !prefix.endsWith("/32"));
const row = (sql: string) => {
  const database = new DatabaseSync(join(home, "console.sqlite"), { readOnly: true });
  try {
    return database.prepare(sql).all() as Record<string, unknown>[];
  } finally {
    database.close();
  }
};
/** Each runs what the console, by its disk, wants of it. */
async function inStep(): Promise<void> {
  const wanted = () => new Map(row("SELECT id, version FROM router").map(({ id, version }) => [id, version]));
  await until(() => {
    const now = wanted();
    return [...devices.values()].every(
      ({ serial, agent }) => agent.status().connected && agent.status().applied === now.get(serial),
    );
  }, 60_000);
}

beforeAll(async () => {
  site = await open();
  port = Number(new URL(site.url).port);
  await login(fakeTerminal(env), {
    console: site.url,
    user: "admin",
    ca: site.fingerprint as string,
    passwordFile: written("once", `${site.firstPassword}\n`),
    newPasswordFile: written("password", "a few plain words\n"),
  });
});
afterAll(async () => {
  for (const { agent } of devices.values()) await agent.close();
  await site.close();
  rmSync(scratch, { recursive: true });
  expect(faults).toEqual([]);
});

it("agents come in step with a restored console by themselves, and with what it changes from then on", {
  timeout: 120_000,
}, async () => {
  const made = await applied(SITE("172.16.0.0/24"));
  for (const device of made) await enrolled(device.role, device);
  await inStep();
  const ending = performance.now();
  await site.close();
  // With agents connected, too.
  expect(performance.now() - ending).toBeLessThan(5000);
  cpSync(home, backup, { recursive: true });

  await startAnew();
  for (let i = 1; i <= 4; i++) await applied(SITE(`172.16.${i}.0/24`));
  await applied(SITE("172.16.9.0/24", NINGBO));
  await inStep();
  expect(networks()).toContain("172.17.0.0/24");
  const lost = versions();
  const highest = Math.max(...lost.values());
  await site.close();

  rmSync(home, { recursive: true });
  cpSync(backup, home, { recursive: true });
  const [{ number: then }] = row("SELECT number FROM revision");
  expect(then).toBeLessThan(highest);
  await startAnew();
  await inStep();
  for (const [name, version] of versions()) expect(version).toBeGreaterThan(lost.get(name)!);
  expect(networks()).toEqual(["172.16.0.0/24", "172.16.0.0/24"]);
  for (const { agent } of devices.values()) expect(agent.status().refused).toBeNull();

  // What is changed then reaches them, also where they have had something else of a number like that.
  await applied(SITE("172.16.77.0/24"));
  await inStep();
  expect(networks()).toEqual(["172.16.77.0/24", "172.16.77.0/24"]);
  await site.close();
  const told = row("SELECT level, message FROM event WHERE code = 'RestoredFromBackup'");
  expect(told).toMatchObject([{ level: "WARN", message: expect.stringContaining("was restored from a backup") }]);

  // It knows that after a restart too: each is sent the next change, and nothing else.
  await startAnew();
  await inStep();
  await applied(SITE("172.16.78.0/24"));
  await inStep();
  expect(networks()).toEqual(["172.16.78.0/24", "172.16.78.0/24"]);
  expect([...devices.values()].map(({ routers }) => routers.configs.length)).toEqual([2, 2, 2]);
});
