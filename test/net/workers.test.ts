/** Two workers on every router: the same checks, both at work, no packet of a flow before its turn, and rekeys that lose nothing. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runChecks } from "../../src/lab/checks.ts";
import { inside, run } from "../../src/lab/command.ts";
import { Daemon, START } from "../../src/lab/daemon.ts";
import { unread } from "../../src/lab/iperf.ts";
import { PingStream } from "../../src/lab/ping.ts";
import type { RouterStatus } from "../../src/lab/status.ts";
import { eventually, lastWord, pause, region } from "./region.ts";
import { asRoot } from "./root.ts";

const ROUTERS = ["branch-a", "branch-b", "gw"] as const;
const SEQUENCE = fileURLToPath(new URL("./sequence.ts", import.meta.url));
const FLOWS = 12;
const COUNT = 1600;
const PORT = 7017;

describe.skipIf(!asRoot("two workers"))("two workers on every router", () => {
  const lab = region("w", {
    measures: true,
    adjust: (_, config) => {
      config.workers = 2;
      config.pin = true;
    },
  });
  const statuses = (): Promise<RouterStatus[]> => Promise.all(ROUTERS.map((place) => lab().router(place).status()));
  /** Every tunnel has a Child SA for each worker, and nothing else. */
  const settled = () =>
    eventually("two Child SAs a tunnel", async () =>
      (await statuses()).every(({ tunnels }) =>
        tunnels.every(
          ({ state, children }) =>
            state === "up" &&
            children
              .map(({ copy }) => copy)
              .sort()
              .join() === "0,1",
        ),
      ),
    );

  it("pass every check of the lab", async () => {
    await settled();
    const { checks } = await runChecks(lab(), { say: () => undefined, seconds: 1 });
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(checks.length).toBeGreaterThan(20);
  });

  it("carry several flows on both, each flow in order", async () => {
    const before = await statuses();
    const { state } = lab();
    const unreadBefore = await unread(lab().namespace("vpc"));
    const argv = [process.execPath, SEQUENCE, "receive", String(PORT)];
    const receiver = Daemon.start({ state, what: "sequence receiver", namespace: lab().namespace("vpc"), argv });
    try {
      await receiver.until(() => receiver.said().includes("receiving"), "it listened", START, 10);
      // On one CPU: a sender that changes CPUs may itself overtake what lies in the queue of the one before.
      const send = ["taskset", "-c", "0", process.execPath, SEQUENCE, "send"];
      await run(
        inside(lab().namespace("branch-a-lan"), [
          ...send,
          "10.100.0.2",
          String(PORT),
          String(FLOWS),
          String(COUNT),
          "5",
        ]),
        {
          timeoutMs: 60_000,
        },
      );
      const sums = await lastWord<{ flows: number; received: number; early: number; twice: number }>(
        receiver,
        ({ received }) => received === FLOWS * COUNT,
      );
      // What a receiver that was kept from its CPU did not read had come through the tunnel all the same.
      const late = (await unread(lab().namespace("vpc"))) - unreadBefore;
      console.log(
        `${sums.received} of ${FLOWS * COUNT} datagrams on ${sums.flows} flows, ${sums.early} out of order, ${late} unread`,
      );
      expect(sums).toMatchObject({ flows: FLOWS, early: 0, twice: 0 });
      expect(sums.received + late).toBeGreaterThan(FLOWS * COUNT * 0.98);
    } finally {
      await receiver.stop();
    }
    const after = await statuses();
    ROUTERS.forEach((place, at) => {
      const { workers, load, drops } = after[at]!;
      expect(workers, place).toBe(2);
      expect(drops["wrong-worker"], place).toBe(0);
      if (place === "branch-b") return;
      const which = place === "gw" ? "udpRead" : "tunRead";
      load.forEach((worker, index) => {
        const read = worker[which] - before[at]!.load[index]![which];
        console.log(`${place} worker ${index}: ${which} ${read}`);
        expect(read, `${place} worker ${index}`).toBeGreaterThan(COUNT / 2);
      });
    });
  });

  it("lose not one ping in 20 rekeys", async () => {
    await settled();
    const pings = [
      new PingStream(lab().namespace("branch-a-lan"), "10.100.0.2"),
      new PingStream(lab().namespace("branch-b-lan"), "fd00:1::2"),
      new PingStream(lab().namespace("vpc"), "10.2.0.2"),
    ];
    const edge = lab().router("branch-a");
    let results: Awaited<ReturnType<PingStream["stop"]>>[] = [];
    const rekeys = async (): Promise<number> =>
      Math.min(...(await edge.status()).tunnels[0]!.children.map((child) => child.rekeys));
    try {
      for (let n = 0; n < 20; n++) {
        const before = await rekeys();
        const by = n % 4 === 3 ? lab().router("gw") : edge;
        await by.rekey(by === edge ? "to-gateway" : "to-branch-a", "child");
        await eventually("all copies rekeyed", async () => (await rekeys()) > before);
        await settled();
      }
      // The rekeys may have been quicker than a hundred pings.
      await eventually("enough pings", async () => pings.every(({ answered }) => answered > 110));
    } finally {
      results = await Promise.all(pings.map((stream) => stream.stop()));
    }
    console.log(`20 rekeys of both copies, ${results.map(({ sent }) => sent).join(" + ")} pings`);
    for (const { sent, lost, duplicates } of results) {
      expect(sent).toBeGreaterThan(100);
      expect(lost).toEqual([]);
      expect(duplicates).toBe(0);
    }
  });
});

describe.skipIf(!asRoot("unequal workers"))("a gateway with two workers, an edge with one and one with auto", () => {
  const lab = region("u", {
    measures: true,
    adjust: (site, config) => {
      config.workers = { gw: 2, "branch-b": 1 }[site.router] ?? "auto";
    },
  });

  it("have as many Child SAs as the one with more workers wants, and lose nothing on them", async () => {
    // Asked of both: who begins an exchange has its SA a message after who answers it.
    await eventually("the gateway has two of each, and branch-b too", async () => {
      const [gateway, b] = await Promise.all([lab().router("gw").status(), lab().router("branch-b").status()]);
      return (
        gateway.tunnels.every(({ state, children }) => state === "up" && children.length >= 2) &&
        b.tunnels[0]!.children.length === 2
      );
    });
    const b = await lab().router("branch-b").status();
    expect(b.workers).toBe(1);
    expect(b.tunnels[0]!.children.map(({ copy }) => copy)).toEqual([0, 1]);
    const pings = [
      new PingStream(lab().namespace("branch-a-lan"), "10.2.0.2"),
      new PingStream(lab().namespace("branch-b-lan"), "fd00:100::2"),
      new PingStream(lab().namespace("vpc"), "10.2.0.2"),
    ];
    let results: Awaited<ReturnType<PingStream["stop"]>>[] = [];
    try {
      await pause(300);
      await lab().router("branch-b").rekey("to-gateway", "child");
      await pause(500);
      await lab().router("gw").rekey("to-branch-b", "ike");
      await pause(500);
    } finally {
      results = await Promise.all(pings.map((stream) => stream.stop()));
    }
    for (const { sent, lost } of results) {
      expect(sent).toBeGreaterThan(20);
      expect(lost).toEqual([]);
    }
  });
});
