import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ask } from "../../../src/router/status/client.ts";
import type { RouterStatus } from "../../../src/router/status/schema.ts";
import { BRANCH, PSK } from "./configuration.ts";
import { FakePlane } from "./fakeplane.ts";
import { type Rig, until, wire } from "./rig.ts";
import { GATEWAY, rigs, run, start } from "./started.ts";

describe("two routers", () => {
  const at = { a: Uint8Array.of(203, 0, 113, 2), gw: Uint8Array.of(198, 51, 100, 1) };

  async function pair(gateway = GATEWAY, branch = BRANCH) {
    const planes = { a: new FakePlane(), gw: new FakePlane() };
    wire({ plane: planes.a, address: at.a }, { plane: planes.gw, address: at.gw });
    const gw = await start(gateway, { plane: planes.gw });
    const a = await start(branch, { plane: planes.a });
    return { a, gw };
  }

  const up = ({ plane }: Rig) => [...plane.children.values()].some(({ transmits }) => transmits);
  const status = (made: Rig, name: string) => ask<RouterStatus>(name, "GET", "/status", undefined, run(made));

  it("bring their tunnel up, and each knows the other's SPIs", async () => {
    const { a, gw } = await pair();
    await until(() => up(a) && up(gw));
    const [ours] = [...a.plane.children.values()];
    const [theirs] = [...gw.plane.children.values()];
    expect(ours.spiOut).toBe(theirs.spiIn);
    expect(ours.spiIn).toBe(theirs.spiOut);
    expect([...ours.outer.remote.address]).toEqual([...at.gw]);
    // 1500 bytes outside, IPv4: see overhead.
    expect([...a.plane.tunnels.values()]).toEqual([1438]);
  });

  it("rekey without a moment in which none sends", async () => {
    const { a, gw } = await pair();
    await until(() => up(a) && up(gw));
    const gaps: string[] = [];
    for (const { plane } of [a, gw]) {
      const sending = () => [...plane.children.values()].filter(({ transmits }) => transmits).length;
      const { transmit, retire } = plane;
      plane.transmit = (child, instead) => {
        transmit.call(plane, child, instead);
        if (sending() !== 1) gaps.push(`${sending()} send after transmit`);
      };
      plane.retire = (child) => {
        retire.call(plane, child);
        if (sending() !== 1) gaps.push(`${sending()} send after retire`);
      };
    }
    const first = [...a.plane.children.keys()];
    await ask("branch-a", "POST", "/tunnels/to-gateway/rekey", { what: "child" }, run(a));
    await until(() => [...a.plane.children].some(([id, { transmits }]) => transmits && !first.includes(id)));
    await until(() => [...gw.plane.children.values()].filter(({ transmits }) => transmits).length === 1);
    await ask("gw", "POST", "/tunnels/a/rekey", { what: "ike" }, run(gw));
    await until(() => gw.opened.router.parts.ike.status()[0].ike?.rekeys === 1);
    expect(gaps).toEqual([]);
    expect(up(a) && up(gw)).toBe(true);
  });

  it("show it all in their status, without secrets", async () => {
    const { a, gw } = await pair();
    await until(() => up(a) && up(gw));
    const shown = await status(a, "branch-a");
    expect(shown).toMatchObject({
      name: "branch-a",
      workers: 1,
      pid: process.pid,
      engines: { chacha20poly1305: "wasm" },
      offload: { tso: "on", coalesce: "off: by configuration" },
      drops: { "no-route": 3 },
      counters: { encapsulated: 7 },
      tunnels: [
        {
          name: "to-gateway",
          vrf: "main",
          state: "up",
          mtu: 1438,
          peer: { id: "gw.vcpe.test", address: "198.51.100.1", port: 4500 },
          ike: { suite: "chacha20poly1305-sha256-x25519", rekeys: 0 },
          children: [{ cipher: "chacha20poly1305", esn: true, selectors: { local: ["0.0.0.0/0", "::/0"] } }],
        },
      ],
    });
    expect(shown.routes).toContainEqual({ vrf: "main", prefix: "10.2.0.0/24", via: "tunnel to-gateway" });
    expect(shown.routes).toContainEqual({ vrf: "main", prefix: "10.66.0.0/16", via: "blackhole" });
    expect(JSON.stringify(shown)).not.toContain(PSK);
    expect(readFileSync(join(run(a), "branch-a", "state.json"), "utf8")).not.toContain(PSK);
    expect(statSync(join(run(a), "branch-a", "status.sock")).mode & 0o777).toBe(0o600);
    const other = await status(gw, "gw");
    expect(other.tunnels[0].children[0].spiIn).toBe(shown.tunnels[0].children[0].spiOut);
  });

  it("say what is wrong when the keys differ", async () => {
    process.env.OTHER = "another long enough key";
    const { a, gw } = await pair(GATEWAY.replace("env: PSK", "env: OTHER"));
    await until(() => a.opened.router.keying.lastError("to-gateway") !== undefined);
    expect((await status(a, "branch-a")).tunnels[0].lastError?.code).toBe("authentication-failed");
    expect(Object.values((await status(gw, "gw")).ike).some((count) => count > 0)).toBe(true);
    expect(up(a) || up(gw)).toBe(false);
  });

  it("end the tunnel at the other side when one ends", async () => {
    const { a, gw } = await pair();
    await until(() => up(a) && up(gw));
    await a.opened.close();
    rigs.splice(rigs.indexOf(a), 1);
    expect(a.plane.children.size).toBe(0);
    await until(() => gw.opened.router.tunnelState("a") === "down");
    expect(up(gw)).toBe(false);
    // What still opens late packets is not in the way of a removal.
    gw.write(GATEWAY.replace(/tunnels:[\s\S]*/, "tunnels: []"));
    await gw.opened.reload();
    expect(gw.plane.tunnels.size + gw.plane.children.size).toBe(0);
  });

  it("keep an unchanged tunnel through a reload", async () => {
    const { a, gw } = await pair();
    await until(() => up(a) && up(gw));
    const children = [...a.plane.children.keys()];
    a.write(
      BRANCH.replace("[10.2.0.0/24,", "[10.2.0.0/24, 10.7.0.0/24,")
        .replace("lifetime: 4h", "lifetime: 3h")
        .replace("    routes:", "    dpd: 9s\n    mtu: 1300\n    routes:"),
    );
    await a.opened.reload();
    expect([...a.plane.children.keys()]).toEqual(children);
    expect([...a.plane.tunnels.values()]).toEqual([1300]);
    expect(up(a)).toBe(true);
  });

  it("follow the path MTU down, and up again when the kernel forgets", async () => {
    const { a, gw } = await pair();
    await until(() => up(a) && up(gw));
    const [child] = [...a.plane.children.keys()];
    a.plane.onEvent({ kind: "path-mtu", child, mtu: 1280 });
    expect([...a.plane.tunnels.values()]).toEqual([1218]);
    a.host.outerMtu = 1400;
    const { fabric } = a.opened.router;
    expect(fabric.tunnels()).toEqual(["to-gateway"]);
    expect(fabric.remeasure("to-gateway")).toBe(1338);
    expect(fabric.remeasure("to-gateway")).toBeUndefined();
  });

  it("start a tunnel that a packet wants, but not at each packet", async () => {
    const { a, gw } = await pair(GATEWAY, BRANCH.replace("    routes:", "    start: respond\n    routes:"));
    expect(a.plane.sent).toEqual([]);
    const [adjacency] = [...a.plane.tunnels.keys()];
    for (let i = 0; i < 5; i++) a.plane.onEvent({ kind: "acquire", adjacency });
    await until(() => up(a) && up(gw));
    expect(a.plane.sent.length).toBe(2);
  });

  it("rekey a Child SA that has carried enough, once", async () => {
    const { a, gw } = await pair(GATEWAY, BRANCH.replace("lifetime: 1h", "lifetime: 1h, packets: 1000"));
    await until(() => up(a) && up(gw));
    const [[first, child]] = [...a.plane.children];
    child.outbound = { ...child.outbound, sequence: 899n };
    const watch = () => {
      for (const id of a.opened.router.keying.watched()) a.opened.router.keying.watch(id);
    };
    watch();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(a.plane.children.size).toBe(1);
    child.outbound = { ...child.outbound, sequence: 1000n };
    watch();
    watch();
    await until(() => [...a.plane.children].some(([id, { transmits }]) => transmits && id !== first));
    expect(a.plane.calls.filter((call) => call === "addChild")).toHaveLength(2);
  });

  it("wake up the operator when the datapath dies", async () => {
    const { a } = await pair();
    a.plane.onEvent({ kind: "failed", error: new Error("worker 0 ended") });
    expect(a.failures).toBe(1);
  });
});
