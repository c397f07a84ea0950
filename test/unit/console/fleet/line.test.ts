/** The heartbeat of one connection. */
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { Line } from "../../../../src/console/fleet/line.ts";
import type { Passport } from "../../../../src/console/fleet/passport.ts";
import { PING_EVERY, SILENCE } from "../../../../src/protocol/stream.ts";

/** When what went out: pings and frames. Milliseconds. */
function rig() {
  const pings: number[] = [];
  const frames: string[] = [];
  let now = 0;
  const socket = {
    ping: () => void pings.push(now),
    send: (text: string, sent: () => void) => {
      frames.push(text);
      sent();
    },
  } as unknown as WebSocket;
  const line = new Line({ device: "vcpe0123456789ab" } as Passport, socket, 0);
  const beat = (at: number) => {
    now = at;
    return line.ping(at);
  };
  return { line, pings, frames, beat };
}

describe("a line", () => {
  it("pings who was told nothing of late, and not who just was", () => {
    const { line, pings, beat } = rig();
    expect(beat(0)).toBe(true);
    line.alive();
    line.tell("{}", PING_EVERY - 1000);
    expect(beat(PING_EVERY)).toBe(true);
    line.alive();
    expect(beat(2 * PING_EVERY)).toBe(true);
    expect(pings).toEqual([0, 2 * PING_EVERY]);
    // Whatever it is told, and when: it hears something before it takes the console for gone.
    for (let after = 0; after <= PING_EVERY; after += 100) {
      const { line, pings, beat } = rig();
      line.tell("{}", after);
      for (let at = PING_EVERY; at <= 4 * PING_EVERY; at += PING_EVERY) {
        beat(at);
        line.alive();
      }
      const heard = [after, ...pings];
      for (let i = 1; i < heard.length; i++) expect(heard[i] - heard[i - 1]).toBeLessThan(SILENCE - 10_000);
    }
  });

  it("takes who does not answer for gone, be it to pings or to what it was told", () => {
    const { line, beat } = rig();
    line.tell("{}", PING_EVERY - 1);
    expect(beat(PING_EVERY)).toBe(true);
    expect(beat(2 * PING_EVERY)).toBe(true);
    expect(beat(3 * PING_EVERY)).toBe(false);
    line.alive();
    expect(beat(4 * PING_EVERY)).toBe(true);
  });

  it("pings also when the clock was set back", () => {
    const { line, pings, beat } = rig();
    line.tell("{}", 1e9);
    beat(0);
    expect(pings).toEqual([0]);
  });
});
