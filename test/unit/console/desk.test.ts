import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, it, vi } from "vitest";
import { EXAMPLES } from "../../../src/console/api/examples.ts";
import { OWN_KINDS } from "../../../src/console/api/specs.ts";
import { SYSTEM } from "../../../src/console/author.ts";
import { compile } from "../../../src/console/compile/compile.ts";
import { type Desk, openDesk } from "../../../src/console/desk/desk.ts";
import { Draft, type OwnKind } from "../../../src/console/desk/draft.ts";
import type { Resource, Written } from "../../../src/console/model/resources.ts";
import { openDatabase } from "../../../src/console/store/database.ts";
import { EventLog } from "../../../src/console/store/events.ts";
import { ResourceTable } from "../../../src/console/store/resources.ts";
import { STORE_MIGRATIONS } from "../../../src/console/store/schema.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-desk-"));
afterAll(() => rmSync(folder, { recursive: true }));

function create(desk: Desk, kind: OwnKind, written: object) {
  return desk.change(SYSTEM, `create ${kind}`, (intent) => {
    const draft = new Draft(desk, intent);
    draft.create(kind, written as Written<OwnKind>);
    return draft.changes();
  });
}

function update(desk: Desk, kind: OwnKind, name: string, keys: object, also?: () => void) {
  const plan = (intent: Desk["intent"]) => {
    const draft = new Draft(desk, intent);
    const { kind: _k, id: _i, version: _v, created: _c, updated: _u, ...spec } = desk.find(kind, name)!;
    draft.update(desk.find(kind, name) as Resource<OwnKind>, { ...spec, ...keys } as Written<OwnKind>);
    return draft.changes();
  };
  return desk.change(SYSTEM, "update", plan, also);
}

async function tutorial(desk: Desk): Promise<void> {
  for (const kind of OWN_KINDS) await create(desk, kind, EXAMPLES[kind]);
}

function devices(desk: Desk, role: string): string[] {
  return [...desk.intent.device.values()].filter((device) => device.role === role).map(({ id }) => id);
}

function memory() {
  return openDatabase(":memory:", STORE_MIGRATIONS);
}

describe("the desk", () => {
  it("finds after a restart what it had: resources, revision, versions of routers", async () => {
    const path = join(folder, "restart.db");
    const first = openDatabase(path, STORE_MIGRATIONS);
    const before = openDesk(first);
    await tutorial(before);
    await update(before, "instance", "hangzhou", { activated: true });
    before.close();
    first.close();
    const second = openDatabase(path, STORE_MIGRATIONS);
    const after = openDesk(second);
    expect(after.revision).toBe(before.revision);
    for (const [kind, resources] of Object.entries(before.intent)) {
      const sorted = (map: ReadonlyMap<string, unknown>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
      expect(sorted(after.intent[kind as OwnKind])).toEqual(sorted(resources));
    }
    for (const id of before.intent.device.keys()) {
      expect(after.versionOf(id)).toBe(before.versionOf(id));
      expect(after.versionOf(id)).toBeGreaterThan(0);
      expect(after.parts(id)).toEqual(before.parts(id));
    }
    second.close();
  });

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

  it("leaves everything as it was when the transaction fails", async () => {
    const database = memory();
    const desk = openDesk(database);
    await tutorial(desk);
    const told: number[] = [];
    desk.onCommitted(({ revision }) => told.push(revision));
    const { intent, revision } = desk;
    const routers = () => [...intent.device.keys()].map((id) => [id, desk.versionOf(id), desk.parts(id)]);
    const before = routers();
    const rows = () => database.prepare("SELECT * FROM resource").all();
    const onDisk = rows();
    const fault = () => {
      throw new Error("no more space");
    };
    await expect(update(desk, "instance", "hangzhou", { activated: true }, fault)).rejects.toThrow("no more space");
    expect([desk.intent, desk.revision, told]).toEqual([intent, revision, []]);
    expect(routers()).toEqual(before);
    expect(rows()).toEqual(onDisk);
    await update(desk, "instance", "hangzhou", { activated: true });
    expect(desk.revision).toBe(revision + 1);
    for (const id of desk.intent.device.keys()) expect(desk.parts(id)).toEqual(compile(desk.intent).get(id));
  });

  it("tells of a disk that cannot be written, as a refusal", async () => {
    const database = memory();
    const desk = openDesk(database);
    await create(desk, "area", { name: "a1" });
    database.exec("CREATE TRIGGER full BEFORE INSERT ON resource BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    await expect(create(desk, "area", { name: "a2" })).rejects.toMatchObject({
      status: 503,
      code: "store-unavailable",
    });
    expect(desk.find("area", "a2")).toBeUndefined();
  });

  it("does nothing when nothing differs", async () => {
    const desk = openDesk(memory());
    await tutorial(desk);
    const { revision } = desk;
    const nothing = await update(desk, "area", "mainland", {});
    expect([nothing.changes, nothing.revision, desk.revision]).toEqual([[], revision, revision]);
  });

  it("does not let a listener's fault undo what was committed", async () => {
    const faults: unknown[] = [];
    const desk = openDesk(memory(), { onFault: (error) => faults.push(error) });
    desk.onCommitted(() => {
      throw new Error("not mine");
    });
    await create(desk, "area", { name: "a1" });
    expect(desk.find("area", "a1")).toBeDefined();
    expect(faults).toHaveLength(1);
  });

  it("lets two resources exchange their names in one change", async () => {
    const database = memory();
    const desk = openDesk(database);
    await create(desk, "area", { name: "a1" });
    await create(desk, "area", { name: "a2" });
    const [one, two] = [desk.find("area", "a1")!, desk.find("area", "a2")!];
    await desk.change(SYSTEM, "rename", () => [
      { kind: "area", id: one.id, before: one, after: { ...one, name: "a2", version: 2 } },
      { kind: "area", id: two.id, before: two, after: { ...two, name: "a1", version: 2 } },
    ]);
    expect(desk.find("area", "a1")!.id).toBe(two.id);
    expect(new ResourceTable(database).read().area.get(one.id)!.name).toBe("a2");
  });

  it("stores events of one moment together and tells them", async () => {
    const desk = openDesk(memory(), { now: () => 1_000 });
    const told: number[] = [];
    desk.onEvent(({ id }) => told.push(id));
    const subject = { kind: "area", id: "area-1", name: "a1" } as const;
    desk.event({ level: "INFO", code: "One", message: "one" });
    desk.event({ level: "CRITICAL", code: "Two", message: "two", subject });
    expect(told).toEqual([]);
    desk.close();
    expect(told).toEqual([1, 2]);
    expect(desk.events.list({ level: "CRITICAL" }, { limit: 9 })).toEqual([
      { id: 2, at: "1970-01-01T00:00:01.000Z", level: "CRITICAL", code: "Two", message: "two", subject },
    ]);
  });
});

describe("the record of events", () => {
  it("keeps the newest, by number and age", () => {
    const log = new EventLog(memory(), { number: 500, age: 1_000_000 });
    const event = { level: "INFO", code: "X", message: "x" } as const;
    for (let i = 0; i < 1003; i++) log.add(i, event);
    const kept = () => log.list({}, { limit: 9999 }).map(({ id }) => id);
    expect([kept().length, kept().at(-1)]).toEqual([501, 1003]);
    for (let i = 0; i < 1001; i++) log.add(5_000_000, event);
    expect(kept()[0]).toBeGreaterThan(1003);
  });

  it("pages forwards from a line and backwards from the newest", () => {
    const log = new EventLog(memory());
    for (let i = 0; i < 9; i++) log.add(i, { level: "INFO", code: "X", message: "x" });
    const ids = (page: object) => log.list({}, { limit: 3, ...page }).map(({ id }) => id);
    expect([ids({}), ids({ after: 2 }), ids({ before: 4 }), ids({ after: 9 })]).toEqual([
      [7, 8, 9],
      [3, 4, 5],
      [1, 2, 3],
      [],
    ]);
  });
});
