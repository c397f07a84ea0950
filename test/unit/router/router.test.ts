import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/router/config/problem.ts";
import { readConfig } from "../../../src/router/config/read.ts";
import { BRANCH } from "./configuration.ts";
import { FakeHost } from "./fakehost.ts";
import { FakePlane } from "./fakeplane.ts";
import { rig, until } from "./rig.ts";
import { rigs, start } from "./started.ts";

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
      "add fence main 10.7.0.0/24",
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
    expect((await opened.reload()).applied).toHaveLength(6);
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

  it("takes out what somebody has taken from the kernel already", async () => {
    const { opened, host, plane, write } = await start();
    // As when the device was down for a moment.
    for (const prefix of ["10.2.0.0/24", "10.100.0.0/16"]) host.routes.delete(prefix);
    write(BRANCH.replace("[10.2.0.0/24, 10.100.0.0/16,", "["));
    await opened.reload();
    expect([...host.routes.keys()]).toEqual(["fd00:2::/64", "10.66.0.0/16"]);
    expect([...plane.routes.keys()].filter((key) => key.includes("10.2.0.0") || key.includes("10.100."))).toEqual([]);
  });

  it("does not put kernel routes in the way of its own removal", async () => {
    const { opened, plane, host, write } = await start();
    write(BRANCH.replace(/tunnels:[\s\S]*(?=\nroutes:)/, "tunnels: []"));
    await opened.reload();
    expect([...host.routes.keys()]).toEqual(["10.66.0.0/16"]);
    expect(plane.tunnels.size).toBe(0);
  });
});
