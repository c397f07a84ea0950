/** Peers that must not get in, and datagrams that nobody should send: refused, counted, shown; the router forwards on. */
import { randomBytes, randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Capture } from "../../src/lab/capture.ts";
import { PingStream, ping } from "../../src/lab/ping.ts";
import { GATEWAY_ADDRESS, NAT_ADDRESS } from "../../src/lab/plan.ts";
import { residentBytes } from "../../src/lab/process.ts";
import { Router } from "../../src/lab/router.ts";
import { type SiteConfig, type TunnelConfig, writeConfig } from "../../src/lab/site.ts";
import type { RouterStatus } from "../../src/lab/status.ts";
import { ENTRY } from "./entry.ts";
import { disguise, isEsp, MALLORY_PLAN, send, udpPayload } from "./mallory.ts";
import { eventually, pause, refused, region } from "./region.ts";
import { asRoot } from "./root.ts";

const IKE = ["chacha20poly1305-sha256-x25519"];
const ESP = ["chacha20poly1305"];
/** The key that mallory has when it is a customer that may come in, but not with everything. */
const KNOWN_KEY = randomBytes(24).toString("base64url");

/** Bytes by which the memory of a gateway under attack may grow: caches fill, but nothing is kept for a stranger. */
const GROWTH = 25e6;

describe.skipIf(!asRoot("attacks"))("the gateway under attack", () => {
  const lab = region("a", {
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

  /** The region's own tunnels; mallory's never is up. */
  const gateway = () => lab().router("gw").status();
  const count = async (name: string) => (await gateway()).ike[name] ?? 0;

  /** The branches' pings run on while `work` is done; none may be lost. */
  async function unharmed(work: () => Promise<void>): Promise<void> {
    const streams = [
      new PingStream(lab().namespace("branch-a-lan"), "10.100.0.2"),
      new PingStream(lab().namespace("branch-b-lan"), "fd00:1::2"),
    ];
    let results: Awaited<ReturnType<PingStream["stop"]>>[] = [];
    try {
      await pause(200);
      await work();
      await pause(200);
    } finally {
      results = await Promise.all(streams.map((stream) => stream.stop()));
    }
    for (const result of results) expect(result.lost).toEqual([]);
  }

  let rogues = 0;

  /** Runs an edge at mallory's place with a tunnel to the gateway until the gateway has counted `reason`. */
  async function rogue(reason: string, tunnel: Partial<TunnelConfig>, key = KNOWN_KEY): Promise<void> {
    const name = `${lab().name}-mallory-${++rogues}`;
    const file = join(lab().state.folder, `${name}.psk`);
    writeFileSync(file, key, { mode: 0o600 });
    const config: SiteConfig = {
      name,
      log: "debug",
      outer: { ipv4: "0.0.0.0", ipv6: "::", ikePort: 500, natPort: 4500 },
      workers: 1,
      vrfs: [{ name: "main", addresses: ["10.255.0.66"], tun: { name: "vcpe0", mtu: 1500 }, local: [] }],
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
    };
    const before = await count(reason);
    const stranger = Router.start({
      state: lab().state,
      place: "mallory",
      namespace: lab().namespace("mallory"),
      role: "edge",
      name,
      config: writeConfig(lab().state.folder, name, config),
      entry: ENTRY,
    });
    try {
      await stranger.answering();
      await eventually(`the gateway counts ${reason}`, async () => (await count(reason)) > before);
      const error = await eventually(
        "the stranger is told why",
        async () => (await stranger.status()).tunnels[0]!.lastError,
      );
      expect(error.message.length).toBeGreaterThan(10);
      expect((await stranger.status()).tunnels[0]!.children).toEqual([]);
      const here = (await gateway()).tunnels.find((found) => found.name === "to-mallory")!;
      expect(here.children).toEqual([]);
    } finally {
      await stranger.daemon.stop();
    }
  }

  it("refuses a peer with another key, also one that calls itself branch-b", async () => {
    await unharmed(async () => {
      await rogue("authentication-failed", {}, "another key than the gateway has");
      await rogue("authentication-failed", { local: { id: "branch-b.vcpe.test" } });
    });
  }, 60_000);

  it("refuses a peer that it does not know", async () => {
    await unharmed(() => rogue("unknown-peer", { local: { id: "nobody.vcpe.test" } }));
  }, 60_000);

  it("refuses a peer without a common proposal, of IKE or of ESP", async () => {
    await unharmed(async () => {
      await rogue("no-proposal", { ike: { proposals: ["aes256gcm16-sha384-ecp384"] } });
      await rogue("no-proposal", { esp: { proposals: ["aes128gcm16"] } });
    });
  }, 60_000);

  it("refuses a peer whose selectors do not overlap", async () => {
    await unharmed(() =>
      rogue("ts-unacceptable", { selectors: { local: ["10.77.0.0/24"], remote: ["10.88.0.0/16"] } }),
    );
  }, 60_000);

  it("lets a peer in that has the key and asks for what it may have", async () => {
    // The counter-check: what the strangers lacked is all that kept them out.
    const before = (await gateway()).tunnels.length;
    const name = `${lab().name}-friend`;
    const file = join(lab().state.folder, `${name}.psk`);
    writeFileSync(file, KNOWN_KEY, { mode: 0o600 });
    const friend = Router.start({
      state: lab().state,
      place: "mallory",
      namespace: lab().namespace("mallory"),
      role: "edge",
      name,
      config: writeConfig(lab().state.folder, name, {
        name,
        log: "debug",
        outer: { ipv4: "0.0.0.0", ipv6: false, ikePort: 500, natPort: 4500 },
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
          },
        ],
      }),
      entry: ENTRY,
    });
    try {
      await friend.answering();
      await friend.tunnelsUp();
      const inner = await ping(lab().namespace("mallory"), "10.100.0.2", { count: 3, interval: 0.05 });
      expect(inner.received).toBe(3);
    } finally {
      await friend.daemon.stop();
    }
    expect((await gateway()).tunnels).toHaveLength(before);
  }, 60_000);

  /** Sends datagrams and sees to it that the gateway read and refused (nearly) all of them, and did not grow. */
  async function expectRefused(datagrams: Uint8Array[], port: number, address: string): Promise<void> {
    const before = await gateway();
    const memory = residentBytes(before.pid);
    await unharmed(() => send(lab(), { address, port, datagrams, rate: 3000 }));
    const after = await gateway();
    const lost = datagrams.length * 0.05;
    expect(refused(after) - refused(before)).toBeGreaterThanOrEqual(datagrams.length - lost);
    expect(residentBytes(after.pid) - memory).toBeLessThan(GROWTH);
  }

  it("refuses garbage on either port", async () => {
    // One byte 0xff is a keepalive and right; begin with anything else.
    const garbage = Array.from({ length: 3000 }, () => {
      const bytes = randomBytes(randomInt(0, 1400));
      if (bytes.length > 0) bytes[0] = bytes[0]! & 0x7f;
      return bytes;
    });
    await expectRefused(garbage, 500, GATEWAY_ADDRESS.ipv4);
    await expectRefused(garbage, 4500, GATEWAY_ADDRESS.ipv4);
    await expectRefused(garbage, 4500, GATEWAY_ADDRESS.ipv6);
    const marked = garbage.map((bytes) => Buffer.concat([Buffer.alloc(4), bytes]));
    await expectRefused(marked, 4500, GATEWAY_ADDRESS.ipv4);
  }, 60_000);

  it("refuses IKE messages that are cut short or changed", async () => {
    const capture = await Capture.start(
      lab().state,
      "ike",
      lab().namespace("internet"),
      "udp port 500 or udp port 4500",
    );
    const branch = lab().router("branch-a");
    await branch.terminate("to-gateway");
    await branch.initiate("to-gateway");
    await branch.tunnelsUp();
    await capture.stop();
    const messages = new Map<string, Buffer>();
    for (const packet of capture.packets()) {
      const plain = udpPayload(packet, 500)?.payload;
      const natted = udpPayload(packet, 4500)?.payload;
      if (plain && plain.length > 28) messages.set(plain.toString("hex"), plain);
      if (natted && natted.length > 32 && natted.readUInt32BE(0) === 0)
        messages.set(natted.toString("hex"), natted.subarray(4));
    }
    const init = [...messages.values()].find((message) => message[18] === 34)!;
    const auth = [...messages.values()].find((message) => message[18] === 35)!;
    const hostile: Buffer[] = [];
    for (const message of [init, auth]) {
      for (let length = 0; length < message.length; length += 3) {
        hostile.push(Buffer.from(message.subarray(0, length)));
        // Also with a length field that is right for what is left, so that the payloads are what is wrong.
        if (length >= 28) {
          const fixed = Buffer.from(message.subarray(0, length));
          fixed.writeUInt32BE(length, 24);
          fixed.writeUInt32BE(randomInt(1, 2 ** 32), 0);
          hostile.push(fixed);
        }
      }
    }
    await expectRefused(hostile, 500, GATEWAY_ADDRESS.ipv4);
  }, 60_000);

  /** What arrives at the gateway's port 4500, on one of its addresses. */
  const capturing = (name: string, address: string) =>
    Capture.start(lab().state, name, lab().namespace("gw"), `udp dst port 4500 and dst host ${address}`);

  it("refuses ESP that is replayed or changed, from the very address of the peer", async () => {
    for (const place of ["branch-a", "branch-b"] as const) {
      const before = await gateway();
      const peer = before.tunnels.find((tunnel) => tunnel.name === `to-${place}`)!.peer;
      if (place === "branch-b") expect(peer.address).toBe(NAT_ADDRESS);
      const toGateway = place === "branch-a" ? GATEWAY_ADDRESS.ipv6 : GATEWAY_ADDRESS.ipv4;
      const capture = await capturing(`esp-${place}`, toGateway);
      const sent = await ping(lab().namespace(`${place}-lan`), "10.100.0.2", { count: 50, interval: 0.01 });
      expect(sent.received).toBe(50);
      await capture.stop();
      const found = capture.packets().flatMap((packet) => udpPayload(packet, 4500) ?? []);
      const esp = found
        .filter(({ payload, sourcePort }) => isEsp(payload) && sourcePort === peer.port)
        .map(({ payload }) => payload);
      expect(esp.length).toBeGreaterThanOrEqual(50);
      await disguise(lab(), { address: peer.address!, port: peer.port! });
      try {
        const again = Array.from({ length: 20 }, () => esp).flat();
        await unharmed(() => send(lab(), { address: toGateway, port: 4500, datagrams: again, rate: 3000 }));
        const replayed = await gateway();
        expect(replayed.drops.replayed! - (before.drops.replayed ?? 0)).toBe(again.length);

        const forged = esp.flatMap((payload) =>
          Array.from({ length: 20 }, (_, n) => {
            const copy = Buffer.from(payload);
            // A number that was not seen, not far ahead; and in all but the first of each, one bit more.
            copy.writeUInt32BE(copy.readUInt32BE(4) + 100_000, 4);
            if (n > 0) copy[8 + randomInt(copy.length - 8)]! ^= 1 << randomInt(8);
            return copy;
          }),
        );
        await unharmed(() => send(lab(), { address: toGateway, port: 4500, datagrams: forged, rate: 3000 }));
        const after = await gateway();
        expect(after.drops.forged! - (replayed.drops.forged ?? 0)).toBe(forged.length);
        const tunnel = after.tunnels.find((candidate) => candidate.name === `to-${place}`)!;
        expect(tunnel.peer).toEqual(peer);
        expect(tunnel.children[0]!.replayed).toBeGreaterThanOrEqual(again.length);
        expect(tunnel.children[0]!.forged).toBeGreaterThanOrEqual(forged.length);
      } finally {
        await disguise(lab(), undefined);
      }
    }
  }, 90_000);

  it("does not follow forged ESP to another address", async () => {
    const peerOf = async (status: RouterStatus) => status.tunnels.find((tunnel) => tunnel.name === "to-branch-b")!.peer;
    const before = await peerOf(await gateway());
    const capture = await capturing("esp-moved", GATEWAY_ADDRESS.ipv4);
    await ping(lab().namespace("branch-b-lan"), "10.100.0.2", { count: 20, interval: 0.01 });
    await capture.stop();
    const esp = capture
      .packets()
      .flatMap((packet) => udpPayload(packet, 4500)?.payload ?? [])
      .filter(isEsp);
    const forged = esp.map((payload) => {
      const copy = Buffer.from(payload);
      copy.writeUInt32BE(copy.readUInt32BE(4) + 100_000, 4);
      return copy;
    });
    await unharmed(() => send(lab(), { address: GATEWAY_ADDRESS.ipv4, port: 4500, datagrams: [...esp, ...forged] }));
    expect(await peerOf(await gateway())).toEqual(before);
  });

  it("bounds what a flood of first messages costs it", async () => {
    const capture = await Capture.start(lab().state, "init", lab().namespace("internet"), "udp port 500");
    const branch = lab().router("branch-a");
    await branch.terminate("to-gateway");
    await branch.initiate("to-gateway");
    await branch.tunnelsUp();
    await capture.stop();
    const init = capture
      .packets()
      .flatMap((packet) => udpPayload(packet, 500)?.payload ?? [])
      .find((payload) => payload[18] === 34);
    const flood = Array.from({ length: 4000 }, () => {
      const copy = Buffer.from(init!);
      randomBytes(8).copy(copy, 0);
      return copy;
    });
    const before = await gateway();
    const memory = residentBytes(before.pid);
    await unharmed(() => send(lab(), { address: GATEWAY_ADDRESS.ipv4, port: 500, datagrams: flood, rate: 2000 }));
    const after = await gateway();
    const grew = (name: string) => after.ike[name]! - before.ike[name]!;
    expect(grew("cookie-sent") + grew("half-open-limit") + grew("rate-limited")).toBeGreaterThan(3000);
    expect(residentBytes(after.pid) - memory).toBeLessThan(GROWTH);
    // A peer that answers the cookie gets in all the same.
    await branch.terminate("to-gateway");
    await branch.initiate("to-gateway");
    await branch.tunnelsUp();
  }, 60_000);
});
