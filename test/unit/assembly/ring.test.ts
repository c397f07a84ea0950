import { describe, expect, it } from "vitest";
import {
  RECORD_HEADER,
  RECORD_IKE,
  RECORD_MOVED,
  RING_SIZE,
  SOCKET_IKE4,
  SOCKET_IKE6,
  SOCKET_NAT4,
  SOCKET_NAT6,
} from "../../../assembly/layout.ts";
import { Router } from "./harness.ts";
import { seal } from "./oracle.ts";
import { address, ikeMessage, ip, marked } from "./packets.ts";
import { pair } from "./pair.ts";

const packet = ip({ from: "10.1.0.9", to: "10.2.0.9", payload: Buffer.alloc(20, 3) });

describe("IKE messages", () => {
  it("go to the ring with their addresses, the marker of port 4500 removed", () => {
    const router = new Router();
    const from = { address: "198.51.100.7", port: 1234 };
    router.receive(SOCKET_IKE4, { bytes: ikeMessage(300), from, local: "198.51.100.1" });
    router.receive(SOCKET_NAT4, { bytes: marked(ikeMessage(28)), from, local: "198.51.100.2" });
    router.receive(SOCKET_IKE6, { bytes: ikeMessage(29), from: { address: "2001:db8::7", port: 500 } });
    router.receive(SOCKET_NAT6, { bytes: marked(ikeMessage(1200)), local: "2001:db8::5" });
    const records = router.ring();
    expect(records.map(({ kind, socket, value }) => [kind, socket, value])).toEqual([
      [RECORD_IKE, SOCKET_IKE4, 300],
      [RECORD_IKE, SOCKET_NAT4, 28],
      [RECORD_IKE, SOCKET_IKE6, 29],
      [RECORD_IKE, SOCKET_NAT6, 1200],
    ]);
    expect(records[0]?.from).toEqual(from);
    expect(records[0]?.local.subarray(0, 4)).toEqual(address("198.51.100.1"));
    expect(records[1]?.payload).toEqual(ikeMessage(28));
    expect(records[2]?.from).toEqual({ address: address("2001:db8::7").toString("hex"), port: 500 });
    expect(records[3]?.local).toEqual(address("2001:db8::5"));
    expect(records[3]?.payload).toEqual(ikeMessage(1200));
    expect(router.counters()).toEqual({ "udp-read": 4, ike: 4 });
  });

  it("cross the ring's end whole, many times over", () => {
    const router = new Router();
    let total = 0;
    for (let round = 0; total < 3 * RING_SIZE; round++) {
      const messages = [1000 + (round % 77), 28, 60_000, 333].map((bytes) => ikeMessage(bytes, round & 0xff));
      router.receive(SOCKET_IKE4, ...messages.map((bytes) => ({ bytes })));
      expect(router.ring().map(({ payload }) => payload)).toEqual(messages);
      total += 61_000;
    }
  });

  it("find a full ring: lost, counted, and the records in it are whole", () => {
    const router = new Router();
    const size = (RECORD_HEADER + 10_000 + 15) & ~15;
    const fit = Math.floor(RING_SIZE / size);
    const messages = Array.from({ length: fit + 5 }, (_, index) => ikeMessage(10_000, index));
    router.receive(SOCKET_IKE4, ...messages.map((bytes) => ({ bytes })));
    expect(router.counters()).toEqual({ "udp-read": fit + 5, ike: fit, "ike-ring-full": 5 });
    expect(router.ring().map(({ payload }) => payload)).toEqual(messages.slice(0, fit));
    router.receive(SOCKET_IKE4, { bytes: ikeMessage(10_000) });
    expect(router.ring()).toHaveLength(1);
  });
});

describe("the ring", () => {
  it("keeps what control has not read, wherever its end falls", () => {
    const router = new Router();
    for (let round = 0; round < 60; round++) {
      const size = 28 + ((round * 7919) % 50_000);
      const lost = router.counters()["ike-ring-full"] ?? 0;
      const messages: Buffer[] = [];
      while ((router.counters()["ike-ring-full"] ?? 0) === lost && messages.length < 100) {
        messages.push(ikeMessage(size, messages.length));
        router.receive(SOCKET_IKE4, { bytes: messages.at(-1) as Buffer });
      }
      const read = router.ring().map(({ payload }) => payload);
      expect(read).toEqual(messages.slice(0, read.length));
      expect(messages.length - read.length).toBe((router.counters()["ike-ring-full"] ?? 0) - lost);
      // A record that would have to wrap costs at most its own size in addition.
      expect(read.length).toBeGreaterThanOrEqual(Math.min(100, Math.floor(RING_SIZE / (size + 96)) - 1));
    }
  });
});

describe("events that find the ring full", () => {
  it("are counted, and a move is told later", () => {
    const { branch, gateway, socket } = pair();
    const { router } = gateway;
    while (!router.counters()["ike-ring-full"]) router.receive(SOCKET_IKE4, { bytes: ikeMessage(28) });
    const far = { address: "203.0.113.77", port: 61234 };
    router.receive(socket, { bytes: seal(branch.out, 1n, packet), from: far });
    expect(router.counters()["event-lost"]).toBe(1);
    router.ring();
    router.receive(socket, { bytes: seal(branch.out, 2n, packet), from: far });
    expect(router.ring()).toMatchObject([{ kind: RECORD_MOVED }]);
  });
});
