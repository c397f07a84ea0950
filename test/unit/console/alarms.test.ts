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
  // The clock that tests may have replaced.
  desk = openDesk(database, { now: () => Date.now() });
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

describe("the gateway's word on who carries the traffic", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const LATER = 600_000;
  /** An instance has had its connection for so long that another device is news. */
  const CHOSEN = 61_000;
  const OFF = { controller: "abnormal", vpn: "none" } as const;
  const none = { packets: 0, bytes: 0 };
  const gateway = () => [...desk.intent.device.values()].find(({ role }) => role === "gateway")!.id;

  /** The gateway says that this device carries; null: none. */
  function says(carrier: string | null, to = fleet): void {
    const tunnels = [active, standby].map((name) => {
      const state = carrier === null ? ("down" as const) : ("up" as const);
      return { name, state, rttMs: 1, in: none, out: none, lastError: null, carries: name === carrier };
    });
    to.see(gateway(), { controller: "normal", vpn: "normal", enrolled: true, tunnels });
  }
  /** Without those of devices themselves. */
  const switches = () => events().filter((event) => !/ Device(Online|Offline) /.test(event));
  const messages = () =>
    desk.events.list({}, { limit: 100_000 }).flatMap(({ code, message }) => (code === "DeviceSwitched" ? message : []));

  it("counts: a device that is heard no more has not lost its traffic, and one that is heard may have", () => {
    fleet.see(active, UP);
    fleet.see(standby, UP);
    says(active);
    expect(switches()).toEqual(["INFO ConnectionRestored hangzhou"]);
    fleet.see(active, OFF);
    expect(switches()).toEqual([]);
    fleet.see(active, UP);
    says(standby);
    expect(switches()).toEqual(["CRITICAL DeviceSwitched hangzhou"]);
    expect(messages()).toEqual([`traffic of instance hangzhou went over from device ${active} to ${standby}`]);
    says(null);
    expect(switches()).toEqual(["CRITICAL ConnectionDisconnect hangzhou"]);
  });

  it("a first choice is no switch, nor is the next one of a moment later; back to the active device is no alarm", () => {
    says(null);
    fleet.see(standby, UP);
    fleet.see(active, UP);
    says(standby);
    vi.advanceTimersByTime(1000);
    says(active);
    expect(switches()).toEqual(["INFO ConnectionRestored hangzhou", "INFO ConnectionRestored hangzhou"]);
    vi.advanceTimersByTime(1000);
    says(standby);
    expect(switches()).toEqual(["CRITICAL DeviceSwitched hangzhou"]);
    vi.advanceTimersByTime(1000);
    says(active);
    expect(switches()).toEqual(["INFO DeviceSwitched hangzhou"]);
    expect(messages().at(-1)).toMatch(/ went back from device \S+ to the active device /);
  });

  it("corrects a guess of a moment ago without an alarm, once", () => {
    fleet.see(active, UP);
    fleet.see(standby, UP);
    says(standby);
    expect(switches()).toEqual(["INFO ConnectionRestored hangzhou", "INFO ConnectionRestored hangzhou"]);
    says(active);
    expect(switches()).toEqual(["INFO ConnectionRestored hangzhou"]);
    says(standby);
    expect(switches()).toEqual(["CRITICAL DeviceSwitched hangzhou"]);
  });

  it("however often traffic goes back and forth, the first switch after that is told when it happens", () => {
    fleet.see(active, UP);
    fleet.see(standby, UP);
    says(active);
    for (let i = 0; i < 40; i++) {
      vi.advanceTimersByTime(2 * 60_000);
      says(null);
      vi.advanceTimersByTime(1000);
      says(standby);
      vi.advanceTimersByTime(CHOSEN);
      says(active);
    }
    switches();
    says(standby);
    vi.advanceTimersByTime(200);
    expect(desk.events.list({}, { limit: 100_000 }).at(-1)).toMatchObject({
      level: "CRITICAL",
      code: "DeviceSwitched",
    });
  });

  it("while it is not connected the devices' connections are the guess, told as one, and corrected later", () => {
    fleet.see(active, UP);
    fleet.see(standby, UP);
    says(active);
    switches();
    fleet.see(gateway(), OFF);
    expect(switches()).toEqual([]);
    vi.advanceTimersByTime(LATER);
    fleet.see(active, OFF);
    expect(switches()).toEqual(["CRITICAL DeviceSwitched hangzhou"]);
    expect(messages().at(-1)).toMatch(/, as far as the devices tell: their gateway does not$/);
    says(active);
    expect(switches()).toEqual(["INFO DeviceSwitched hangzhou"]);
  });

  it("tells of a failed tunnel only where the gateway hears the other device", () => {
    fleet.see(active, UP);
    fleet.see(standby, UP);
    says(active);
    switches();
    fleet.see(active, { vpn: "abnormal" });
    expect(switches()).toEqual(["INFO AccessGatewayFailover hangzhou"]);
    fleet.see(active, UP);
    says(null);
    switches();
    fleet.see(active, { vpn: "abnormal" });
    expect(switches()).toEqual([]);
  });

  it("after a start of the console, is believed at once when it was as it is told, and else when all had time to come", () => {
    fleet.see(active, UP);
    fleet.see(standby, UP);
    says(active);
    switches();
    const anew = new FakeFleet(openDatabase(":memory:", [FLEET_STAND_IN]));
    watchFleet(desk, anew, { grace: 60_000 });
    anew.see(standby, UP);
    // Gateway and console started together: the tunnels come one by one.
    says(null, anew);
    says(standby, anew);
    expect(switches()).toEqual([]);
    says(active, anew);
    expect(switches()).toEqual([]);
    says(standby, anew);
    expect(switches()).toEqual(["CRITICAL DeviceSwitched hangzhou"]);
  });
});

it("a configuration that was not applied", () => {
  fleet.see(active, { error: { code: "x", message: "no such interface" } });
  fleet.see(active, { error: { code: "x", message: "no such interface" } });
  expect(events()).toEqual([`WARN ConfigurationRefused ${active}`]);
});
