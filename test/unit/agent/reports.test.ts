import { describe, expect, it } from "vitest";
import { Backoff } from "../../../src/agent/backoff.ts";
import { Reports } from "../../../src/agent/reports.ts";
import type { Observation, TunnelObservation, TunnelState } from "../../../src/router/observe.ts";

const traffic = (packets: number) => ({ packets, bytes: packets * 100 });
const tunnel = (name: string, more: Partial<TunnelObservation> = {}): TunnelObservation => ({
  name,
  state: "up",
  rttMs: 10,
  in: traffic(1),
  out: traffic(1),
  lastError: null,
  ...more,
});
const seen = (...tunnels: TunnelObservation[]): Observation => ({ tunnels, attachments: [], drops: {} });
const names = (reports: Reports, observation: Observation) =>
  reports
    .frames(observation)
    .map(({ first, tunnels, gone }) => [first, tunnels.map(({ name }) => name).join(), gone.join()]);

describe("reports", () => {
  it("say all at first, then only what has changed", () => {
    const reports = new Reports();
    expect(names(reports, seen(tunnel("a"), tunnel("b")))).toEqual([[true, "a,b", ""]]);
    expect(names(reports, seen(tunnel("a"), tunnel("b")))).toEqual([]);
    expect(names(reports, seen(tunnel("a", { rttMs: 10.9 }), tunnel("b", { in: traffic(2) })))).toEqual([
      [false, "b", ""],
    ]);
    expect(names(reports, seen(tunnel("a", { rttMs: 12 })))).toEqual([[false, "a", "b"]]);
    expect(names(reports, { ...seen(tunnel("a", { rttMs: 12 })), drops: { x: 1 } })).toEqual([[false, "", ""]]);
    reports.reset();
    expect(names(reports, seen(tunnel("a", { rttMs: 12 })))).toEqual([[true, "a", ""]]);
    reports.reset();
    expect(names(reports, seen())).toEqual([[true, "", ""]]);
  });

  it("say that a tunnel carries no more, or that its peer is silent", () => {
    const reports = new Reports();
    reports.frames(seen(tunnel("a", { carries: true }), tunnel("b", { carries: false }), tunnel("c")));
    expect(names(reports, seen(tunnel("a", { carries: true }), tunnel("b", { carries: false }), tunnel("c")))).toEqual(
      [],
    );
    const over = [tunnel("a", { carries: false, silent: true }), tunnel("b", { carries: true }), tunnel("c")];
    expect(reports.some([over[0], over[2]]).map((frame) => frame.tunnels)).toEqual([[over[0]]]);
    expect(names(reports, seen(...over))).toEqual([[false, "b", ""]]);
    expect(reports.some(over)).toEqual([]);
  });

  it("of ten thousand tunnels come in pieces, and of one that changed in one", () => {
    const reports = new Reports();
    const many = Array.from({ length: 10_000 }, (_, i) => tunnel(`t${i}`));
    const frames = reports.frames(seen(...many));
    expect(frames.map(({ first, tunnels }) => [first, tunnels.length])).toEqual(
      Array.from({ length: 10 }, (_, i) => [i === 0, 1000]),
    );
    many[77] = tunnel("t77", { state: "down" });
    expect(names(reports, seen(...many))).toEqual([[false, "t77", ""]]);
  });

  it("see at once that a state is another", () => {
    const reports = new Reports();
    const differs = (...states: [string, TunnelState][]) => reports.differs(new Map(states), []);
    reports.frames(seen(tunnel("a"), tunnel("b")));
    expect(differs(["a", "up"], ["b", "up"])).toBe(false);
    expect(differs(["a", "up"], ["b", "down"])).toBe(true);
    expect(differs(["a", "up"])).toBe(true);
    expect(differs(["a", "up"], ["c", "up"])).toBe(true);
  });

  it("see at once that an attachment is up, or no more", () => {
    const reports = new Reports();
    const waiting = [{ name: "vpc", state: "waiting", reason: "there is no network namespace" }];
    expect(reports.differs(new Map(), [])).toBe(true);
    reports.frames(seen());
    expect(reports.differs(new Map(), [])).toBe(false);
    expect(reports.differs(new Map(), waiting)).toBe(true);
    reports.frames({ ...seen(), attachments: waiting });
    expect(reports.differs(new Map(), waiting)).toBe(false);
    expect(reports.differs(new Map(), [{ name: "vpc", state: "up", reason: null }])).toBe(true);
  });
});

describe("the pause before the next try", () => {
  it("doubles up to the longest, is between half and all of it, and begins anew after a good connection", () => {
    const low = new Backoff(1000, 60_000, () => 0);
    const high = new Backoff(1000, 60_000, () => 1);
    expect(Array.from({ length: 8 }, () => low.next())).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(Array.from({ length: 8 }, () => high.next())).toEqual([
      1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000,
    ]);
    low.reset();
    expect(low.next()).toBe(500);
    low.exhaust();
    expect(low.next()).toBe(30_000);
  });
});
