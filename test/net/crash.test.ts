/** A gateway that is killed and comes back: its edges notice with the next packet, without a console and long before DPD would tell. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SITES } from "../../src/lab/plan.ts";
import type { Router } from "../../src/lab/router.ts";
import { eventually, pause, region, untilAnswered } from "./region.ts";
import { asRoot } from "./root.ts";
import { watchStretch } from "./stretch.ts";

/** One tunnel over IPv6, one over IPv4 and through a NAT. */
const EDGES = SITES.filter(({ role }) => role === "edge");
const VPC = "10.100.0.2";

describe.skipIf(!asRoot("crash of a gateway"))("a gateway that is killed and comes back", () => {
  const lab = region("k");

  /** Seconds until the VPC answers the host behind this edge. */
  async function secondsUntilReached(host: string): Promise<number> {
    const begun = performance.now();
    await untilAnswered(lab().namespace(host), VPC);
    return (performance.now() - begun) / 1000;
  }

  async function restarted(): Promise<Router> {
    const { daemon } = lab().router("gw");
    daemon.signal("SIGKILL");
    await eventually("the gateway is gone", async () => !daemon.running);
    const gateway = lab().startRouter("gw");
    await gateway.answering();
    return gateway;
  }

  it("carries their traffic again within a second or two of its being up, as often as that happens", async () => {
    const key = join(lab().state.folder, "kept", lab().router("gw").name, "crash.key");
    expect(statSync(key).mode & 0o777).toBe(0o600);
    for (let round = 1; round <= 2; round++) {
      // The edges measure the round trip a second after they are up; no such question shall be under way.
      await pause(2_000);
      const gateway = await restarted();
      const stretch = watchStretch();
      const seconds = await Promise.all(EDGES.map(({ host }) => secondsUntilReached(host)));
      const shown = EDGES.map(({ router }, i) => `${router} ${seconds[i]!.toFixed(2)} s`).join(", ");
      console.log(`static gateway killed, after it answers its status: ${shown}`);
      for (const each of seconds) expect(each).toBeLessThan(5 * stretch());
      expect((await gateway.status()).ike["hint-given"]).toBeGreaterThanOrEqual(EDGES.length);
      for (const { router } of EDGES) {
        const said = lab().router(router).daemon.said();
        expect(said.split("peer-restarted")).toHaveLength(round + 1);
        expect(said).not.toContain("peer-dead");
      }
      for (const place of ["gw", ...EDGES.map(({ router }) => router)]) {
        await eventually(`${place} has the new SA alone`, async () =>
          (await lab().router(place).status()).tunnels.every(({ children }) => children.length === 1),
        );
      }
    }
  }, 240_000);
});
