/** A hundred rekeys under traffic: Child and IKE SAs, from either side, some from both at the same moment. */
import { describe, expect, it } from "vitest";
import { traffic } from "../../src/lab/iperf.ts";
import { PingStream } from "../../src/lab/ping.ts";
import type { RouterStatus } from "../../src/lab/status.ts";
import { eventually, pause, region } from "./region.ts";
import { asRoot } from "./root.ts";

const REKEYS = 100;
/** Long enough for the slowest exchange under load, so that each rekey has new SAs to act on. */
const BETWEEN_MS = 120;

function rekeys(status: RouterStatus, tunnel: string): { ike: number; child: number } {
  const found = status.tunnels.find((candidate) => candidate.name === tunnel)!;
  return {
    ike: found.ike?.rekeys ?? 0,
    child: found.children.reduce((most, child) => Math.max(most, child.rekeys), 0),
  };
}

describe.skipIf(!asRoot("rekeys under traffic"))("a hundred rekeys", () => {
  const lab = region("r");

  it("lose not one ping", async () => {
    const gateway = lab().router("gw");
    const tunnels = ["branch-a", "branch-b"].map((place) => ({
      edge: lab().router(place),
      there: "to-gateway",
      here: `to-${place}`,
      child: 0,
      ike: 0,
    }));
    const pings = [
      new PingStream(lab().namespace("branch-a-lan"), "10.100.0.2"),
      new PingStream(lab().namespace("branch-b-lan"), "fd00:1::2"),
      new PingStream(lab().namespace("vpc"), "10.2.0.2"),
    ];
    // The flow is paced: at full speed it would fill the queues and lose pings by itself, rekey or not.
    const paced = { protocol: "tcp", seconds: 40, offeredMbps: 30 } as const;
    const stopping = new AbortController();
    let flowEnded = false;
    const flow = traffic(lab().namespace("branch-b-lan"), "fd00:100::2", { ...paced, signal: stopping.signal })
      .then(() => "ended" as const)
      .catch((fault: { code?: string; message: string }) =>
        fault.code === "interrupted" ? ("stopped" as const) : fault.message,
      )
      .finally(() => {
        flowEnded = true;
      });
    let results: Awaited<ReturnType<PingStream["stop"]>>[] = [];
    try {
      await pause(500);
      for (let n = 0; n < REKEYS; n++) {
        const tunnel = tunnels[n % 2]!;
        const what = n % 4 < 2 ? ("child" as const) : ("ike" as const);
        const from = ["edge", "gateway", "both"][n % 3]!;
        tunnel[what]++;
        await Promise.all([
          from === "gateway" ? undefined : tunnel.edge.rekey(tunnel.there, what),
          from === "edge" ? undefined : gateway.rekey(tunnel.here, what),
        ]);
        await pause(BETWEEN_MS);
      }
      await pause(1000);
    } finally {
      results = await Promise.all(pings.map((stream) => stream.stop()));
    }
    expect(flowEnded, "the TCP flow must last as long as the rekeys").toBe(false);
    stopping.abort();
    expect(await flow).toBe("stopped");
    for (const result of results) {
      expect(result.sent).toBeGreaterThan(1000);
      expect(result.lost).toEqual([]);
      expect(result.duplicates).toBe(0);
    }
    // Each asked-for rekey came about (two that crossed are one), and in the end one SA of each kind is left.
    const [seen, ...edges] = await Promise.all([gateway.status(), ...tunnels.map((tunnel) => tunnel.edge.status())]);
    for (const [at, tunnel] of tunnels.entries()) {
      const counts = rekeys(seen!, tunnel.here);
      expect(counts.child).toBeGreaterThanOrEqual(tunnel.child);
      expect(counts.ike).toBeGreaterThanOrEqual(tunnel.ike);
      expect(rekeys(edges[at]!, tunnel.there).child).toBeGreaterThanOrEqual(tunnel.child);
    }
    await eventually("one Child SA a tunnel", async () =>
      (await gateway.status()).tunnels.every(({ state, children }) => state === "up" && children.length === 1),
    );
  }, 120_000);
});
