/** How long the audit record keeps what. */
import { describe, expect, it } from "vitest";
import { runConsole } from "../../../src/cli/console.ts";
import { SYSTEM } from "../../../src/console/author.ts";
import { openDesk } from "../../../src/console/desk/desk.ts";
import { AuditLog } from "../../../src/console/store/audit.ts";
import { openDatabase } from "../../../src/console/store/database.ts";
import { STORE_MIGRATIONS } from "../../../src/console/store/schema.ts";
import { memory } from "./deskrig.ts";
import { creation, resource } from "./world.ts";

const DAY = 86_400_000;
const NOW = Date.now();
const OLGA = { user: "olga", role: "operator", via: "session", address: "192.0.2.1" } as const;
const KEPT = { age: 400 * DAY, strangers: { number: 10, age: 90 * DAY } };

describe("the audit record", () => {
  const log = () => {
    const database = memory();
    const made = new AuditLog(database, KEPT);
    const add = (action: string, days: number, stranger = false) =>
      made.add(NOW - days * DAY, OLGA, action, 1, [], stranger);
    const actions = () => made.list({}, { limit: 9999 }).map(({ action }) => action);
    return { database, made, add, actions };
  };
  /** The first line after a start looks for old ones. */
  const restart = ({ database, made }: ReturnType<typeof log>) => {
    new AuditLog(database, KEPT).add(NOW, OLGA, "now", 1, []);
    return made.list({}, { limit: 9999 }).map(({ action }) => action);
  };

  it("keeps what users did as long as it was told, and what strangers did not as long", () => {
    const one = log();
    one.add("create area", 401);
    one.add("update area", 399);
    one.add("login-failed", 91, true);
    one.add("login", 90.5);
    one.add("login-failed", 89, true);
    expect(restart(one)).toEqual(["update area", "login", "login-failed", "now"]);
  });

  it("is shown in pages of a few megabytes, whatever was changed at once", () => {
    const { made } = log();
    const change = creation(resource("area", "area-1", { name: "a1", description: "x".repeat(1 << 20) }));
    for (let i = 0; i < 9; i++) made.add(NOW, OLGA, `apply ${i}`, i, [change]);
    const page = (more: object) => made.list({}, { limit: 100, ...more }).map(({ action }) => action);
    expect(page({})).toEqual(["apply 6", "apply 7", "apply 8"]);
    expect(page({ after: 0 })).toEqual(["apply 0", "apply 1", "apply 2"]);
    expect(page({ after: 3 })).toEqual(["apply 3", "apply 4", "apply 5"]);
    made.add(NOW, OLGA, "all", 9, new Array(6).fill(change));
    expect(page({})).toEqual(["all"]);
  });

  it("keeps so many lines of strangers, and all of users", () => {
    const one = log();
    for (let i = 0; i < 50; i++) {
      one.add(`change ${i}`, 1);
      one.add(`login-failed ${i}`, 1, true);
    }
    const kept = restart(one);
    expect(kept.filter((action) => action.startsWith("change"))).toHaveLength(50);
    expect(kept.filter((action) => action.startsWith("login-failed"))).toEqual(
      Array.from({ length: 10 }, (_, i) => `login-failed ${40 + i}`),
    );
  });

  it("looks for old lines while it runs, too: once in so many, and once in a day", () => {
    const one = log();
    for (let i = 0; i < 2500; i++) one.add("login-failed", 1, true);
    expect(one.actions().length).toBeLessThan(1020);
    one.add("login", -1.5);
    expect(one.actions()).toHaveLength(11);
  });

  it("lets nobody erase a year of what users did, whatever else", () => {
    const one = log();
    one.add("create area", 300);
    one.add("login-failed", 1, true);
    expect(() => one.database.exec("DELETE FROM audit WHERE stranger = 0")).toThrow("append-only");
    one.database.exec("DELETE FROM audit WHERE stranger = 1");
    expect(one.actions()).toEqual(["create area"]);
  });

  it("tells in a record from before which lines are of strangers", () => {
    const database = openDatabase(":memory:", STORE_MIGRATIONS.slice(0, 4));
    const put = database.prepare("INSERT INTO audit VALUES (NULL, ?, 'olga', 'viewer', 'session', '', ?, 1, '[]')");
    for (const action of ["login user olga", "login-failed user olga refused"])
      put.run(new Date(NOW - 100 * DAY).toISOString(), action);
    database.exec(STORE_MIGRATIONS[4].sql);
    const after = new AuditLog(database);
    after.add(NOW, OLGA, "now", 1, []);
    expect(after.list({}, { limit: 9 }).map(({ action }) => action)).toEqual(["login user olga", "now"]);
    expect(() => database.exec("UPDATE audit SET user = 'x'")).toThrow("append-only");
  });

  it("is kept as the desk is told; so are events", async () => {
    const database = memory();
    const past = openDesk(database, { now: () => NOW - 500 * DAY });
    past.event({ level: "INFO", code: "Old", message: "x" });
    past.audit.add(past.now(), SYSTEM, "old", 1, []);
    past.close();
    const desk = openDesk(database, { keep: { events: 501 * DAY, audit: 501 * DAY } });
    desk.event({ level: "INFO", code: "New", message: "x" });
    desk.audit.add(desk.now(), SYSTEM, "new", 1, []);
    desk.close();
    expect(desk.events.list({}, { limit: 9 }).map(({ code }) => code)).toEqual(["Old", "New"]);
    expect(desk.audit.list({}, { limit: 9 }).map(({ action }) => action)).toEqual(["old", "new"]);
    const short = openDesk(database, { keep: { audit: 400 * DAY } });
    short.event({ level: "INFO", code: "Newer", message: "x" });
    short.audit.add(short.now(), SYSTEM, "newer", 1, []);
    short.close();
    expect(short.events.list({}, { limit: 9 }).map(({ code }) => code)).toEqual(["New", "Newer"]);
    expect(short.audit.list({}, { limit: 9 }).map(({ action }) => action)).toEqual(["new", "newer"]);
  });

  it("is kept for a year at least", async () => {
    const flags = { folder: "/nowhere", listen: "127.0.0.1:0", logLevel: "info", keepEvents: "90", keepAudit: "1825" };
    for (const wrong of [{ keepAudit: "364" }, { keepAudit: "many" }, { keepEvents: "0" }, { keepEvents: "-1" }])
      await expect(runConsole({ ...flags, ...wrong })).rejects.toMatchObject({ code: "usage" });
  });
});
