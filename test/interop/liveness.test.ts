/**
 * A peer that falls silent, on either side. Retransmission takes its time, and nothing here is measured: so this file takes no
 * turn, and runs beside others.
 */
import { describe, expect, it } from "vitest";
import { STRONGSWAN_PROGRAMS } from "../../src/lab/prerequisites.ts";
import { eventually } from "../net/region.ts";
import { asRoot } from "../net/root.ts";
import { drawn } from "./site.ts";

describe.skipIf(!asRoot("liveness with strongSwan", STRONGSWAN_PROGRAMS))("strongSwan, silent,", () => {
  const pair = drawn(`d${process.pid}`);

  it("is given up when it no longer answers", async () => {
    await pair().connect("they", { tunnel: { dpd: "1s" } });
    pair().swan.daemon.signal("SIGSTOP");
    try {
      await eventually("our tunnel is down", async () => (await pair().tunnel()).state !== "up", 120_000);
    } finally {
      pair().swan.daemon.signal("SIGCONT");
    }
  });

  it("gives us up when we no longer answer, and takes us back", async () => {
    await pair().connect("we", { swan: { dpdSeconds: 1 } });
    pair().edge.daemon.signal("SIGKILL");
    await eventually("strongSwan has no SA", async () => (await pair().swan.sas()).length === 0, 90_000);
    await pair().startEdge();
    await pair().edge.tunnelsUp();
    for (const result of await pair().pings()) expect(result.received, result.output).toBe(result.sent);
  });
});
