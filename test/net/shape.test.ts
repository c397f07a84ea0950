/** A tunnel that is held to a rate: TCP and UDP get it within 5 percent, a ping beside them does not wait, and a reload changes it. */
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quantile, ShapedBed } from "../../bench/net/shaped.ts";
import { BENCH_PROGRAMS } from "../../bench/net/systems.ts";
import { labFolder } from "../../src/lab/state.ts";
import type { FileLock } from "../../src/linux/lock.ts";
import { ENTRY } from "./entry.ts";
import { asRoot } from "./root.ts";
import { TURN_TIMEOUT, takeTurn } from "./turn.ts";

/** Two workers: what must be right with them is right with one. */
const WORKERS = 2;

/** A machine that is busy with something else may hold one run up, not three; more than the rate must never come through. */
async function best<T extends { readonly mbps: number }>(
  run: () => Promise<T>,
  right: (result: T) => boolean,
  mbps: number,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const result = await run();
    expect(result.mbps / mbps).toBeLessThan(1.05);
    if (right(result) || tries === 3) return result;
  }
}

describe.skipIf(!asRoot("a shaped tunnel", BENCH_PROGRAMS))("a tunnel that is held to a rate", () => {
  const name = `h${process.pid}`;
  let bed: ShapedBed;
  let turn: FileLock;

  beforeAll(async () => {
    turn = await takeTurn();
    bed = await ShapedBed.up(name, ENTRY, WORKERS, AbortSignal.timeout(60_000));
  }, TURN_TIMEOUT);

  afterAll(async () => {
    try {
      await bed?.down();
      expect(existsSync(labFolder(name))).toBe(false);
    } finally {
      turn?.release();
    }
  }, 30_000);

  it.each([
    [1, 2, 1],
    [2, 2, 1],
    [20, 1, 1],
    [200, 1, 2],
  ])("of %i Mbit/s", async (mbps, tcpSeconds, udpSeconds) => {
    await bed.hold(mbps * 1e6);
    const right = (rate: number) => Math.abs(rate / mbps - 1) < 0.05;
    const tcp = await best(
      () => bed.tcp(1, tcpSeconds),
      ({ mbps: got }) => right(got),
      mbps,
    );
    const udp = await best(
      () => bed.udp(mbps * 1.2, udpSeconds),
      ({ mbps: got }) => right(got),
      mbps,
    );
    const { shape } = await bed.tunnel();
    const p50 = quantile(tcp.rtts, 0.5)!;
    console.log(`${mbps}: TCP ${tcp.mbps.toFixed(3)}, UDP ${udp.mbps.toFixed(3)} Mbit/s, ping ${p50.toFixed(1)} ms`);
    expect(shape).toMatchObject({ bitsPerSecond: mbps * 1e6 });
    expect(shape!.queued).toBeGreaterThan(100);
    expect(shape!.dropped).toBeGreaterThan(0);
    expect(Math.abs(tcp.mbps / mbps - 1)).toBeLessThan(0.05);
    expect(Math.abs(udp.mbps / mbps - 1)).toBeLessThan(0.05);
    // Some packets of 12 ms at 1 Mbit/s: not the 120 (elsewhere 50) for which a full queue waits.
    expect(p50).toBeLessThan(Math.max(25, 40 / mbps));
  });

  it("and then to none", async () => {
    await bed.hold(undefined);
    expect((await bed.tunnel()).shape).toBeNull();
  });
});
