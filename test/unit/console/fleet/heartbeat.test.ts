/** Who is pinged when, and who is taken for gone. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { WebSocket } from "ws";
import { Heartbeat } from "../../../../src/console/fleet/heartbeat.ts";
import { Line } from "../../../../src/console/fleet/line.ts";
import type { Passport } from "../../../../src/console/fleet/passport.ts";
import { CLOSE, PING_EVERY } from "../../../../src/protocol/stream.ts";

/** A connection that answers pings or does not. */
function connection({ answers = true, expires = Number.POSITIVE_INFINITY } = {}) {
  const ended: (number | "cut")[] = [];
  let pings = 0;
  const socket = {
    ping: () => {
      pings++;
      if (answers) line.alive();
    },
    close: (code: number) => void ended.push(code),
    terminate: () => void ended.push("cut"),
  } as unknown as WebSocket;
  const line = new Line({ device: "vcpe0123456789ab", generation: 1, expires } as unknown as Passport, socket, 0);
  return { line, ended, pings: () => pings };
}

describe("the heartbeat", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("pings each line once in its time, not all at once", () => {
    const heartbeat = new Heartbeat(Date.now, () => undefined);
    const all = Array.from({ length: 100 }, () => connection());
    for (const { line } of all) heartbeat.join(line);
    vi.advanceTimersByTime(1000);
    const first = all.filter(({ pings }) => pings() > 0).length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(10);
    vi.advanceTimersByTime(PING_EVERY - 1000);
    expect(all.map(({ pings }) => pings())).toEqual(all.map(() => 1));
    heartbeat.close();
    vi.advanceTimersByTime(2 * PING_EVERY);
    expect(all[0].pings()).toBe(1);
  });

  it("cuts off who does not answer, ends whose certificate has expired, and tells of both once", () => {
    const lost: Line[] = [];
    const heartbeat = new Heartbeat(Date.now, (line) => {
      lost.push(line);
      heartbeat.leave(line);
    });
    const [good, silent, expiring] = [
      connection(),
      connection({ answers: false }),
      connection({ expires: Date.now() + PING_EVERY + 1 }),
    ];
    for (const { line } of [good, silent, expiring]) heartbeat.join(line);
    vi.advanceTimersByTime(2 * PING_EVERY);
    expect(lost).toEqual([expiring.line]);
    expect(expiring.ended[0]).toBe(CLOSE.identity);
    vi.advanceTimersByTime(3 * PING_EVERY);
    expect(lost).toEqual([expiring.line, silent.line]);
    expect(silent.ended).toEqual(["cut"]);
    expect(silent.pings()).toBe(2);
    expect(good.ended).toEqual([]);
    expect(good.pings()).toBe(5);
    heartbeat.close();
  });
});
