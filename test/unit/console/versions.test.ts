/** Versions of routers and their fingerprints: on the disk, after a restart, after a restore. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, it, vi } from "vitest";
import { compile } from "../../../src/console/compile/compile.ts";
import { openDesk } from "../../../src/console/desk/desk.ts";
import { RouterVersions } from "../../../src/console/desk/versions.ts";
import { inTransaction, openDatabase } from "../../../src/console/store/database.ts";
import { STORE_MIGRATIONS } from "../../../src/console/store/schema.ts";
import { create, devices, memory, tutorial, update } from "./deskrig.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-versions-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the desk", () => {
  it("gives a new version to the routers, and to no others, whose parts a newer program makes otherwise", async () => {
    const path = join(folder, "newer.db");
    const first = openDatabase(path, STORE_MIGRATIONS);
    const before = openDesk(first);
    await tutorial(before);
    const [gateway] = devices(before, "gateway");
    const [edge] = devices(before, "active");
    before.close();
    first.prepare("UPDATE router SET fingerprint = fingerprint + 1 WHERE id = ?").run(gateway);
    first.close();
    const second = openDatabase(path, STORE_MIGRATIONS);
    const after = openDesk(second);
    expect(after.revision).toBe(before.revision + 1);
    expect(after.versionOf(gateway)).toBe(after.revision);
    expect(after.versionOf(edge)).toBe(before.versionOf(edge));
    expect(openDesk(second).revision).toBe(after.revision);
    second.close();
  });

  it("has the versions of its last change, when it was killed right after it", async () => {
    const path = join(folder, "killed.db");
    const first = openDatabase(path, STORE_MIGRATIONS);
    const before = openDesk(first);
    await tutorial(before);
    before.close();
    await update(before, "instance", "hangzhou", { activated: true });
    const unknown = (database: DatabaseSync) =>
      database.prepare("SELECT count(*) AS n FROM router WHERE fingerprint < 0").get()!.n as number;
    expect(unknown(first)).toBeGreaterThan(0);
    first.close();
    const second = openDatabase(path, STORE_MIGRATIONS);
    const after = openDesk(second);
    expect(unknown(second)).toBe(0);
    expect(after.revision).toBe(before.revision);
    for (const id of before.intent.device.keys()) expect(after.versionOf(id)).toBe(before.versionOf(id));
    second.close();
  });

  it("knows the fingerprints a while after a change", async () => {
    vi.useFakeTimers();
    try {
      const database = openDatabase(":memory:", STORE_MIGRATIONS);
      const quiet: number[] = [];
      const desk = openDesk(database, { onQuiet: (routers) => quiet.push(routers) });
      await tutorial(desk);
      const unknown = () => database.prepare("SELECT count(*) AS n FROM router WHERE fingerprint < 0").get()!.n;
      expect(unknown()).toBe(desk.intent.device.size);
      vi.advanceTimersByTime(5000);
      expect(unknown()).toBe(0);
      expect(quiet).toEqual([desk.intent.device.size]);
      database.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it("has no quiet moment to tell of when it is closed right after a change", async () => {
    const database = openDatabase(":memory:", STORE_MIGRATIONS);
    const quiet: number[] = [];
    const desk = openDesk(database, { onQuiet: (routers) => quiet.push(routers) });
    await tutorial(desk);
    desk.close();
    expect(database.prepare("SELECT count(*) AS n FROM router WHERE fingerprint < 0").get()!.n).toBe(0);
    expect(quiet).toEqual([]);
    database.close();
  });

  it("knows the fingerprint of a raised version until the disk says otherwise", async () => {
    const database = openDatabase(":memory:", STORE_MIGRATIONS);
    const desk = openDesk(database);
    await tutorial(desk);
    desk.close();
    const versions = new RouterVersions(database, desk.intent, (router) => desk.parts(router));
    const [gateway] = devices(desk, "gateway");
    versions.raise(gateway, 100);
    const full = () =>
      inTransaction(database, () => {
        versions.writeRaised();
        throw new Error("the disk is full");
      });
    expect(full).toThrow("full");
    expect(versions.unknown).toBe(false);
    inTransaction(database, () => versions.writeRaised());
    versions.raisedWritten();
    expect(versions.unknown).toBe(true);
    expect(database.prepare("SELECT version FROM router WHERE id = ?").get(gateway)!.version).toBe(101);
    database.close();
  });

  it("gives a router a higher version than it had before a restore, and every change after that a higher one", async () => {
    const path = join(folder, "restored.db");
    const first = openDatabase(path, STORE_MIGRATIONS);
    const before = openDesk(first);
    await tutorial(before);
    const [edge] = devices(before, "active");
    const [gateway] = devices(before, "gateway");
    const was = before.versionOf(gateway);
    before.raise(edge, 5000);
    before.raise("vcpenobody000000", 1_000_000);
    expect([before.revision, before.versionOf(edge), before.versionOf(gateway)]).toEqual([5001, 5001, was]);
    before.raise(gateway, 4000);
    expect([before.revision, before.versionOf(gateway)]).toEqual([5001, 5001]);
    before.close();
    first.close();
    const second = openDatabase(path, STORE_MIGRATIONS);
    const after = openDesk(second);
    expect([after.revision, after.versionOf(edge), after.versionOf(gateway)]).toEqual([5001, 5001, 5001]);
    await update(after, "instance", "hangzhou", { activated: true });
    expect([after.revision, after.versionOf(edge)]).toEqual([5002, 5002]);
    // What was raised and changed before it was written is written as it was changed.
    after.raise(edge, 6000);
    await update(after, "instance", "hangzhou", { peakBandwidth: 77 });
    after.close();
    expect(openDesk(second).versionOf(edge)).toBe(6002);
    second.close();
  });

  it("raises the versions of routers that a change concerns only", async () => {
    const desk = openDesk(memory());
    await tutorial(desk);
    await create(desk, "instance", { name: "alone", area: "mainland", accessPoint: "shanghai", peakBandwidth: 5 });
    const versions = () => new Map([...desk.intent.device.keys()].map((id) => [id, desk.versionOf(id)]));
    const before = versions();
    const { revision, deltas } = await update(desk, "instance", "hangzhou", { activated: true });
    for (const [id, version] of versions()) expect(version).toBe(deltas.has(id) ? revision : before.get(id));
    expect(deltas.size).toBeGreaterThan(0);
    expect(deltas.size).toBeLessThan(desk.intent.device.size);
    expect(desk.parts(devices(desk, "active")[0])).toEqual(compile(desk.intent).get(devices(desk, "active")[0]));
  });
});
