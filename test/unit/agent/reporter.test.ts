import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ManagedRouter } from "../../../src/agent/carrier.ts";
import { Reporter } from "../../../src/agent/reporter.ts";
import type { ReportFrame } from "../../../src/protocol/stream.ts";
import type { AttachmentObservation, TunnelObservation } from "../../../src/router/observe.ts";

const NONE = { packets: 0, bytes: 0 };

let tunnels: Map<string, TunnelObservation>;
let attachments: AttachmentObservation[];
let console: "ready" | "slow" | "away";
let frames: ReportFrame[];
let wholes: number;
let reporter: Reporter;

const set = (name: string, carries: boolean, more: Partial<TunnelObservation> = {}) =>
  void tunnels.set(name, { name, state: "up", rttMs: 1, in: NONE, out: NONE, lastError: null, carries, ...more });
/** What was told since the last call: names, and * at those that carry. */
const told = () =>
  frames.splice(0).map((frame) => frame.tunnels.map(({ name, carries }) => `${name}${carries ? "*" : ""}`).join(" "));

beforeEach(() => {
  vi.useFakeTimers();
  tunnels = new Map();
  attachments = [{ name: "vpc", state: "up", reason: null }];
  console = "ready";
  frames = [];
  wholes = 0;
  set("active", true);
  set("standby", false);
  set("other", false, { carries: undefined as never });
  const router = {
    states: () => new Map([...tunnels.values()].map(({ name, state }) => [name, state])),
    attachments: () => attachments,
    observe: () => {
      wholes++;
      return { tunnels: [...tunnels.values()], attachments, drops: { "no-route": 1 } };
    },
    tunnels: (names: Iterable<string>) => [...names].flatMap((name) => tunnels.get(name) ?? []),
  } as unknown as ManagedRouter;
  reporter = new Reporter({
    router: () => router,
    console: () => console,
    send: (frame) => void frames.push(frame),
    look: () => undefined,
  });
});
afterEach(() => {
  reporter.close();
  vi.useRealTimers();
});

/** Traffic goes over to the one, as the router tells it. */
function over(to: "active" | "standby"): void {
  set("active", to === "active", to === "active" ? {} : { silent: true });
  set("standby", to === "standby");
  reporter.turned(["active", "standby"]);
}

describe("traffic that goes over to another tunnel", () => {
  beforeEach(() => {
    reporter.report();
    expect(told()).toEqual(["active* standby other"]);
    wholes = 0;
  });

  it("is told at once, of these tunnels alone, with what else was told last", () => {
    set("other", false, { carries: undefined as never, in: { packets: 9, bytes: 9 } });
    over("standby");
    vi.advanceTimersByTime(30);
    const [frame] = frames;
    expect(frame).toMatchObject({ first: false, gone: [], attachments, drops: { "no-route": 1 } });
    expect(frame.tunnels[0]).toMatchObject({ name: "active", state: "up", silent: true, carries: false });
    expect(told()).toEqual(["active standby*"]);
    expect(wholes).toBe(0);
  });

  it("is told four times a second at most, however often it goes to and fro, and the last word is right", () => {
    let ms = 0;
    for (let i = 0; i < 1000; i++, ms += 10) {
      over(i % 2 === 0 ? "standby" : "active");
      vi.advanceTimersByTime(10);
    }
    expect(frames.length).toBeLessThan(ms / 250 + 5);
    over("standby");
    vi.advanceTimersByTime(500);
    const last = frames.flatMap((frame) => frame.tunnels).findLast(({ name }) => name === "standby");
    expect(last?.carries).toBe(true);
  });

  it("waits for a console that does not read, and is no news to one that connects anew", () => {
    console = "slow";
    over("standby");
    vi.advanceTimersByTime(900);
    expect(told()).toEqual([]);
    console = "ready";
    vi.advanceTimersByTime(250);
    expect(told()).toEqual(["active standby*"]);
    console = "away";
    over("active");
    vi.advanceTimersByTime(500);
    console = "ready";
    reporter.reset();
    reporter.report();
    expect(told()).toEqual(["active* standby other"]);
    vi.advanceTimersByTime(500);
    expect(told()).toEqual([]);
  });

  it("is not told of before the console knows of all", () => {
    reporter.reset();
    over("standby");
    vi.advanceTimersByTime(500);
    expect(told()).toEqual([]);
    reporter.report();
    expect(told()).toEqual(["active standby* other"]);
  });
});

it("a first report that could not be sent is sent at the next look, and what an attachment lost too", () => {
  console = "slow";
  reporter.report();
  reporter.start();
  console = "ready";
  vi.advanceTimersByTime(1100);
  expect(told()).toEqual(["active* standby other"]);
  attachments = [{ name: "vpc", state: "waiting", reason: "there is no network namespace" }];
  vi.advanceTimersByTime(1100);
  expect(frames.map((frame) => frame.attachments)).toEqual([attachments]);
});

it("what has changed is told every ten seconds, also when the clock of the host is set back", () => {
  reporter.report();
  reporter.start();
  expect(told()).toHaveLength(1);
  vi.setSystemTime(Date.now() - 3_600_000);
  set("active", true, { in: { packets: 9, bytes: 900 } });
  vi.advanceTimersByTime(11_500);
  expect(told()).toEqual(["active*"]);
});
