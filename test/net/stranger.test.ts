/** Peers that must not get in: refused, told why, counted; the others notice nothing. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ping } from "../../src/lab/ping.ts";
import { GATEWAY_ADDRESS } from "../../src/lab/plan.ts";
import { Router } from "../../src/lab/router.ts";
import { type TunnelConfig, writeConfig } from "../../src/lab/site.ts";
import { ENTRY } from "./entry.ts";
import { MALLORY_PLAN, unharmed } from "./mallory.ts";
import { eventually, region } from "./region.ts";
import { asRoot } from "./root.ts";

const IKE = ["chacha20poly1305-sha256-x25519"];
const ESP = ["chacha20poly1305"];
/** The key that mallory has: it may come in, but not as anybody, and not with everything. */
const KNOWN_KEY = randomBytes(24).toString("base64url");

describe.skipIf(!asRoot("strangers"))("a stranger", () => {
  const lab = region("m", {
    plan: MALLORY_PLAN,
    adjust: (site, config) => {
      for (const tunnel of config.tunnels) Object.assign(tunnel, { ike: { proposals: IKE }, esp: { proposals: ESP } });
      if (site.role !== "gateway") return;
      config.tunnels.push({
        name: "to-mallory",
        vrf: "main",
        peer: { id: "mallory.vcpe.test" },
        local: { id: "gw.vcpe.test" },
        auth: { psk: { value: KNOWN_KEY } },
        start: "respond",
        ike: { proposals: IKE },
        esp: { proposals: ESP },
        selectors: { local: ["10.100.0.0/16"], remote: ["10.66.0.0/24"] },
        routes: ["10.66.0.0/24"],
      });
    },
  });

  const gateway = () => lab().router("gw").status();
  const count = async (name: string) => (await gateway()).ike[name] ?? 0;
  const here = async () => (await gateway()).tunnels.find((tunnel) => tunnel.name === "to-mallory")!;
  let runs = 0;

  /** Runs an edge at mallory's place with a tunnel to the gateway while `work` is done. */
  async function asMallory(
    tunnel: Partial<TunnelConfig>,
    key: string,
    work: (stranger: Router) => Promise<void>,
  ): Promise<void> {
    const name = `${lab().name}-mallory-${++runs}`;
    const file = join(lab().state.folder, `${name}.psk`);
    writeFileSync(file, key, { mode: 0o600 });
    const config = writeConfig(lab().state.folder, name, {
      name,
      log: "debug",
      outer: { ipv4: "0.0.0.0", ipv6: "::", ikePort: 500, natPort: 4500 },
      workers: 1,
      vrfs: [{ name: "main", addresses: ["10.66.0.1"], tun: { name: "vcpe0", mtu: 1500 }, local: [] }],
      tunnels: [
        {
          name: "to-gateway",
          vrf: "main",
          peer: { address: GATEWAY_ADDRESS.ipv4, id: "gw.vcpe.test" },
          local: { id: "mallory.vcpe.test" },
          auth: { psk: { file } },
          start: "initiate",
          ike: { proposals: IKE },
          esp: { proposals: ESP },
          selectors: { local: ["10.66.0.0/24"], remote: ["10.100.0.0/16"] },
          routes: ["10.100.0.0/16"],
          ...tunnel,
        },
      ],
    });
    const namespace = lab().namespace("mallory");
    const place = "mallory";
    const stranger = Router.start({ state: lab().state, place, namespace, role: "edge", name, config, entry: ENTRY });
    try {
      await stranger.answering();
      await work(stranger);
    } finally {
      await stranger.daemon.stop();
    }
  }

  /** The gateway refuses, counts `reason`, and the stranger is told. The branches' pings run on meanwhile. */
  async function expectRefused(reason: string, tunnel: Partial<TunnelConfig>, key = KNOWN_KEY): Promise<void> {
    const before = await count(reason);
    await unharmed(lab(), () =>
      asMallory(tunnel, key, async (stranger) => {
        await eventually(`the gateway counts ${reason}`, async () => (await count(reason)) > before);
        const told = async () => (await stranger.status()).tunnels[0]!.lastError;
        const error = await eventually("the stranger is told why", told);
        expect(error.message.length).toBeGreaterThan(10);
        expect((await stranger.status()).tunnels[0]!.children).toEqual([]);
        expect((await here()).children).toEqual([]);
      }),
    );
  }

  it("with another key is refused, also when it calls itself branch-b", async () => {
    await expectRefused("authentication-failed", {}, "another key than the gateway has");
    await expectRefused("authentication-failed", { local: { id: "branch-b.vcpe.test" } });
  });

  it("whom nobody knows is refused", async () => {
    await expectRefused("unknown-peer", { local: { id: "nobody.vcpe.test" } });
  });

  it("without a common proposal is refused, of IKE or of ESP", async () => {
    await expectRefused("no-proposal", { ike: { proposals: ["aes256gcm16-sha384-ecp384"] } });
    await expectRefused("no-proposal", { esp: { proposals: ["aes128gcm16"] } });
  });

  it("whose selectors do not overlap is refused", async () => {
    await expectRefused("ts-unacceptable", { selectors: { local: ["10.77.0.0/24"], remote: ["10.88.0.0/16"] } });
  });

  it("who has the key and asks for what it may have gets in: what the others lacked is all that kept them out", async () => {
    await unharmed(lab(), () =>
      asMallory({}, KNOWN_KEY, async (friend) => {
        await friend.tunnelsUp();
        const inner = await ping(lab().namespace("mallory"), "10.100.0.2", { count: 3, interval: 0.05, patience: 10 });
        expect(inner.received).toBe(3);
        expect((await here()).state).toBe("up");
      }),
    );
    await eventually("the gateway's side is down again", async () => (await here()).state !== "up");
  });
});
