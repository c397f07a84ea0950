/** Two strongSwans talk through the fixture, so that a failure with our router is one of ours. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Lab } from "../../src/lab/lab.ts";
import { ping } from "../../src/lab/ping.ts";
import { provide, STRONGSWAN_PROGRAMS } from "../../src/lab/prerequisites.ts";
import { StrongSwan, type SwanConnection } from "../../src/lab/strongswan.ts";
import { eventually } from "../net/region.ts";
import { asRoot } from "../net/root.ts";
import { INTEROP_PLAN } from "./plan.ts";

/** What strongSwan calls the ESP ciphers that its user-space ESP can do; it has no extended sequence numbers. */
const CIPHERS = ["chacha20poly1305", "aes128gcm16", "aes256gcm16"];

describe.skipIf(!asRoot("strongSwan with itself", STRONGSWAN_PROGRAMS))("two strongSwans", () => {
  let lab: Lab;
  let near: StrongSwan;
  let far: StrongSwan;
  const secret = randomBytes(24).toString("base64url");

  const connection = (own: boolean, esp: string): SwanConnection => ({
    name: "fixture",
    local: own ? "192.0.2.1" : "192.0.2.2",
    remote: own ? "192.0.2.2" : "192.0.2.1",
    localId: own ? "near.vcpe.test" : "far.vcpe.test",
    remoteId: own ? "far.vcpe.test" : "near.vcpe.test",
    secret,
    ikeProposals: ["aes256gcm16-prfsha256-x25519"],
    espProposals: [esp],
    localSelectors: own ? ["10.1.0.0/24", "fd00:1::/64"] : ["10.9.0.0/24", "fd00:9::/64"],
    remoteSelectors: own ? ["10.9.0.0/24", "fd00:9::/64"] : ["10.1.0.0/24", "fd00:1::/64"],
  });

  beforeAll(async () => {
    await provide(STRONGSWAN_PROGRAMS, console.log);
    lab = await Lab.draw({ name: `s${process.pid}`, plan: INTEROP_PLAN, entry: [], say: () => undefined });
    [near, far] = await Promise.all([
      StrongSwan.start(lab.state, "edge", lab.namespace("edge")),
      StrongSwan.start(lab.state, "swan", lab.namespace("swan")),
    ]);
  }, 900_000);

  afterAll(async () => {
    await lab?.down();
  });

  it.each(CIPHERS)("carry traffic with %s, also after rekeys", async (cipher) => {
    await far.load(connection(false, cipher));
    await near.load(connection(true, cipher));
    await near.initiate("fixture");
    const reach = async () => {
      for (const address of ["10.9.0.10", "fd00:9::10"]) {
        const source = address.includes(":") ? "fd00:1::1" : "10.1.0.1";
        const result = await ping(lab.namespace("edge"), address, { count: 3, interval: 0.05, patience: 10, source });
        expect(result.received, address).toBe(3);
      }
    };
    await reach();
    await near.rekeyChild("fixture");
    await far.rekeyIke("fixture");
    await reach();
    const installed = await near.installed();
    expect(installed).toHaveLength(1);
    expect(installed[0]!.packetsIn).toBeGreaterThanOrEqual(6);
    await near.terminateIke("fixture");
    // It answers, and then forgets.
    await eventually("the other side has none", async () => (await far.established()).length === 0);
  });
});
