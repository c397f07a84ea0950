import { describe, expect, it } from "vitest";
import { Sight } from "../../../../src/console/fleet/sight.ts";
import type { ReportFrame } from "../../../../src/protocol/stream.ts";
import { bed, until } from "./bed.ts";
import { device, HELLO, SERIAL, sockets } from "./client.ts";

describe("what is seen of a device", () => {
  it("sees tunnels come, change and go, and forgets them with the next first report", async () => {
    const console = await bed();
    const heard: string[] = [];
    console.fleet.onObserved((id, now, before) => heard.push(`${id} ${before?.vpn} ${now.vpn}`));
    const one = await device(console);
    const traffic = { packets: 1, bytes: 2 };
    const tunnel = (name: string, state: string) => ({
      name,
      state,
      rttMs: 1,
      in: traffic,
      out: traffic,
      lastError: null,
    });
    const report = { type: "report", first: false, gone: [], tunnels: [], attachments: [], drops: { "no-route": 3 } };
    one.send(HELLO);
    one.send({ ...report, first: true, tunnels: [tunnel("a", "up"), tunnel("b", "down")] });
    await until(() => console.fleet.observed(SERIAL)?.vpn === "abnormal");
    one.send({ ...report, tunnels: [tunnel("b", "up")] });
    await until(() => console.fleet.observed(SERIAL)?.vpn === "normal");
    expect(console.fleet.observed(SERIAL)?.drops).toEqual({ "no-route": 3 });
    one.send({ ...report, gone: ["a", "b", "never"] });
    await until(() => console.fleet.observed(SERIAL)?.vpn === "none");
    expect(heard).toEqual([
      `${SERIAL} undefined none`,
      `${SERIAL} none abnormal`,
      `${SERIAL} abnormal normal`,
      `${SERIAL} normal none`,
    ]);
    sockets.at(-1)?.terminate();
    await until(() => console.fleet.observed(SERIAL)?.controller === "abnormal");
    expect(console.desk.events).toEqual([]);
  });

  it("counts of a gateway's tunnels those that are up or lead to a device which has joined", async () => {
    const console = await bed();
    const GATEWAY = "vcpegateway00000";
    const AWAY = "vcpeneverjoined0";
    const gateway = await device(console, GATEWAY, "gateway");
    gateway.send(HELLO);
    const vpn = () => console.fleet.observed(GATEWAY)?.vpn;
    const traffic = { packets: 1, bytes: 2 };
    const tunnel = (name: string, state: string) => {
      return { name, state, rttMs: null, in: traffic, out: traffic, lastError: null };
    };
    const report = (first: boolean, ...tunnels: object[]) =>
      gateway.send({ type: "report", first, gone: [], tunnels, attachments: [], drops: {} });
    report(true, tunnel(AWAY, "down"), tunnel(`corp.${AWAY}`, "connecting"), tunnel(SERIAL, "down"));
    await until(() => console.fleet.observed(GATEWAY)?.tunnels.length === 3);
    expect(vpn()).toBe("none");
    (await device(console, SERIAL)).send(HELLO);
    await until(() => vpn() === "abnormal");
    report(false, tunnel(SERIAL, "up"));
    await until(() => vpn() === "normal");
  });

  it("says which tunnels have turned, and speaks of none before it has heard of them on this connection", () => {
    const sight = new Sight();
    const hello = { ...HELLO, type: "hello" as const };
    const none = { packets: 0, bytes: 0 };
    const tunnel = (name: string, more: Partial<ReportFrame["tunnels"][number]> = {}) => {
      return { name, state: "up" as const, rttMs: 1, in: none, out: none, lastError: null, ...more };
    };
    const turned = (tunnels: ReportFrame["tunnels"], { first = false, gone = [] as string[] } = {}) =>
      sight.reported({ type: "report", first, tunnels, gone, attachments: [], drops: {} }).sort().join();
    sight.connected(hello, 0);
    expect(turned([tunnel("a", { carries: true }), tunnel("b", { carries: false })], { first: true })).toBe("a,b");
    expect(turned([tunnel("a", { carries: true, rttMs: 7 }), tunnel("b", { carries: false })])).toBe("");
    expect(turned([tunnel("a", { carries: false, silent: true })])).toBe("a");
    expect(sight.tunnel("a")).toMatchObject({ state: "up", silent: true, carries: false });
    expect(turned([tunnel("b", { carries: true })])).toBe("b");
    expect(turned([tunnel("c", { state: "down" })], { gone: ["b", "never"] })).toBe("b,c");
    // As an agent speaks that does not know of it.
    expect(turned([tunnel("a")])).toBe("a");
    expect(Object.keys(sight.tunnel("a")!)).not.toContain("carries");
    sight.lost();
    expect(sight.tunnel("a")).toBeUndefined();
    expect(sight.observed(1, true, false, () => true).tunnels).toHaveLength(2);
    sight.connected(hello, 1);
    expect(sight.tunnel("a")).toBeUndefined();
    // Hello again, as an agent says it that tries anew what it has refused.
    turned([tunnel("a")], { first: true });
    sight.connected(hello, 2);
    expect(sight.tunnel("a")).toBeDefined();
    expect(turned([], { first: true })).toBe("a");
  });
});
