/** The console's HTTPS certificate comes from elsewhere than when the device joined: it finds back by itself, and to nobody else. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Agent } from "../../../src/agent/agent.ts";
import { type Folder, folderOf } from "../../../src/agent/folder.ts";
import { saveIdentity } from "../../../src/agent/identity.ts";
import { enrol } from "../../../src/agent/join.ts";
import { openAuthority } from "../../../src/console/ca/ca.ts";
import { readDeviceKey } from "../../../src/protocol/key.ts";
import type { SignedRoots } from "../../../src/protocol/roots.ts";
import { type Bed, type Brought, bed, temporary, until } from "../console/fleet/bed.ts";
import { silent } from "../router/silent.ts";
import { FakeRouters } from "./fakerouter.ts";
import { partsOf } from "./parts.ts";

const SERIAL = "vcpe0123456789ab";
const HOST = { fingerprint: "a".repeat(64), name: "host-a", software: "0.1.0" };

let brought: Brought;
let third: Brought;
beforeAll(async () => {
  brought = await fromAnother();
  third = await fromAnother();
});
const agents: Agent[] = [];
afterAll(async () => {
  for (const agent of agents) await agent.close();
});

async function fromAnother(): Promise<Brought> {
  const authority = await openAuthority(join(temporary(), "ca"));
  return { ...(await authority.serverCertificate(["localhost", "127.0.0.1"])), roots: [authority.root] };
}

async function joined(console: Bed): Promise<{ agent: Agent; folder: Folder; routers: FakeRouters }> {
  console.desk.device(SERIAL, 1);
  console.desk.set([SERIAL, partsOf(SERIAL, "a")]);
  const key = readDeviceKey(console.fleet.newKey(SERIAL)) as Uint8Array;
  const identity = await enrol({ url: console.url, serial: SERIAL, key, host: HOST, say: () => undefined });
  const folder = folderOf(SERIAL, temporary());
  saveIdentity(folder, identity);
  const routers = new FakeRouters();
  const agent = Agent.open({ folder, start: routers.start, log: silent });
  agents.push(agent);
  await agent.start();
  await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized");
  return { agent, folder, routers };
}

const kept = (folder: Folder) => (JSON.parse(folder.readRoots() ?? "null") as SignedRoots | null)?.statement;

it("comes back to a console that starts again with a given certificate, then with another, then with its own", async () => {
  const folder = temporary();
  let console = await bed({ folder });
  const device = await joined(console);
  const identity = readFileSync(join(device.folder.path, "identity.json"), "utf8");
  for (const next of [brought, third, undefined]) {
    const { desk } = console;
    await console.close();
    await until(() => !device.agent.status().connected);
    console = await bed({ folder, desk, port: Number(console.url.port), ...(next && { brought: next }) });
    desk.set([SERIAL, partsOf(SERIAL, "a", `after-${desk.revision}`)]);
    await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized", 20_000);
    expect(kept(device.folder)?.roots).toEqual(next ? next.roots : [console.authority.root]);
    expect(device.routers).toMatchObject({ starts: 1, closes: 0 });
  }
  expect(readFileSync(join(device.folder.path, "identity.json"), "utf8")).toBe(identity);
}, 120_000);

it("comes back to a console with a certificate that systems trust, and trusts no other than the system does", async () => {
  const folder = temporary();
  const first = await bed({ folder });
  const { agent, folder: state } = await joined(first);
  const { desk, url } = first;
  await first.close();
  await until(() => !agent.status().connected);
  const known = getCACertificates();
  const second = await bed({ folder, desk, port: Number(url.port), brought: { ...brought, roots: null } });
  try {
    await until(() => /is not trusted .*knows of no other roots/.test(agent.status().trouble ?? ""), 20_000);
    expect(kept(state)?.roots).toBeNull();
    expect(agent.status().connected).toBe(false);
    setDefaultCACertificates([...known, ...(brought.roots ?? [])]);
    await until(() => second.fleet.observed(SERIAL)?.controller === "normal", 20_000);
  } finally {
    setDefaultCACertificates(known);
  }
}, 120_000);

it("hears of other roots while it is connected, and needs to ask nobody", async () => {
  const folder = temporary();
  const first = await bed({ folder });
  const { agent, folder: state } = await joined(first);
  const before = kept(state)?.number ?? 0;
  await first.fleet.trust(brought.roots);
  await until(() => kept(state)?.roots?.[0] === brought.roots?.[0]);
  expect(kept(state)?.number).toBeGreaterThan(before);
  // The same again is no news.
  const heard = kept(state)?.number;
  await first.fleet.trust(brought.roots);
  await first.close();
  await until(() => !agent.status().connected);
  const { desk, url } = first;
  let questions = 0;
  const second = await bed({ folder, desk, port: Number(url.port), brought });
  second.app.server.on("request", () => void questions++);
  await until(() => agent.status().connected, 20_000);
  // It started, so it says so anew.
  await until(() => (kept(state)?.number ?? 0) > (heard ?? 0));
  expect(questions).toBe(0);
}, 120_000);

it("stays away from whoever answers in the console's place, asks it no more often than it tries, and comes back", async () => {
  const folder = temporary();
  const real = await bed({ folder });
  const { agent, folder: state, routers } = await joined(real);
  const { desk } = real;
  await real.close();
  await until(() => !agent.status().connected);
  const before = state.readRoots();

  const port = Number(real.url.port);
  const pretender = await bed({ port });
  pretender.desk.device(SERIAL, 1);
  let questions = 0;
  pretender.app.server.on("request", () => void questions++);
  let handshakes = 0;
  pretender.app.server.on("connection", () => void handshakes++);
  await until(() => questions >= 2, 20_000);
  // A try to connect, and a question, and then a pause.
  expect(handshakes).toBeLessThanOrEqual(2 * questions + 1);
  expect(questions).toBeLessThan(4);
  await until(() => /certificate is not trusted.*is not the console.*join again/.test(agent.status().trouble ?? ""));
  expect(state.readRoots()).toBe(before);
  expect(routers.closes).toBe(0);
  await pretender.close();

  const back = await bed({ folder, desk, port, brought });
  await until(() => back.fleet.observed(SERIAL)?.controller === "normal", 20_000);
}, 120_000);
