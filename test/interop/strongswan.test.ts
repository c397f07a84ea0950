/** Our router against strongSwan: both roles, each cipher, rekeys and deletes from either side, liveness, refusals. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PingStream } from "../../src/lab/ping.ts";
import { STRONGSWAN_PROGRAMS } from "../../src/lab/prerequisites.ts";
import { eventually } from "../net/region.ts";
import { asRoot } from "../net/root.ts";
import { drawn, FAR, LAN, TUNNEL } from "./site.ts";

/** Our ESP name, strongSwan's name for it, and what its SA list calls it. All that its user-space ESP can do. */
const CIPHERS = [
  { cipher: "chacha20poly1305", swan: "CHACHA20_POLY1305", bits: undefined },
  { cipher: "aes128gcm16", swan: "AES_GCM_16", bits: 128 },
  { cipher: "aes256gcm16", swan: "AES_GCM_16", bits: 256 },
] as const;

/** IKE suites, ours and strongSwan's name of the same. */
const SUITES = [
  { ours: "chacha20poly1305-sha256-x25519", theirs: "chacha20poly1305-prfsha256-x25519" },
  { ours: "aes128gcm16-sha384-ecp256", theirs: "aes128gcm16-prfsha384-ecp256" },
  { ours: "aes256gcm16-sha512-ecp384", theirs: "aes256gcm16-prfsha512-ecp384" },
] as const;

const INITIATORS = ["we", "they"] as const;

describe.skipIf(!asRoot("strongSwan as peer", STRONGSWAN_PROGRAMS))("strongSwan as peer", () => {
  const pair = drawn(`i${process.pid}`);

  async function expectTraffic(pings = () => pair().pings()): Promise<void> {
    for (const result of await pings()) expect(result.received, result.output).toBe(result.sent);
  }

  /** A ping from either side that runs while `work` is done; none may be lost. */
  async function undisturbed(work: () => Promise<void>): Promise<void> {
    const running = [new PingStream(pair().ns("lan"), FAR.ipv4), new PingStream(pair().ns("far"), LAN.ipv6)];
    const answered = (more: number) => {
      const before = running.map((stream) => stream.answered);
      return eventually("pings are answered", async () =>
        running.every((stream, i) => stream.answered >= before[i]! + more),
      );
    };
    try {
      await answered(20);
      await work();
      await answered(100);
    } finally {
      for (const { lost } of await Promise.all(running.map((stream) => stream.stop()))) expect(lost).toEqual([]);
    }
  }

  async function oneChild() {
    return eventually("one Child SA on either side", async () => {
      const [ours, theirs] = await Promise.all([pair().tunnel(), pair().swan.installed()]);
      return ours.children.length === 1 && theirs.length === 1 && { ours: ours.children[0]!, theirs: theirs[0]! };
    });
  }

  describe.each(INITIATORS)("when %s begin", (initiator) => {
    it.each(CIPHERS)("talks $cipher both ways", async ({ cipher, swan, bits }) => {
      const suite = SUITES[CIPHERS.findIndex((row) => row.cipher === cipher)]!;
      await pair().connect(initiator, {
        tunnel: { ike: { proposals: [suite.ours] }, esp: { proposals: [cipher] } },
        swan: { ikeProposals: [suite.theirs], espProposals: [cipher] },
      });
      await expectTraffic(() => pair().countedPings());
      const { ours, theirs } = await oneChild();
      expect(ours.cipher).toBe(cipher);
      expect(theirs).toMatchObject({ cipher: swan, keyBits: bits });
      expect(ours.in.packets).toBe(20);
      expect(ours.out.packets).toBe(20);
      expect(theirs.packetsIn).toBe(20);
      expect(theirs.packetsOut).toBe(20);
    });

    it("keeps every packet with two workers, through rekeys and a new Child SA for each", async () => {
      await pair().connect(initiator, { workers: 2 });
      const settled = (rekeys: number) =>
        eventually("two Child SAs on either side", async () => {
          const [ours, theirs] = await Promise.all([pair().tunnel(), pair().swan.installed()]);
          const both = ours.children.length === 2 && theirs.length === 2;
          return both && ours.children.every((child) => child.rekeys >= rekeys) && ours;
        });
      await settled(0);
      await expectTraffic();
      await undisturbed(async () => {
        await pair().edge.rekey(TUNNEL, "child");
      });
      await settled(1);
      await undisturbed(async () => {
        await pair().edge.rekey(TUNNEL, "ike");
      });
      await expectTraffic();
      const { drops, load } = await pair().edge.status();
      expect(load).toHaveLength(2);
      expect(drops["wrong-worker"]).toBe(0);
    });

    it("keeps every packet through rekeys from either side", async () => {
      await pair().connect(initiator);
      const before = await oneChild();
      const ike = (await pair().swan.established())[0]!;
      await undisturbed(async () => {
        await pair().edge.rekey(TUNNEL, "child");
      });
      const second = await oneChild();
      expect(second.theirs.spiIn).not.toBe(before.theirs.spiIn);
      await undisturbed(async () => {
        await pair().swan.rekeyChild(TUNNEL);
      });
      const third = await oneChild();
      expect(third.theirs.spiIn).not.toBe(second.theirs.spiIn);
      await undisturbed(async () => {
        await pair().edge.rekey(TUNNEL, "ike");
      });
      const fourth = await eventually("a new IKE SA", async () => {
        const sas = await pair().swan.established();
        return sas.length === 1 && sas[0]!.initiatorSpi !== ike.initiatorSpi && sas[0];
      });
      await undisturbed(async () => {
        await pair().swan.rekeyIke(TUNNEL);
      });
      await eventually("another IKE SA", async () => {
        const sas = await pair().swan.established();
        return sas.length === 1 && sas[0]!.initiatorSpi !== fourth.initiatorSpi;
      });
      expect((await oneChild()).theirs.spiIn).toBe(third.theirs.spiIn);
      // Both kinds once more: the SAs that came out of a rekey can themselves be rekeyed.
      await undisturbed(async () => {
        await pair().swan.rekeyChild(TUNNEL);
        await pair().edge.rekey(TUNNEL, "child");
        await pair().edge.rekey(TUNNEL, "ike");
      });
      await oneChild();
      await expectTraffic();
    });

    it("makes a fresh key exchange for each Child SA when told so", async () => {
      await pair().connect(initiator, {
        tunnel: { esp: { proposals: ["aes256gcm16-ecp384"] } },
        swan: { espProposals: ["aes256gcm16-ecp384"] },
      });
      const before = await oneChild();
      await pair().edge.rekey(TUNNEL, "child");
      await eventually("our rekey", async () => (await oneChild()).theirs.spiIn !== before.theirs.spiIn);
      const between = await oneChild();
      await pair().swan.rekeyChild(TUNNEL);
      await eventually("their rekey", async () => (await oneChild()).theirs.spiIn !== between.theirs.spiIn);
      await expectTraffic();
    });

    it("goes over IPv6", async () => {
      await pair().connect(initiator, { outer: "ipv6" });
      expect((await pair().tunnel()).peer.address).toBe("2001:db8::2");
      await expectTraffic();
    });

    it("agrees on the other's key exchange group after INVALID_KE_PAYLOAD", async () => {
      await pair().connect(initiator, {
        tunnel: {
          ike: {
            proposals:
              initiator === "we"
                ? ["aes256gcm16-sha256-x25519", "aes256gcm16-sha256-ecp384"]
                : ["aes256gcm16-sha256-ecp384"],
          },
        },
        swan: {
          ikeProposals:
            initiator === "we"
              ? ["aes256gcm16-prfsha256-ecp384"]
              : ["aes256gcm16-prfsha256-x25519", "aes256gcm16-prfsha256-ecp384"],
        },
      });
      expect((await pair().tunnel()).ike?.suite).toContain("ecp384");
      await expectTraffic();
    });

    it("narrows selectors to what both allow", async () => {
      await pair().connect(initiator, {
        tunnel: { selectors: { local: ["0.0.0.0/0", "::/0"], remote: ["0.0.0.0/0", "::/0"] } },
      });
      const { ours } = await oneChild();
      expect(ours.selectors.local.join(" ")).toContain("10.1.0.0/24");
      expect(ours.selectors.remote.join(" ")).toContain("10.9.0.0/24");
      await expectTraffic();
    });
  });

  it("is told when we delete the tunnel", async () => {
    await pair().connect("they");
    await pair().edge.terminate(TUNNEL);
    await eventually("strongSwan has no SA", async () => (await pair().swan.sas()).length === 0);
    expect((await pair().tunnel()).state).not.toBe("up");
  });

  it("deletes the tunnel and we follow", async () => {
    await pair().connect("they");
    await pair().swan.terminateIke(TUNNEL);
    await eventually("our tunnel is down", async () => (await pair().tunnel()).state !== "up");
    expect((await pair().tunnel()).children).toEqual([]);
  });

  it("deletes one Child SA: the IKE SA stays and brings a new one", async () => {
    await pair().connect("they");
    const ike = (await pair().swan.established())[0]!.initiatorSpi;
    await pair().swan.terminateChild(TUNNEL);
    await eventually("our Child SA is gone", async () => (await pair().tunnel()).children.length === 0);
    expect((await pair().swan.established()).map((sa) => sa.initiatorSpi)).toEqual([ike]);
    await pair().swan.initiate(TUNNEL);
    await oneChild();
    await expectTraffic();
  });

  it("comes up again by itself after a delete when we are the initiator", async () => {
    await pair().connect("we");
    await pair().swan.terminateIke(TUNNEL);
    await eventually("a new tunnel", async () => (await pair().swan.established()).length === 1, 60_000);
    await pair().edge.tunnelsUp();
    await expectTraffic();
  });

  // One at a time: a question is traffic from the peer, so of two that ask each second one may never have to.
  it.each([
    [
      "asks whether we live",
      { swan: { dpdSeconds: 1 } },
      [/sending DPD request/, /parsed INFORMATIONAL response \d+ \[ \]/],
    ],
    ["is asked whether it lives", { tunnel: { dpd: "1s" } }, [/parsed INFORMATIONAL request \d+ \[ \]/]],
  ] as const)("%s", async (_, options, words) => {
    const begun = readFileSync(pair().swan.log, "utf8").length;
    await pair().connect("we", options);
    for (const word of words)
      await eventually(`${word}`, async () => word.test(readFileSync(pair().swan.log, "utf8").slice(begun)), 30_000);
    expect((await pair().tunnel()).state).toBe("up");
    expect(await pair().swan.established()).toHaveLength(1);
    await expectTraffic();
  });

  it("is refused with another key, and refuses us", async () => {
    await pair().loadSwan({ swan: { secret: "not the key that we have" } });
    await pair().startEdge({ tunnel: { start: "respond" } });
    const theirs = await pair().swan.tryInitiate(TUNNEL);
    expect(theirs.code).not.toBe(0);
    expect(theirs.stdout + theirs.stderr).toMatch(/AUTHENTICATION_FAILED/);
    const counters = (await pair().edge.status()).ike;
    expect(counters["authentication-failed"]).toBeGreaterThanOrEqual(1);
    await pair().startEdge({ tunnel: { start: "initiate" } });
    await eventually("we tell that it failed", async () => (await pair().tunnel()).lastError !== undefined);
    expect((await pair().tunnel()).state).not.toBe("up");
  });

  it("is refused without a common proposal", async () => {
    await pair().loadSwan({ swan: { ikeProposals: ["aes128gcm16-prfsha512-ecp256"] } });
    await pair().startEdge({ tunnel: { start: "respond" } });
    const ike = await pair().swan.tryInitiate(TUNNEL);
    expect(ike.stdout + ike.stderr).toMatch(/NO_PROPOSAL_CHOSEN|NO_PROP/);
    expect((await pair().edge.status()).ike["no-proposal"]).toBeGreaterThanOrEqual(1);
    await pair().loadSwan({ swan: { espProposals: ["chacha20poly1305"] } });
    const esp = await pair().swan.tryInitiate(TUNNEL);
    expect(esp.stdout + esp.stderr).toMatch(/NO_PROPOSAL_CHOSEN|NO_PROP/);
  });
});
