/**
 * A peer that falls silent, on either side. Retransmission takes its time, and nothing here is measured: so this file takes no
 * turn, and runs beside others.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { provide, STRONGSWAN_PROGRAMS } from "../../src/lab/prerequisites.ts";
import { eventually } from "../net/region.ts";
import { asRoot } from "../net/root.ts";
import { Interop, TUNNEL } from "./site.ts";

describe.skipIf(!asRoot("liveness with strongSwan", STRONGSWAN_PROGRAMS))("strongSwan, silent,", () => {
  let interop: Interop;

  beforeAll(async () => {
    await provide(STRONGSWAN_PROGRAMS, console.log);
    interop = await Interop.draw(`d${process.pid}`);
  }, 900_000);

  afterEach(async () => {
    await interop?.stopEdge();
    await interop?.swan.forget(TUNNEL);
  });

  afterAll(async () => {
    await interop?.down();
  });

  it("is given up when it no longer answers", async () => {
    await interop.connect("they", { tunnel: { dpd: "1s" } });
    interop.swan.daemon.signal("SIGSTOP");
    try {
      await eventually("our tunnel is down", async () => (await interop.tunnel()).state !== "up", 120_000);
    } finally {
      interop.swan.daemon.signal("SIGCONT");
    }
  }, 150_000);

  it("gives us up when we no longer answer, and takes us back", async () => {
    await interop.connect("we", { swan: { dpdSeconds: 1 } });
    interop.edge.daemon.signal("SIGKILL");
    await eventually("strongSwan has no SA", async () => (await interop.swan.sas()).length === 0, 40_000);
    await interop.startEdge();
    await interop.edge.tunnelsUp(10_000);
    for (const result of await interop.pings()) expect(result.received, result.output).toBe(result.sent);
  }, 80_000);
});
