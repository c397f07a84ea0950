/**
 * GRO forwarding at the interface towards the LAN: set by the router and put back, and every datagram arrives as it was sent, whether it came
 * as a part of a superpacket or alone. veth gathers nothing by itself, so packets are held for 100 µs there.
 */
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { Capture } from "../../src/lab/capture.ts";
import { inside, run } from "../../src/lab/command.ts";
import { Daemon, START } from "../../src/lab/daemon.ts";
import type { Flow, Sums } from "./datagrams.ts";
import { oddities, type Seen, seen } from "./headers.ts";
import { eventually, lastWord, region } from "./region.ts";
import { asRoot } from "./root.ts";

const PROGRAM = fileURLToPath(new URL("./datagrams.ts", import.meta.url));
const ROUNDS = 24;

const same = (size: number, count: number): number[] => new Array(count).fill(size);
const FLOWS: readonly Flow[] = [
  { sizes: same(1024, 45) },
  { sizes: same(777, 33), tos: 0x02, ttl: 33 },
  { sizes: [...same(500, 20), 123], tos: 0x88 },
  { sizes: [1024, 12, 13, 1024, 1024, 1200, 700, 1200, 1200, 64, 64, 64, 12], tos: 0x01 },
  { sizes: same(1024, 24), df: false, ttl: 7 },
  { sizes: [...same(1201, 9), 1200], tos: 0x03, ttl: 255 },
];
const DATAGRAMS = FLOWS.reduce((sum, { sizes }) => sum + sizes.length * ROUNDS, 0);

/** Of all that the router may set, the lab's interfaces have nothing. */
const NOTHING = {
  "rx-gro": false,
  "rx-udp-gro-forwarding": false,
  "rx-gro-list": false,
  gro_flush_timeout: 0,
  napi_defer_hard_irqs: 0,
};
const SET = {
  "rx-gro": true,
  "rx-udp-gro-forwarding": true,
  "rx-gro-list": false,
  gro_flush_timeout: 100_000,
  napi_defer_hard_irqs: 2,
};

/** `filled`: the sender's checksums are in its packets, as they come from a network card; else its kernel leaves them to a card. */
const MODES = [
  { mode: "put together again at the gateway", edge: {}, gateway: {}, filled: false },
  { mode: "each packet with a checksum of its own", edge: {}, gateway: { coalesce: "off" }, filled: true },
  { mode: "every offload off", edge: "off", gateway: "off", filled: true },
] as const;

describe.skipIf(!asRoot("GRO forwarding"))("GRO forwarding", () => {
  let offload: (typeof MODES)[number] = MODES[0];
  const lab = region("p", {
    bare: true,
    adjust: (site, config) =>
      Object.assign(config, { offload: site.role === "edge" ? offload.edge : offload.gateway, lan: { holdUs: 100 } }),
  });
  let exchanges = 0;
  const edge = () => lab().router("branch-a");
  const namespace = (place = "branch-a") => lab().namespace(place);
  /** Milliseconds. Looks take a fiftieth of the time at most: on a busy machine, where one takes long, the next is a while away. */
  const LOOK = 30_000;
  const state = async () => (await edge().status()).lan[0];

  async function features(...names: string[]): Promise<object[]> {
    const said = await run(inside(namespace(), [process.execPath, PROGRAM, "features", ...names]));
    return Object.values(JSON.parse(said) as Record<string, object>);
  }

  /** Sends all flows; what the far host's socket made of each, and what its interface saw. */
  async function exchange(address: string): Promise<{ sums: Sums[]; packets: readonly Seen[] }> {
    const port = address.includes(":") ? 7601 : 7600;
    const argv = [process.execPath, PROGRAM, "receive", String(port)];
    const receiver = Daemon.start({
      state: lab().state,
      what: `receiver ${++exchanges}`,
      namespace: namespace("vpc"),
      argv,
    });
    try {
      await receiver.until(() => receiver.said().includes("receiving"), "it listened", START, 10);
      // 2048: more than the longest packet.
      const capture = await Capture.start(
        lab().state,
        `datagrams-${exchanges}`,
        namespace("vpc"),
        `udp and dst port ${port}`,
        2048,
      );
      const send = [PROGRAM, "send", address, String(port), String(ROUNDS), JSON.stringify(FLOWS)];
      // On one CPU: a sender that changes CPUs may itself overtake what lies in the queue of the one before.
      const sent = await run(inside(namespace("branch-a-lan"), ["taskset", "-c", "0", process.execPath, ...send]));
      const told = await lastWord<Record<string, Sums>>(
        receiver,
        (sums) => Object.values(sums).reduce((sum, { received }) => sum + received, 0) === DATAGRAMS,
      );
      await capture.stop(50);
      expect(JSON.parse(sent).unanswered).toBe(0);
      const whole = capture.packets().filter(({ data }) => data.length <= 1500);
      return { sums: Object.values(told), packets: seen(whole) };
    } finally {
      await receiver.stop();
    }
  }

  describe.each(MODES)("$mode", (wanted) => {
    const on = wanted.edge !== "off";

    beforeAll(async () => {
      await Promise.all([...lab().routers.values()].map((router) => router.daemon.stop()));
      offload = wanted;
      const sums = ["switch", "eth0", "tx-checksum-ip-generic", wanted.filled ? "off" : "on"];
      await run(inside(namespace("branch-a-lan"), [process.execPath, PROGRAM, ...sums]));
      await lab().startRouters(["branch-a", "gw"]);
    });

    it("is what the status says, and nothing is done to the outside", async () => {
      const reason = "USO is off: by configuration";
      const now = { interface: "lan", via: [], state: on ? "set" : "off", reason: on ? null : reason };
      expect((await edge().status()).lan).toEqual([now]);
      expect(await features("lan", "wan")).toEqual([on ? SET : NOTHING, NOTHING]);
    });

    it.each(["10.100.0.2", "fd00:100::2"])("every datagram to %s arrives as it was sent", async (address) => {
      const before = (await edge().status()).counters;
      const { sums, packets } = await exchange(address);
      const after = (await edge().status()).counters;
      const cut = after.segmented! - before.segmented!;
      console.log(`${wanted.mode}, ${address}: ${DATAGRAMS} datagrams, ${cut} superpackets cut`);
      // Real sockets, so length, content and the kernel's opinion of the checksum.
      expect(sums.map(({ received, early, wrong }) => ({ received, early, wrong }))).toEqual(
        FLOWS.map(({ sizes }) => ({ received: sizes.length * ROUNDS, early: 0, wrong: 0 })),
      );
      // No TCP runs here, so a superpacket is one of UDP.
      if (on) expect(cut).toBeGreaterThan(ROUNDS * 4);
      else expect(cut).toBe(0);
      if (wanted.gateway === MODES[0].gateway) return;
      // One by one every header can be looked at.
      expect(packets).toHaveLength(DATAGRAMS);
      expect(oddities(packets, FLOWS, 2)).toEqual([]);
    });

    it("the far kernel found no checksum wrong", async () => {
      const [ipv4, ipv6] = await Promise.all(
        ["snmp", "snmp6"].map((file) => run(inside(namespace("vpc"), ["cat", `/proc/net/${file}`]))),
      );
      const [names, values] = [...ipv4!.matchAll(/^Udp: (.*)$/gm)].map((match) => match[1]!.split(" "));
      expect(values![names!.indexOf("InCsumErrors")]).toBe("0");
      expect(/Udp6InCsumErrors\s+(\d+)/.exec(ipv6!)?.[1]).toBe("0");
    });
  });

  describe("what was set", () => {
    beforeAll(() => {
      offload = MODES[0];
    });

    async function started() {
      const router = lab().startRouter("branch-a");
      await router.answering();
      expect(await features("lan")).toEqual([SET]);
      return router;
    }

    it("is put back when the router ends, and after SIGKILL by the next one", async () => {
      await edge().daemon.stop();
      expect(await features("lan")).toEqual([NOTHING]);
      await (await started()).daemon.stop();
      expect(await features("lan")).toEqual([NOTHING]);

      const killed = await started();
      killed.daemon.signal("SIGKILL");
      await eventually("the edge is gone", async () => !killed.daemon.running);
      expect(await features("lan")).toEqual([SET]);
      const next = await started();
      expect(next.daemon.said()).toMatch(/rx-udp-gro-forwarding of lan is off again/);
      await next.daemon.stop();
      expect(await features("lan")).toEqual([NOTHING]);
    });

    it("follows an interface into a bridge, through which superpackets come, and to another name", async () => {
      const ip = (...words: string[]) => run(inside(namespace(), ["ip", ...words]));
      const router = await started();
      await router.tunnelsUp();
      await ip("link", "add", "br0", "type", "bridge", "forward_delay", "0");
      await ip("link", "set", "br0", "up");
      await ip("address", "flush", "dev", "lan");
      await ip("link", "set", "lan", "master", "br0");
      await ip("address", "add", "10.1.0.1/24", "dev", "br0");
      await eventually("the bridge is seen", async () => (await state())?.via[0] === "br0", LOOK);
      expect((await router.status()).lan).toEqual([
        { interface: "lan", via: ["br0"], state: "set", reason: null },
        // Left without its IPv6 address, so that prefix is behind no LAN interface; the outside is not taken for one.
        {
          interface: "",
          via: [],
          state: "failed",
          reason: "this host has no route to fd00:1::/64 but the default route",
        },
      ]);
      expect(await features("wan")).toEqual([NOTHING]);
      const before = (await router.status()).counters.segmented!;
      const { sums } = await exchange("10.100.0.2");
      expect(sums.every(({ early, wrong }, flow) => early + wrong === 0 && sums[flow]!.received > ROUNDS)).toBe(true);
      expect((await router.status()).counters.segmented! - before).toBeGreaterThan(ROUNDS * 4);

      await ip("link", "set", "lan", "name", "inside");
      await eventually("the new name", async () => (await state())?.interface === "inside", LOOK);
      // Somebody else switches a feature off: theirs it is.
      await run(inside(namespace(), [process.execPath, PROGRAM, "switch", "inside", "rx-udp-gro-forwarding", "off"]));
      await eventually("it is noticed", async () => (await state())?.state === "off", LOOK);
      expect((await state())?.reason).toBe("somebody else has switched it off");
      await router.daemon.stop();
      expect(await features("inside")).toEqual([NOTHING]);
    });
  });
});
