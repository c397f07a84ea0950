/** A tunnel that is held to a rate: TCP and UDP get it within 5 percent, a ping beside them does not wait, and a reload changes it. */
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Carried, quantile, ShapedBed } from "../../bench/net/shaped.ts";
import { BENCH_PROGRAMS } from "../../bench/net/systems.ts";
import { measureInPeace } from "../../src/lab/busy.ts";
import { labFolder } from "../../src/lab/state.ts";
import type { FileLock } from "../../src/linux/lock.ts";
import { ENTRY } from "./entry.ts";
import { asRoot } from "./root.ts";
import { floor, watchStretch } from "./stretch.ts";
import { TURN_TIMEOUT, takeTurn } from "./turn.ts";

/** Two workers: what must be right with them is right with one. */
const WORKERS = 2;

describe.skipIf(!asRoot("a shaped tunnel", BENCH_PROGRAMS))("a tunnel that is held to a rate", () => {
  const name = `h${process.pid}`;
  let bed: ShapedBed;
  let turn: FileLock;

  beforeAll(async () => {
    turn = await takeTurn();
    bed = await ShapedBed.up(name, ENTRY, WORKERS, AbortSignal.timeout(600_000));
  }, TURN_TIMEOUT);

  afterAll(async () => {
    try {
      await bed?.down();
      expect(existsSync(labFolder(name))).toBe(false);
    } finally {
      turn?.release();
    }
  });

  // A loss and what TCP makes of it are some packets less; of the 170 that 1 Mbit/s carries in 2 s that may be 5 %.
  it.each([
    [1, 5, 1],
    [2, 3, 1],
    [20, 1, 1],
    [200, 1, 2],
  ] as const)("of %i Mbit/s", { timeout: 180_000 }, async (mbps, tcpSeconds, udpSeconds) => {
    await bed.hold(mbps * 1e6);
    const stretch = watchStretch();
    // Some packets of 12 ms at 1 Mbit/s: not the 120 (elsewhere 50) for which a full queue waits.
    const longest = Math.max(25, 40 / mbps);
    const right = ({ mbps: got, rtts }: Carried) =>
      Math.abs(got / mbps - 1) < 0.05 && (quantile(rtts, 0.5) ?? 0) < longest;
    const { result: tcp, again } = await measureInPeace(() => bed.tcp(1, tcpSeconds), right);
    const { result: udp, again: anew } = await measureInPeace(() => bed.udp(mbps * 1.2, udpSeconds), right);
    const { shape } = await bed.tunnel();
    const p50 = quantile(tcp.rtts, 0.5)!;
    const told = `TCP ${tcp.mbps.toFixed(3)}${again}, UDP ${udp.mbps.toFixed(3)} Mbit/s${anew}`;
    console.log(`${mbps}: ${told}, ping ${p50.toFixed(1)} ms`);
    expect(shape).toMatchObject({ bitsPerSecond: mbps * 1e6 });
    expect(shape!.queued).toBeGreaterThan(100);
    expect(shape!.dropped).toBeGreaterThan(0);
    const others = stretch();
    for (const got of [tcp.mbps, udp.mbps]) {
      expect(got / mbps).toBeLessThan(1.05);
      // A sender that has no CPU does not send so much.
      expect(got / mbps).toBeGreaterThan(floor(0.95, others));
    }
    expect(p50).toBeLessThan(longest / floor(1, others));
  });

  it("and then to none", async () => {
    await bed.hold(undefined);
    expect((await bed.tunnel()).shape).toBeNull();
  });
});
