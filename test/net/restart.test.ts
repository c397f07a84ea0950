/** What a router changes on its host it puts back, also when it was killed; and it is quick and small. */
import { describe, expect, it } from "vitest";
import { measureInPeace } from "../../src/lab/busy.ts";
import { inside, run } from "../../src/lab/command.ts";
import { ping } from "../../src/lab/ping.ts";
import { cpuSeconds, residentBytes } from "../../src/lab/process.ts";
import { eventually, pause, region, untilAnswered } from "./region.ts";
import { asRoot } from "./root.ts";
import { floor, watchStretch } from "./stretch.ts";

const IDLE_SECONDS = 10;

describe.skipIf(!asRoot("restart of an edge"))("an edge", () => {
  const lab = region("e", { measures: true });
  const ns = () => lab().namespace("branch-a");

  /** Links, addresses, rules, routes of all tables, and every network setting of the namespace. */
  async function host(): Promise<Record<string, string>> {
    const of = (argv: string[]) => run(inside(ns(), argv), { timeoutMs: 120_000 });
    // One process for all of them: with one for each it took longer than all else here. What can only be written has no value.
    const settings = "grep -rs '' /proc/sys/net/ipv4 /proc/sys/net/ipv6/conf /proc/sys/net/core | sort";
    const [links, addresses, rules4, rules6, routes4, routes6, sysctls] = await Promise.all([
      of(["ip", "-o", "link"]),
      of(["ip", "-o", "addr"]),
      of(["ip", "rule"]),
      of(["ip", "-6", "rule"]),
      of(["ip", "-4", "route", "show", "table", "all"]),
      of(["ip", "-6", "route", "show", "table", "all"]),
      of(["sh", "-c", settings]),
    ]);
    return {
      links: links!,
      addresses: addresses!,
      rules4: rules4!,
      rules6: rules6!,
      routes4: routes4!,
      routes6: routes6!,
      sysctls: sysctls!,
    };
  }

  async function start(): Promise<void> {
    const router = lab().startRouter("branch-a");
    await router.answering();
    await router.tunnelsUp();
  }

  /** Milliseconds from the start of the process to the first answer through the tunnel. */
  async function startAndReach(): Promise<number> {
    const begun = performance.now();
    lab().startRouter("branch-a");
    await untilAnswered(lab().namespace("branch-a-lan"), "10.100.0.2");
    return performance.now() - begun;
  }

  it("idles on less than 1 % of a core and 200 MB", async () => {
    const { pid } = lab().router("branch-a").daemon;
    await pause(1000);
    const before = cpuSeconds(pid);
    await pause(IDLE_SECONDS * 1000);
    const percent = ((cpuSeconds(pid) - before) / IDLE_SECONDS) * 100;
    const megabytes = residentBytes(pid) / 1e6;
    console.log(`idle edge: ${percent.toFixed(2)} % of a core, ${megabytes.toFixed(0)} MB resident`);
    expect(before).toBeGreaterThan(0);
    expect(percent).toBeLessThan(1);
    expect(megabytes).toBeLessThan(200);
  });

  it("leaves the host as it was, after an end in order and after one by SIGKILL, and is quick to be back", async () => {
    const router = lab().router("branch-a");
    await router.daemon.stop();
    expect(router.daemon.ended).toBe(0);
    const clean = await host();
    expect(clean.links).not.toContain("vcpe0");
    expect(clean.sysctls).toContain("/proc/sys/net/ipv4/ip_forward:0");

    const quick = (ms: number) => ms < 3000;
    const stretch = watchStretch();
    const { result: cold, again } = await measureInPeace(async () => {
      await lab().router("branch-a").daemon.stop();
      return startAndReach();
    }, quick);
    console.log(`from start to the first packet through the tunnel: ${cold.toFixed(0)} ms${again}`);
    expect(cold).toBeLessThan(3000 / floor(1, stretch()));
    const running = await host();
    expect(running.links).toContain("vcpe0");
    expect(running.sysctls).toContain("/proc/sys/net/ipv4/ip_forward:1");
    await lab().router("branch-a").daemon.stop();
    expect(await host()).toEqual(clean);

    await start();
    const { result: after, again: anew } = await measureInPeace(async () => {
      lab().router("branch-a").daemon.signal("SIGKILL");
      await eventually("the edge is gone", async () => !lab().router("branch-a").daemon.running);
      return startAndReach();
    }, quick);
    console.log(`after SIGKILL: ${after.toFixed(0)} ms${anew}`);
    expect(after).toBeLessThan(3000 / floor(1, stretch()));
    const reached = await ping(lab().namespace("branch-a-lan"), "fd00:100::2", {
      count: 5,
      interval: 0.02,
      patience: 10,
    });
    expect(reached.received).toBe(5);
    await lab().router("branch-a").tunnelsUp();
    await lab().router("branch-a").daemon.stop();
    expect(await host()).toEqual(clean);
  }, 600_000);

  it("leaves no SA behind at the gateway when it is killed and comes back", async () => {
    // Whatever the test before has left.
    await lab().router("branch-a").daemon.stop();
    await start();
    const children = async () => {
      const status = await lab().router("gw").status();
      return status.tunnels.find((tunnel) => tunnel.name === "to-branch-a")!.children.length;
    };
    for (let times = 0; times < 3; times++) {
      lab().router("branch-a").daemon.signal("SIGKILL");
      await eventually("the edge is gone", async () => !lab().router("branch-a").daemon.running);
      await start();
    }
    await eventually("one Child SA at the gateway", async () => (await children()) === 1);
  });
});
