/** Datagrams that nobody should send: refused, counted, shown; the router forwards on and does not grow. */
import { randomBytes, randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Capture } from "../../src/lab/capture.ts";
import { run } from "../../src/lab/command.ts";
import { ping } from "../../src/lab/ping.ts";
import { GATEWAY_ADDRESS, NAT_ADDRESS } from "../../src/lab/plan.ts";
import { residentBytes } from "../../src/lab/process.ts";
import type { RouterStatus } from "../../src/lab/status.ts";
import { ENTRY } from "./entry.ts";
import { disguise, isEsp, MALLORY_PLAN, send, udpPayload, unharmed } from "./mallory.ts";
import { eventually, refused, region } from "./region.ts";
import { asRoot } from "./root.ts";

/** Bytes by which the memory of a gateway under attack may grow: caches fill, but nothing is kept for a stranger. */
const GROWTH = 25e6;

describe.skipIf(!asRoot("attacks"))("the gateway under attack", () => {
  const lab = region("a", { plan: MALLORY_PLAN, measures: true });
  const gateway = () => lab().router("gw").status();

  /** Sends datagrams and sees to it that the gateway read and refused (nearly) all of them, and did not grow. */
  async function expectRefused(datagrams: Uint8Array[], port: number, address: string): Promise<void> {
    const before = await gateway();
    const memory = residentBytes(before.pid);
    await unharmed(lab(), () => send(lab(), { address, port, datagrams, rate: 3000 }));
    const lost = datagrams.length * 0.05;
    // It may have much of it before it still.
    const after = await eventually("nearly all is refused", async () => {
      const now = await gateway();
      return refused(now) - refused(before) >= datagrams.length - lost && now;
    });
    expect(residentBytes(after.pid) - memory).toBeLessThan(GROWTH);
  }

  /** Waits until the gateway has dropped so many more for this reason, which must be all, and no more. */
  async function counted(reason: string, before: RouterStatus, count: number): Promise<RouterStatus> {
    const more = (now: RouterStatus) => (now.drops[reason] ?? 0) - (before.drops[reason] ?? 0);
    const after = await eventually(`${count} are ${reason}`, async () => {
      const now = await gateway();
      return more(now) >= count && now;
    });
    expect(more(after)).toBe(count);
    return after;
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
  });

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
  });

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
      const sent = await ping(lab().namespace(`${place}-lan`), "10.100.0.2", {
        count: 50,
        interval: 0.01,
        patience: 10,
      });
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
        await unharmed(lab(), () => send(lab(), { address: toGateway, port: 4500, datagrams: again, rate: 3000 }));
        const replayed = await counted("replayed", before, again.length);

        const forged = esp.flatMap((payload) =>
          Array.from({ length: 20 }, (_, n) => {
            const copy = Buffer.from(payload);
            // A number that was not seen, not far ahead; and in all but the first of each, one bit more.
            copy.writeUInt32BE(copy.readUInt32BE(4) + 100_000, 4);
            if (n > 0) copy[8 + randomInt(copy.length - 8)]! ^= 1 << randomInt(8);
            return copy;
          }),
        );
        await unharmed(lab(), () => send(lab(), { address: toGateway, port: 4500, datagrams: forged, rate: 3000 }));
        const after = await counted("forged", replayed, forged.length);
        const tunnel = after.tunnels.find((candidate) => candidate.name === `to-${place}`)!;
        expect(tunnel.peer).toEqual(peer);
        expect(tunnel.children[0]!.replayed).toBeGreaterThanOrEqual(again.length);
        expect(tunnel.children[0]!.forged).toBeGreaterThanOrEqual(forged.length);
      } finally {
        await disguise(lab(), undefined);
      }
    }
  });

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
    await unharmed(lab(), () =>
      send(lab(), { address: GATEWAY_ADDRESS.ipv4, port: 4500, datagrams: [...esp, ...forged] }),
    );
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
    await unharmed(lab(), () =>
      send(lab(), { address: GATEWAY_ADDRESS.ipv4, port: 500, datagrams: flood, rate: 2000 }),
    );
    const after = await eventually("the flood is held off", async () => {
      const now = await gateway();
      const grew = (name: string) => now.ike[name]! - before.ike[name]!;
      return grew("cookie-sent") + grew("half-open-limit") + grew("rate-limited") > 3000 && now;
    });
    expect(residentBytes(after.pid) - memory).toBeLessThan(GROWTH);
    // A peer that answers the cookie gets in all the same.
    await branch.terminate("to-gateway");
    await branch.initiate("to-gateway");
    await branch.tunnelsUp();
  });

  it("shows what it refused", async () => {
    const shown = await run([...ENTRY, "status", "--name", lab().router("gw").name]);
    for (const reason of ["malformed", "unknown-spi", "replayed", "forged"]) expect(shown).toContain(reason);
  });
});
