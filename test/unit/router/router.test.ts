import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/router/config/problem.ts";
import { readConfig } from "../../../src/router/config/read.ts";
import { ask, chooseRouter, living } from "../../../src/router/status/client.ts";
import type { ReloadReply, RouterStatus } from "../../../src/router/status/schema.ts";
import { BRANCH, PSK } from "./configuration.ts";
import { FakeHost } from "./fakehost.ts";
import { FakePlane } from "./fakeplane.ts";
import { type Rig, rig, until, wire } from "./rig.ts";

process.env.PSK = PSK;

const GATEWAY = `name: gw
vrfs:
  - name: main
    addresses: [10.255.0.100, "fd00:ff::100"]
    tun: { name: vcpe1 }
    local: [10.100.0.0/16]
tunnels:
  - name: a
    vrf: main
    peer: { id: branch-a.vcpe.test }
    local: { id: gw.vcpe.test }
    auth: { psk: { env: PSK } }
    routes: [10.1.0.0/24, "fd00:1::/64"]
`;

const rigs: Rig[] = [];
afterEach(async () => {
  for (const { opened, root } of rigs.splice(0)) {
    await opened.close();
    rmSync(root, { recursive: true, force: true });
  }
});

async function start(text = BRANCH, options: Parameters<typeof rig>[1] = {}): Promise<Rig> {
  const made = await rig(text, options);
  rigs.push(made);
  return made;
}

const run = (made: Rig) => join(made.root, "run");
const before = new FakeHost();

describe("a router that starts", () => {
  it("makes the host and the datapath what its file says", async () => {
    const { host, plane } = await start();
    expect(host.sysctls.get("net/ipv4/ip_forward")).toBe("1");
    expect(host.sysctls.get("net/ipv6/conf/all/forwarding")).toBe("1");
    // Its own way to the internet may have come in a router advertisement.
    expect(host.sysctls.get("net/ipv6/conf/wan/accept_ra")).toBe("2");
    expect(host.sysctls.get("net/ipv6/conf/lan/accept_ra")).toBe("0");
    expect(host.sysctls.get("net/ipv4/conf/vcpe0/rp_filter")).toBe("2");
    expect(host.sysctls.get("net/ipv4/conf/all/rp_filter")).toBe("1");
    expect(host.links.get("vcpe0")).toMatchObject({ up: true, mtu: 1500 });
    expect([...host.links.get("vcpe0")!.addresses]).toEqual(["10.255.0.1/32", "fd00:ff::1/128"]);
    expect([...host.routes.keys()]).toEqual(["10.2.0.0/24", "10.100.0.0/16", "fd00:2::/64", "10.66.0.0/16"]);

    const [vrf] = [...plane.vrfs.keys()];
    const [tun] = [...plane.tuns.keys()];
    const [tunnel] = [...plane.tunnels.keys()];
    expect(Object.fromEntries(plane.routes)).toEqual({
      [`${vrf} 10.255.0.1/32`]: tun,
      [`${vrf} fd00:ff::1/128`]: tun,
      [`${vrf} 10.1.0.0/24`]: tun,
      [`${vrf} fd00:1::/64`]: tun,
      [`${vrf} 10.2.0.0/24`]: tunnel,
      [`${vrf} 10.100.0.0/16`]: tunnel,
      [`${vrf} fd00:2::/64`]: tunnel,
      [`${vrf} 10.66.0.0/16`]: plane.blackhole,
    });
    await until(() => plane.sent.length > 0);
    expect([...plane.sent[0].remote.address]).toEqual([198, 51, 100, 1]);
  });

  it("leaves the host as it found it", async () => {
    const { opened, host, plane, root } = await start();
    await opened.close();
    rigs.pop();
    expect(host.sysctls).toEqual(before.sysctls);
    expect([...host.links.keys()]).toEqual(["wan", "lan"]);
    expect(host.routes.size).toBe(0);
    expect(plane.vrfs.size + plane.tuns.size + plane.tunnels.size + plane.routes.size).toBe(0);
    expect(plane.closed).toBe(true);
    expect(existsSync(join(root, "run", "branch-a", "state.json"))).toBe(false);
    expect(existsSync(join(root, "run", "branch-a", "status.sock"))).toBe(false);
    rmSync(root, { recursive: true });
  });

  it.each(["addVrf", "setVrfAddresses", "addTun", "addTunnel", "setRoute"])(
    "and finds %s broken leaves the host as it found it",
    async (call) => {
      const plane = new FakePlane();
      const host = new FakeHost();
      plane.broken = call;
      await expect(rig(BRANCH, { plane, host })).rejects.toThrow(`${call} is broken. Nothing has changed`);
      expect(host.sysctls).toEqual(before.sysctls);
      expect([...host.links.keys()]).toEqual(["wan", "lan"]);
      expect(plane.closed).toBe(true);
    },
  );

  it("does not take a prefix from the host", async () => {
    const host = new FakeHost();
    host.routes.set("10.100.0.0/16", "lan");
    await expect(rig(BRANCH, { host })).rejects.toThrow(
      /the kernel has a route to 10\.100\.0\.0\/16 already.*ip route show/s,
    );
    expect([...host.routes]).toEqual([["10.100.0.0/16", "lan"]]);
    expect(host.sysctls).toEqual(before.sysctls);
  });

  it("does not start twice under one name", async () => {
    const { root, host } = await start();
    await expect(rig(BRANCH, { root, host })).rejects.toThrow(/a router called "branch-a" runs already/);
    expect(host.routes.size).toBe(4);
  });
});

describe("a reload", () => {
  it("of the same file touches nothing", async () => {
    const { opened, plane } = await start();
    const calls = plane.calls.length;
    expect(await opened.reload()).toEqual({ applied: [], warnings: [] });
    expect(plane.calls.length).toBe(calls);
  });

  it("makes the difference and no more", async () => {
    const { opened, plane, host, write } = await start();
    const calls = plane.calls.length;
    write(BRANCH.replace("[10.2.0.0/24,", "[10.2.0.0/24, 10.7.0.0/24,").replace("mtu: 1500", "mtu: 1400"));
    expect((await opened.reload()).applied).toEqual([
      "update tun vcpe0",
      "add route main 10.7.0.0/24 via to-gateway",
      "add kernel-route vcpe0 10.7.0.0/24",
    ]);
    expect(plane.calls.slice(calls)).toEqual(["setRoute"]);
    expect(host.links.get("vcpe0")?.mtu).toBe(1400);
    expect(host.routes.get("10.7.0.0/24")).toBe("vcpe0");
  });

  it("of a bad file says why and changes nothing", async () => {
    const { opened, plane, write } = await start();
    const calls = plane.calls.length;
    write(BRANCH.replace("lifetime: 4h", "lifetime: long"));
    await expect(opened.reload()).rejects.toThrow(ConfigError);
    expect(plane.calls.length).toBe(calls);
  });

  it("that fails midway is taken back", async () => {
    const { opened, plane, host, write } = await start();
    const routes = new Map(plane.routes);
    const kernel = new Map(host.routes);
    host.routes.set("10.9.0.0/16", "lan");
    write(
      BRANCH.replace("[10.2.0.0/24,", "[10.7.0.0/24, 10.8.0.0/24, 10.9.0.0/16,")
        .replace("mtu: 1500", "mtu: 1400")
        .replace("log: info", "interfaces: [{ name: lan, mtu: 1300 }]"),
    );
    await expect(opened.reload()).rejects.toThrow("the kernel has a route to 10.9.0.0/16 already");
    expect(plane.routes).toEqual(routes);
    host.routes.delete("10.9.0.0/16");
    expect(Object.fromEntries(host.routes)).toEqual(Object.fromEntries(kernel));
    expect(host.links.get("vcpe0")?.mtu).toBe(1500);
    expect(host.links.get("lan")?.mtu).toBe(1500);
    // And is not in the way of the next one.
    write(BRANCH.replace("[10.2.0.0/24,", "[10.7.0.0/24,"));
    expect((await opened.reload()).applied).toHaveLength(4);
  });

  it("changes a tunnel's rate in place, and takes it back when it fails", async () => {
    const { opened, plane, write } = await start();
    const [tunnel] = [...plane.tunnels.keys()];
    const shaped = (rate: string) => BRANCH.replace("    routes: [", `    shape: { rate: ${rate} }\n    routes: [`);
    expect(plane.shapes.size).toBe(0);
    write(shaped("2M"));
    plane.calls.length = 0;
    expect((await opened.reload()).applied).toEqual(["update tunnel to-gateway"]);
    expect(plane.calls).toEqual(["setTunnelShape"]);
    expect(plane.shapes.get(tunnel)).toBe(2_000_000);
    plane.broken = "setTunnelShape";
    write(shaped("3M"));
    await expect(opened.reload()).rejects.toThrow("setTunnelShape is broken");
    expect(plane.shapes.get(tunnel)).toBe(2_000_000);
    expect(opened.router.fabric.shape("to-gateway")).toMatchObject({ bitsPerSecond: 2_000_000 });
    write(BRANCH);
    await opened.reload();
    expect(plane.shapes.size).toBe(0);
    expect(opened.router.fabric.shape("to-gateway")).toBeUndefined();
  });

  it("wipes the pre-shared keys that it no longer needs, taken or not", async () => {
    const { opened, plane, write, file } = await start();
    const { router } = opened;
    const secretsOf = (text: string) => {
      write(text);
      const { config, secrets } = readConfig(file);
      return {
        config,
        secrets,
        wiped: () => [...secrets.values()].every((secret) => secret.every((byte) => byte === 0)),
      };
    };
    const taken = secretsOf(BRANCH);
    await router.apply(taken.config, taken.secrets);
    expect(taken.wiped()).toBe(false);
    const refused = secretsOf(BRANCH.replace("log: info", "workers: 2"));
    await expect(router.apply(refused.config, refused.secrets)).rejects.toThrow("cannot change");
    expect(refused.wiped()).toBe(true);
    const failed = secretsOf(BRANCH.replace("[10.2.0.0/24,", "[10.2.0.0/24, 10.7.0.0/24,"));
    plane.broken = "setRoute";
    await expect(router.apply(failed.config, failed.secrets)).rejects.toThrow("setRoute is broken");
    expect(failed.wiped()).toBe(true);
    expect(taken.wiped()).toBe(false);
    plane.broken = undefined;
    const next = secretsOf(BRANCH);
    await router.apply(next.config, next.secrets);
    expect(taken.wiped()).toBe(true);
    expect(next.wiped()).toBe(false);
  });

  it("that would need a restart says so", async () => {
    const { opened, write } = await start();
    write(BRANCH.replace("log: info", "workers: 2\nouter: { natPort: 4501 }"));
    await expect(opened.reload()).rejects.toThrow("workers, outer.natPort cannot change while the router runs");
    write(BRANCH.replace("log: info", "engines: { aes128gcm16: wasm }"));
    await expect(opened.reload()).rejects.toThrow("engines.aes128gcm16 cannot change while the router runs");
  });

  it("does not put kernel routes in the way of its own removal", async () => {
    const { opened, plane, host, write } = await start();
    write(BRANCH.replace(/tunnels:[\s\S]*(?=\nroutes:)/, "tunnels: []"));
    await opened.reload();
    expect([...host.routes.keys()]).toEqual(["10.66.0.0/16"]);
    expect(plane.tunnels.size).toBe(0);
  });
});

describe("a status socket", () => {
  it("that answers nonsense is an error in words", async () => {
    const root = mkdtempSync(join(tmpdir(), "vcpe-status-"));
    mkdirSync(join(root, "odd"));
    const server = createServer((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\noops"));
    }).listen(join(root, "odd", "status.sock"));
    await expect(ask("odd", "GET", "/status", undefined, root)).rejects.toMatchObject({ code: "no-answer" });
    server.close();
    rmSync(root, { recursive: true });
  });
});

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

describe("the status API", () => {
  const post = (made: Rig, path: string, body?: object) => ask<ReloadReply>("branch-a", "POST", path, body, run(made));

  it("finds the routers that live", async () => {
    const made = await start();
    expect(await living(run(made))).toEqual(["branch-a"]);
    expect(await chooseRouter(undefined, run(made))).toBe("branch-a");
    expect(await living(join(made.root, "absent"))).toEqual([]);
    await expect(chooseRouter(undefined, join(made.root, "absent"))).rejects.toMatchObject({ code: "not-running" });
    await expect(ask("other", "GET", "/status", undefined, run(made))).rejects.toMatchObject({ code: "not-running" });
  });

  it("reloads, and tells what is wrong with a file", async () => {
    const made = await start();
    expect(await post(made, "/reload")).toEqual({ applied: [], warnings: [] });
    made.write(BRANCH.replace("lifetime: 4h", "lifetime: long"));
    await expect(post(made, "/reload")).rejects.toMatchObject({
      code: "config-invalid",
      problems: [expect.stringContaining("branch-a.yaml:14:67: tunnels[0].ike.lifetime")],
    });
  });

  it.each([
    ["/tunnels/none/rekey", {}, "unknown-tunnel"],
    ["/tunnels/none/initiate", undefined, "unknown-tunnel"],
    ["/tunnels/none/terminate", undefined, "unknown-tunnel"],
    ["/tunnels/to-gateway/rekey", { what: "child" }, "not-possible"],
    ["/tunnels/to-gateway/rekey", { what: "everything" }, "fst_err_validation"],
    ["/tunnels/to-gateway/explode", undefined, "no-such-path"],
  ])("refuses POST %s %o", async (path, body, code) => {
    const made = await start();
    await expect(post(made, path, body)).rejects.toMatchObject({ code });
  });

  it("ends and starts a tunnel", async () => {
    const made = await start();
    await post(made, "/tunnels/to-gateway/terminate");
    expect(made.opened.router.tunnelState("to-gateway")).toBe("down");
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await post(made, "/tunnels/to-gateway/initiate");
    expect(made.opened.router.tunnelState("to-gateway")).toBe("connecting");
  });
});
