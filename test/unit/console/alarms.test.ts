import type { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SYSTEM } from "../../../src/console/author.ts";
import { watchFleet } from "../../../src/console/desk/alarms.ts";
import { type Desk, openDesk } from "../../../src/console/desk/desk.ts";
import { openDatabase } from "../../../src/console/store/database.ts";
import { STORE_MIGRATIONS } from "../../../src/console/store/schema.ts";
import { FakeFleet, FLEET_STAND_IN } from "./rig.ts";
import { Site } from "./world.ts";

let database: DatabaseSync;
let desk: Desk;
let fleet: FakeFleet;
let active: string;
let standby: string;

const UP = { controller: "normal", vpn: "normal", enrolled: true } as const;

beforeEach(async () => {
  database = openDatabase(":memory:", [...STORE_MIGRATIONS, FLEET_STAND_IN]);
  desk = openDesk(database);
  fleet = new FakeFleet(database);
  watchFleet(desk, fleet);
  const site = new Site().area("main").point("shanghai", "main", "198.51.100.1");
  site.add("ccn", "ccn-one", { name: "one", area: "area-main" }).branch("hangzhou", "main", "one", ["10.1.0.0/16"]);
  await desk.change(SYSTEM, "test", () => site.changes);
  const [first, second] = [...desk.intent.device.values()].filter(({ instance }) => instance !== null);
  [active, standby] = first.role === "active" ? [first.id, second.id] : [second.id, first.id];
});

/** Codes of events since the last call. */
function events(): string[] {
  desk.close();
  const found = desk.events.list({}, { limit: 100, after: seen });
  seen = found.at(-1)?.id ?? seen;
  return found.map(({ level, code, subject }) => `${level} ${code} ${subject?.name}`);
}
let seen = 0;
beforeEach(() => {
  seen = 0;
});

it("a device that comes and goes", () => {
  fleet.see(active, { controller: "normal" });
  expect(events()).toEqual([`INFO DeviceOnline ${active}`]);
  fleet.see(active, { lastSeen: "2026-01-01T00:00:00.000Z" });
  expect(events()).toEqual([]);
  fleet.see(active, { controller: "abnormal" });
  expect(events()).toEqual([`CRITICAL DeviceOffline ${active}`]);
});

describe("after a start of the console", () => {
  let anew: FakeFleet;
  const GRACE = 60_000;

  function startAnew(): void {
    anew = new FakeFleet(openDatabase(":memory:", [FLEET_STAND_IN]));
    vi.useFakeTimers();
    watchFleet(desk, anew, { grace: GRACE });
  }
  afterEach(() => void vi.useRealTimers());

  it("who was connected before and comes back is no news; who stays away is, after a time", () => {
    fleet.see(active, UP);
    fleet.see(standby, UP);
    expect(events()).toHaveLength(3);
    startAnew();
    anew.see(standby, { controller: "abnormal" });
    anew.see(active, { controller: "normal" });
    anew.see(active, UP);
    vi.advanceTimersByTime(GRACE - 1);
    expect(events()).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(events()).toEqual([`CRITICAL DeviceOffline ${standby}`]);
    anew.see(standby, UP);
    expect(events()).toEqual([`INFO DeviceOnline ${standby}`]);
  });

  it("who has come back and goes again is told at once", () => {
    fleet.see(active, { controller: "normal" });
    events();
    startAnew();
    anew.see(active, { controller: "normal" });
    anew.see(active, { controller: "abnormal" });
    expect(events()).toEqual([`CRITICAL DeviceOffline ${active}`]);
  });

  it("traffic goes over to another device, or nowhere, only after that time", () => {
    fleet.see(active, UP);
    events();
    startAnew();
    anew.see(standby, UP);
    expect(events()).toEqual([`INFO DeviceOnline ${standby}`]);
    vi.advanceTimersByTime(GRACE + 1);
    expect(events()).toEqual([`CRITICAL DeviceOffline ${active}`, "CRITICAL DeviceSwitched hangzhou"]);
  });

  it("what is told outlives the program", () => {
    fleet.see(active, { controller: "normal" });
    desk.close();
    expect(openDesk(database).told.get(active)).toBe("online");
  });
});

describe("a device that has gone mad", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const DAY = 86_400_000;
  const recorded = () => desk.events.list({}, { limit: 100_000 });
  const of = (code: string) => recorded().filter((event) => event.code === code);

  it("comes and goes each second for a day: a few hundred events, and those of others are told at once", () => {
    for (let ms = 0, i = 0; ms < DAY; ms += 1000, i++) {
      fleet.see(active, { controller: i % 2 === 0 ? "normal" : "abnormal" });
      vi.advanceTimersByTime(1000);
    }
    for (const code of ["DeviceOnline", "DeviceOffline"]) expect(of(code).length).toBeLessThan(300);
    const counted = /\((\d+) times since it was told last\)$/;
    const told = of("DeviceOffline").map(({ message }) => Number(counted.exec(message)?.[1] ?? 1));
    // What was held back last is told yet.
    expect(told.reduce((sum, times) => sum + times)).toBeGreaterThan(43_000);
    fleet.see(standby, { controller: "normal" });
    vi.advanceTimersByTime(1000);
    expect(recorded().at(-1)!.message).toMatch(/^standby device \S+ of instance hangzhou is connected/);
  });

  it("refuses configurations for other reasons each time, with words that no terminal should see", () => {
    for (let i = 0; i < 10_000; i++) {
      fleet.see(active, { error: { code: "x", message: `\x1b[2J${i}\n\u202e${"long ".repeat(500)}` } });
      vi.advanceTimersByTime(100);
    }
    const refused = of("ConfigurationRefused");
    expect(refused.length).toBeGreaterThan(5);
    expect(refused.length).toBeLessThan(12);
    for (const { message } of refused) {
      expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(message.length).toBeLessThanOrEqual(1000);
    }
  });
});

it("traffic that goes over to the other device, and is lost, and comes back", () => {
  fleet.see(active, UP);
  fleet.see(active, UP);
  fleet.see(standby, UP);
  events();
  fleet.see(active, { vpn: "abnormal" });
  expect(events()).toEqual(["INFO AccessGatewayFailover hangzhou", "CRITICAL DeviceSwitched hangzhou"]);
  fleet.see(standby, { vpn: "abnormal" });
  expect(events()).toEqual(["CRITICAL ConnectionDisconnect hangzhou"]);
  fleet.see(active, { vpn: "normal" });
  expect(events()).toEqual(["INFO ConnectionRestored hangzhou"]);
});

it("a configuration that was not applied", () => {
  fleet.see(active, { error: { code: "x", message: "no such interface" } });
  fleet.see(active, { error: { code: "x", message: "no such interface" } });
  expect(events()).toEqual([`WARN ConfigurationRefused ${active}`]);
});
