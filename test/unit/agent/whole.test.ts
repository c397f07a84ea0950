/** Console and agent in one process, over real TLS: from the key on the note to a running router, and what may happen to them later. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, it } from "vitest";
import { Agent } from "../../../src/agent/agent.ts";
import { type Folder, folderOf } from "../../../src/agent/folder.ts";
import { loadIdentity, saveIdentity } from "../../../src/agent/identity.ts";
import { enrol } from "../../../src/agent/join.ts";
import { makeRequest } from "../../../src/agent/request.ts";
import { openAuthority } from "../../../src/console/ca/ca.ts";
import { readDeviceKey } from "../../../src/protocol/key.ts";
import { deviceName } from "../../../src/protocol/name.ts";
import { RouterError } from "../../../src/router/error.ts";
import { type Bed, bed, temporary, until } from "../console/fleet/bed.ts";
import { silent } from "../router/silent.ts";
import { FakeRouters } from "./fakerouter.ts";
import { partsOf } from "./parts.ts";

const SERIAL = "vcpe0123456789ab";
const HOST = { fingerprint: "a".repeat(64), name: "host-a", software: "0.1.0" };

const agents: Agent[] = [];
afterAll(async () => {
  for (const agent of agents) await agent.close();
});

async function joined(console: Bed, serial = SERIAL, ca?: string): Promise<Folder> {
  console.desk.device(serial, console.desk.intent.device.get(serial)?.generation ?? 1);
  const key = readDeviceKey(console.fleet.newKey(serial)) as Uint8Array;
  const pin = ca === undefined ? {} : { ca };
  const identity = await enrol({ url: console.url, serial, key, host: HOST, say: () => undefined, ...pin });
  const folder = folderOf(serial, join(temporary(), randomBytes(4).toString("hex")));
  saveIdentity(folder, identity);
  return folder;
}

async function started(folder: Folder, routers: FakeRouters): Promise<Agent> {
  const agent = Agent.open({ folder, start: routers.start, log: silent });
  agents.push(agent);
  await agent.start();
  return agent;
}

/** Has joined, and runs what the console wants: one tunnel, "a". */
async function running() {
  const console = await bed();
  const folder = await joined(console);
  console.desk.set([SERIAL, partsOf(SERIAL, "a")]);
  const routers = new FakeRouters();
  const agent = await started(folder, routers);
  await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized");
  return { console, folder, routers, agent };
}

const tunnels = (routers: FakeRouters) => routers.last?.tunnels.map(({ name }) => name).join(" ");

describe("a device and its console", () => {
  it("joins with the console's fingerprint, gets its configuration, then what changes, and says so", async () => {
    const console = await bed();
    const folder = await joined(console, SERIAL, console.authority.fingerprint);
    console.desk.set([SERIAL, partsOf(SERIAL, "a")]);
    const routers = new FakeRouters();
    const agent = await started(folder, routers);
    await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized");
    expect(tunnels(routers)).toBe("a");
    expect(routers.keys[0]).toBe(48);
    expect(routers.last?.credentials?.trust).toEqual([console.authority.deviceRoot]);

    console.desk.set([SERIAL, { "tunnel/b": partsOf(SERIAL, "a", "b")["tunnel/b"] }]);
    await until(() => console.fleet.observed(SERIAL)?.applied === console.desk.revision);
    expect(tunnels(routers)).toBe("a b");
    expect(routers.starts).toBe(1);

    routers.tunnel("a", "up", 5);
    routers.tunnel("b", "connecting");
    await until(() => console.fleet.observed(SERIAL)?.tunnels.length === 2);
    expect(console.fleet.observed(SERIAL)).toMatchObject({ controller: "normal", vpn: "abnormal", enrolled: true });
    expect(agent.status()).toMatchObject({ connected: true, applied: console.desk.revision, refused: null });
  });

  it("runs on without the console, and after a restart without it; and is told what it missed", async () => {
    const folder0 = temporary();
    const console = await bed({ folder: folder0 });
    const folder = await joined(console);
    console.desk.set([SERIAL, partsOf(SERIAL, "a")]);
    const first = new FakeRouters();
    const agent = await started(folder, first);
    await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized");
    await console.close();
    await until(() => !agent.status().connected);
    expect(first.closes).toBe(0);
    await agent.close();

    const second = new FakeRouters();
    const again = await started(folder, second);
    expect(tunnels(second)).toBe("a");
    expect(again.status()).toMatchObject({ connected: false, applied: console.desk.revision });

    console.desk.set([SERIAL, { "tunnel/c": partsOf(SERIAL, "a", "c")["tunnel/c"] }]);
    const back = await bed({ folder: folder0, desk: console.desk, port: Number(console.url.port) });
    await until(() => back.fleet.observed(SERIAL)?.sync === "synchronized", 20_000);
    expect(tunnels(second)).toBe("a c");
  });

  it("does not put aside a good configuration that another program has locked", async () => {
    const { folder, routers, agent } = await running();
    await agent.close();
    const other = new DatabaseSync(folder.config);
    other.exec("BEGIN EXCLUSIVE");
    const open = () => Agent.open({ folder, start: new FakeRouters().start, log: silent });
    expect(open).toThrow(/is locked by another program/);
    other.exec("ROLLBACK");
    other.close();
    const after = new FakeRouters();
    await started(folder, after);
    expect(tunnels(after)).toBe(tunnels(routers));
  });

  it("runs what the disk does not take, says so, and keeps it as soon as it can", async () => {
    const { console, folder, routers, agent } = await running();

    // SQLite refuses to write, as it does on a full disk.
    const other = new DatabaseSync(folder.config);
    other.exec("BEGIN EXCLUSIVE");
    console.desk.set([SERIAL, { "tunnel/b": partsOf(SERIAL, "a", "b")["tunnel/b"] }]);
    await until(() => console.fleet.observed(SERIAL)?.error !== null, 20_000);
    expect(tunnels(routers)).toBe("a b");
    const refused = { code: "not-kept", message: expect.stringMatching(/it runs, but cannot be kept.*Make room in /) };
    expect(console.fleet.observed(SERIAL)?.error).toMatchObject(refused);
    expect(agent.status().refused).toMatchObject(refused);

    // No change, no reconnection: by itself.
    other.exec("ROLLBACK");
    other.close();
    await until(() => console.fleet.observed(SERIAL)?.error === null, 20_000);
    expect(console.fleet.observed(SERIAL)).toMatchObject({ sync: "synchronized", applied: console.desk.revision });
    expect(agent.status().refused).toBeNull();
    await agent.close();
    await console.close();
    const after = new FakeRouters();
    await started(folder, after);
    expect(tunnels(after)).toBe("a b");
  }, 120_000);

  it("keeps what runs when it cannot have what is wanted, and what needs a restart restarts it", async () => {
    const { console, routers, agent } = await running();
    const good = console.desk.revision;

    routers.refuse = () => new RouterError("apply-failed", "there is no device eth9", "Plug it in");
    console.desk.set([SERIAL, { "tunnel/b": partsOf(SERIAL, "a", "b")["tunnel/b"] }]);
    await until(() => console.fleet.observed(SERIAL)?.error !== null);
    expect(console.fleet.observed(SERIAL)).toMatchObject({
      sync: "unsynchronized",
      applied: good,
      error: { code: "apply-failed" },
    });
    expect(tunnels(routers)).toBe("a");
    expect(agent.status().refused).toMatchObject({ code: "apply-failed" });

    // The next change comes with the refused one.
    routers.refuse = () => undefined;
    console.desk.set([SERIAL, { "tunnel/c": partsOf(SERIAL, "a", "b", "c")["tunnel/c"] }]);
    await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized");
    expect(tunnels(routers)).toBe("a b c");

    routers.refuse = (config, running) =>
      running && config.workers === 2
        ? new RouterError("restart-needed", "workers cannot change", "Restart")
        : undefined;
    console.desk.set([SERIAL, { head: { ...(partsOf(SERIAL).head as object), workers: 2 } }]);
    await until(() => console.fleet.observed(SERIAL)?.applied === console.desk.revision);
    expect(routers).toMatchObject({ starts: 2, closes: 1 });
    expect(routers.last?.workers).toBe(2);

    // One that does not start: the one from before comes back.
    routers.refuse = ({ workers }, running) => {
      if (workers !== 3) return undefined;
      return running
        ? new RouterError("restart-needed", "workers cannot change", "Restart")
        : new RouterError("datapath-failed", "no", "Look");
    };
    console.desk.set([SERIAL, { head: { ...(partsOf(SERIAL).head as object), workers: 3 } }]);
    await until(() => console.fleet.observed(SERIAL)?.error?.code === "datapath-failed");
    expect(routers.last?.workers).toBe(2);
    expect(routers).toMatchObject({ starts: 3, closes: 2 });
  });

  it("an identity of an older generation is put out at once and not let in again; after joining again it is", async () => {
    const { console, folder, routers, agent } = await running();
    console.fleet.newKey(SERIAL);
    console.desk.device(SERIAL, 2);
    await until(() => !agent.status().connected);
    expect(console.fleet.observed(SERIAL)).toMatchObject({ controller: "abnormal", enrolled: false });
    await until(() => agent.status().trouble?.includes("taken no more") === true);
    expect(agent.status().trouble).toMatch(/vcpe join.*vcpe leave/);
    expect(routers.closes).toBe(0);

    // Joined again while it runs, it does not wait for its next try, which is half a minute away.
    const key = readDeviceKey(console.fleet.newKey(SERIAL)) as Uint8Array;
    saveIdentity(folder, await enrol({ url: console.url, serial: SERIAL, key, host: HOST, say: () => undefined }));
    await until(() => console.fleet.observed(SERIAL)?.controller === "normal", 20_000);
    console.fleet.newKey(SERIAL);
    console.desk.device(SERIAL, 3);
    await until(() => !agent.status().connected);
    await agent.close();
    const late = await started(folder, routers);
    await until(() => late.status().trouble?.includes("reset") === true);
    await late.close();

    const fresh = await joined(console);
    await started(fresh, routers);
    await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized");
    expect(console.fleet.observed(SERIAL)?.enrolled).toBe(true);
  });

  it("renews its certificate as soon as it is back, if that is due", async () => {
    const home = temporary();
    const console = await bed({ folder: home });
    const folder = await joined(console);
    const past = await openAuthority(join(home, "ca"), { now: () => Date.now() - 29.9 * 86_400_000 });
    const { csr, key } = await makeRequest(SERIAL);
    const { chain } = await past.issueDevice(csr, deviceName(SERIAL, 1));
    saveIdentity(folder, { ...loadIdentity(folder), key, chain });
    const agent = await started(folder, new FakeRouters());
    await until(() => Date.parse(agent.status().certificateUntil) > Date.now() + 29 * 86_400_000, 10_000);
    expect(loadIdentity(folder).key).not.toBe(key);
  });

  it("with a damaged configuration on the disk it waits for the console, and gets it again; joined again, it shows its new certificate", async () => {
    const { console, folder, agent } = await running();
    await agent.close();
    writeFileSync(folder.config, "what is this");
    const again = new FakeRouters();
    const waits = await started(folder, again);
    expect(again.starts).toBe(0);
    await until(() => again.starts === 1);
    await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized");
    expect(tunnels(again)).toBe("a");

    const before = again.last?.credentials?.version;
    const key = readDeviceKey(console.fleet.newKey(SERIAL)) as Uint8Array;
    console.desk.device(SERIAL, 2);
    const identity = await enrol({ url: console.url, serial: SERIAL, key, host: HOST, say: () => undefined });
    saveIdentity(folder, identity);
    await waits.close();
    const third = new FakeRouters();
    await started(folder, third);
    await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized");
    expect(third.last?.credentials?.version).not.toBe(before);
  });
});
