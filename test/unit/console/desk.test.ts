import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { SYSTEM } from "../../../src/console/author.ts";
import { compile } from "../../../src/console/compile/compile.ts";
import { openDesk } from "../../../src/console/desk/desk.ts";
import { Draft, type OwnKind } from "../../../src/console/desk/draft.ts";
import { openDatabase } from "../../../src/console/store/database.ts";
import { ResourceTable } from "../../../src/console/store/resources.ts";
import { STORE_MIGRATIONS } from "../../../src/console/store/schema.ts";
import { create, memory, tutorial, update } from "./deskrig.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-desk-"));
afterAll(() => rmSync(folder, { recursive: true }));

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
    const devices: number[] = [];
    const after = openDesk(second, { onCompile: (count) => devices.push(count) });
    // Before the long silence of a start, it can be said what it is for.
    expect(devices).toEqual([before.intent.device.size]);
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
    const { page_count: pages } = database.prepare("PRAGMA page_count").get() as { page_count: number };
    database.exec(`PRAGMA max_page_count = ${pages}`);
    const description = "x".repeat(256);
    const many = () =>
      desk.change(SYSTEM, "fill", (intent) => {
        const draft = new Draft(desk, intent);
        for (let i = 0; i < 100; i++) draft.create("area", { name: `full${i}`, description });
        return draft.changes();
      });
    await expect(many()).rejects.toMatchObject({
      status: 503,
      code: "store-unavailable",
      message: "the console's database cannot grow, as the disk is full; nothing has changed",
      next: "Free some space there; nothing that was acknowledged is lost",
    });
    expect(desk.find("area", "full0")).toBeUndefined();
    database.exec(`PRAGMA max_page_count = ${pages + 1000}`);
    await many();
    expect(desk.find("area", "full0")).toBeDefined();
  });

  it("calls a fault of its own no fault of the disk", async () => {
    const database = memory();
    const desk = openDesk(database);
    database.exec("CREATE TRIGGER odd BEFORE INSERT ON resource BEGIN SELECT RAISE(ABORT, 'a program fault'); END");
    await expect(create(desk, "area", { name: "a2" })).rejects.toMatchObject({ code: "ERR_SQLITE_ERROR" });
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

  it("keeps events for a disk that takes nothing for a while, and tells them then", () => {
    vi.useFakeTimers();
    try {
      const database = memory();
      const faults: unknown[] = [];
      const desk = openDesk(database, { now: () => 1_000, onFault: (error) => faults.push(error) });
      const told: string[] = [];
      desk.onEvent(({ code }) => told.push(code));
      database.exec("PRAGMA query_only = ON");
      desk.event({ level: "CRITICAL", code: "One", message: "one" });
      vi.advanceTimersByTime(200);
      desk.event({ level: "INFO", code: "Two", message: "two" });
      vi.advanceTimersByTime(200);
      expect([told, faults.length]).toEqual([[], 1]);
      database.exec("PRAGMA query_only = OFF");
      vi.advanceTimersByTime(10_000);
      expect([told, faults.length]).toEqual([["One", "Two"], 1]);
      expect(desk.events.list({}, { limit: 9 })).toHaveLength(2);
      desk.close();
    } finally {
      vi.useRealTimers();
    }
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
