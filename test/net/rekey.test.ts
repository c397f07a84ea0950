/** A hundred rekeys under traffic: Child and IKE SAs, from either side, some from both at the same moment. */
import { describe, expect, it } from "vitest";
import { traffic } from "../../src/lab/iperf.ts";
import { PingStream } from "../../src/lab/ping.ts";
import type { Router } from "../../src/lab/router.ts";
import { eventually, pause, region } from "./region.ts";
import { asRoot } from "./root.ts";

/** The edge's turn, the gateway's, both at once: rekeys of each tunnel. */
const TURNS = { edge: 20, gateway: 20, both: 10 } as const;
const BRANCHES = ["branch-a", "branch-b"] as const;
/** Seconds, more than all the rekeys take, on whatever machine; it is ended with them. */
const FLOW_SECONDS = 600;
/**
 * The side that answered a rekey begins none for up to 3 s, until it can be sure that the other one uses the new SA. After so
 * long both are free to begin at the same moment. Milliseconds.
 */
const BOTH_FREE = 3300;

type What = "child" | "ike";

/** How often this side's SAs of a tunnel have been made anew, Child and IKE. */
async function rekeys(router: Router, tunnel: string): Promise<Record<What, number>> {
  const found = (await router.status()).tunnels.find((candidate) => candidate.name === tunnel)!;
  return { ike: found.ike?.rekeys ?? 0, child: Math.max(0, ...found.children.map((child) => child.rekeys)) };
}

describe.skipIf(!asRoot("rekeys under traffic"))("a hundred rekeys", () => {
  const lab = region("r");

  /** One rekey, waited for on either side. */
  async function rekey(branch: string, what: What, from: keyof typeof TURNS): Promise<void> {
    const [edge, gateway] = [lab().router(branch), lab().router("gw")];
    const [there, here] = ["to-gateway", `to-${branch}`];
    const before = await Promise.all([rekeys(edge, there), rekeys(gateway, here)]);
    if (from === "both") await pause(BOTH_FREE);
    await Promise.all([
      from === "gateway" ? undefined : edge.rekey(there, what),
      from === "edge" ? undefined : gateway.rekey(here, what),
    ]);
    await eventually(`${branch}: ${what} SA rekeyed from ${from}`, async () => {
      const now = await Promise.all([rekeys(edge, there), rekeys(gateway, here)]);
      return now.every((side, at) => side[what] > before[at]![what]);
    });
  }

  it("lose not one ping", async () => {
    const pings = [
      new PingStream(lab().namespace("branch-a-lan"), "10.100.0.2"),
      new PingStream(lab().namespace("branch-b-lan"), "fd00:1::2"),
      new PingStream(lab().namespace("vpc"), "10.2.0.2"),
    ];
    // The flow is paced: at full speed it would fill the queues and lose pings by itself, rekey or not.
    const paced = { protocol: "tcp", seconds: FLOW_SECONDS, offeredMbps: 20 } as const;
    const stopping = new AbortController();
    let running = true;
    const flow = traffic(lab().namespace("branch-b-lan"), "fd00:100::2", { ...paced, signal: stopping.signal })
      .then(() => "ended")
      .catch((fault: { code?: string; message: string }) => fault.code ?? fault.message)
      .finally(() => {
        running = false;
      });
    let done = 0;
    let results: Awaited<ReturnType<PingStream["stop"]>>[] = [];
    try {
      await pause(300);
      await Promise.all(
        BRANCHES.map(async (branch) => {
          for (const [from, times] of Object.entries(TURNS) as [keyof typeof TURNS, number][]) {
            for (let n = 0; n < times; n++) {
              await rekey(branch, n % 2 === 0 ? "child" : "ike", from);
              done++;
            }
          }
        }),
      );
      await pause(500);
      expect(running, "the TCP flow must last as long as the rekeys").toBe(true);
    } finally {
      results = await Promise.all(pings.map((stream) => stream.stop()));
      stopping.abort();
    }
    expect(await flow).toBe("interrupted");
    expect(done).toBe(100);
    const sent = results.reduce((sum, result) => sum + result.sent, 0);
    console.log(`100 rekeys, ${sent} pings, lost ${results.map((result) => result.lost.length).join(" + ")}`);
    for (const result of results) {
      expect(result.sent).toBeGreaterThan(1000);
      expect(result.lost).toEqual([]);
      expect(result.duplicates).toBe(0);
    }
    for (const place of [...BRANCHES, "gw"]) {
      await eventually(`${place}: one Child SA a tunnel`, async () => {
        const { tunnels } = await lab().router(place).status();
        return tunnels.every(({ state, children }) => state === "up" && children.length === 1);
      });
    }
  }, 700_000);
});
