import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Fences } from "../../../src/router/fences.ts";
import { BRANCH } from "./configuration.ts";
import { FakeHost } from "./fakehost.ts";
import { FakePlane } from "./fakeplane.ts";
import { rig } from "./rig.ts";
import { rigs, start } from "./started.ts";

const IPV4 = "net/ipv4/ip_forward";

/** Does the host, as it is now, forward what is for this prefix by its default route? */
function leaks(host: FakeHost, prefix: string): boolean {
  const family = prefix.includes(":") ? "net/ipv6/conf/all/forwarding" : IPV4;
  return host.sysctls.get(family) === "1" && !host.routes.has(prefix) && !host.fences.has(prefix);
}

/** Notes after each change of the host which of the prefixes leak. */
function watched(host: FakeHost, plane: FakePlane, prefixes: readonly string[]): Set<string> {
  const found = new Set<string>();
  const look = () => {
    for (const prefix of prefixes) if (leaks(host, prefix)) found.add(prefix);
  };
  const { writeSysctl, changeRoutes, removeLink } = host;
  host.writeSysctl = (key, value) => {
    writeSysctl.call(host, key, value);
    look();
  };
  host.changeRoutes = async (verb, changes, where) => {
    // One by one, as the kernel does it.
    for (const change of changes) {
      await changeRoutes.call(host, verb, [change], where);
      look();
    }
  };
  host.removeLink = (name) => {
    removeLink.call(host, name);
    look();
  };
  const { addTunnel } = plane;
  plane.addTunnel = (mtu, zone) => {
    look();
    return addTunnel.call(plane, mtu, zone);
  };
  return found;
}

const PREFIXES = ["10.2.0.0/24", "10.100.0.0/16", "fd00:2::/64", "10.66.0.0/16"];

describe("a prefix of the configuration never leaves by the host's default route", () => {
  it("while the router starts, on a host that did not forward before", async () => {
    const [host, plane] = [new FakeHost(), new FakePlane()];
    const leaked = watched(host, plane, PREFIXES);
    const { opened } = await rig(BRANCH, { host, plane });
    expect([...host.fences].sort()).toEqual([...PREFIXES].sort());
    expect(host.sysctls.get(IPV4)).toBe("1");
    await opened.close();
    expect([...leaked]).toEqual([]);
    expect(host.fences.size + host.routes.size).toBe(0);
    expect(host.sysctls.get(IPV4)).toBe("0");
  });

  it.each([
    ["the TUN device has another name", ["vcpe0", "vcpe9"], PREFIXES],
    ["the routing domain has another name", ["name: main", "name: other"], PREFIXES],
    ["a prefix becomes a wider one", ["[10.2.0.0/24,", "[10.2.0.0/16,"], ["10.100.0.0/16", "10.66.0.0/16"]],
  ] as const)("while %s", async (_, [from, to], stay) => {
    const { opened, host, plane, write } = await start();
    const leaked = watched(host, plane, stay);
    expect(BRANCH).toContain(from);
    write(BRANCH.replaceAll(from, to).replaceAll("vrf: main", from === "name: main" ? "vrf: other" : "vrf: main"));
    await opened.reload();
    expect([...leaked]).toEqual([]);
    expect([...host.fences].sort()).toEqual([...host.routes.keys()].sort());
  });

  it("narrower than before, wider than before: the old fence goes when the new route is there", async () => {
    const { opened, host, write } = await start();
    const steps: string[] = [];
    const { changeRoutes } = host;
    host.changeRoutes = async (verb, changes, where) => {
      await changeRoutes.call(host, verb, changes, where);
      for (const { kind, prefix } of changes) steps.push(`${verb} ${kind ?? "unicast"} ${prefix}`);
    };
    write(BRANCH.replace("[10.2.0.0/24,", "[10.2.0.0/16,"));
    await opened.reload();
    expect(steps).toEqual([
      "replace unreachable 10.2.0.0/16",
      "delete unicast 10.2.0.0/24",
      "add unicast 10.2.0.0/16",
      "delete unreachable 10.2.0.0/24",
    ]);
  });

  it("while somebody has taken the device down", async () => {
    const { host } = await start();
    host.removeLink("vcpe0");
    expect(PREFIXES.filter((prefix) => leaks(host, prefix))).toEqual([]);
  });

  it("after the router was killed, until the next one runs, which lets go of what it does not want", async () => {
    const { host, plane, root } = await start();
    // A host that forwards by itself: what was borrowed is not as it was left, so it stays. The process is gone, and its device and routes.
    host.sysctls.set(IPV4, "1");
    host.removeLink("vcpe0");
    host.processes.clear();
    const record = join(root, "run", "branch-a", "state.json");
    const kept = readFileSync(record, "utf8");
    rigs.pop();
    const again = mkdtempSync(join(tmpdir(), "vcpe-router-"));
    mkdirSync(join(again, "run", "branch-a"), { recursive: true });
    writeFileSync(join(again, "run", "branch-a", "state.json"), kept.replace('"1"', '"x"'));
    const stay = PREFIXES.filter((prefix) => prefix !== "10.2.0.0/24");
    const leaked = watched(host, plane, stay);
    const text = BRANCH.replace("[10.2.0.0/24,", "[10.7.0.0/24,");
    const { opened } = await rig(text, { root: again, host });
    expect([...leaked]).toEqual([]);
    expect([...host.fences].sort()).toEqual([...stay, "10.7.0.0/24"].sort());
    await opened.close();
    expect(host.fences.size).toBe(0);
    rmSync(again, { recursive: true });
  });
});

/** Of Loans what fences need. */
function record() {
  let noted: readonly string[] = [];
  return {
    fenced: () => noted,
    fences: (prefixes: readonly string[]) => {
      noted = prefixes;
    },
  };
}

describe("fences", () => {
  it("stay while another routing domain wants them, and are no trouble when somebody has taken them away", async () => {
    const host = new FakeHost();
    const ledger = record();
    const fences = new Fences(host, ledger as never);
    await fences.add(["10.1.0.0/24", "fd00::/64"]);
    await fences.add(["10.1.0.0/24"]);
    await fences.remove(["10.1.0.0/24"]);
    expect([...host.fences]).toEqual(["10.1.0.0/24", "fd00::/64"]);
    host.fences.delete("fd00::/64");
    await fences.remove(["10.1.0.0/24", "fd00::/64"]);
    expect([[...host.fences], ledger.fenced()]).toEqual([[], []]);
  });

  it("that could not all be put up are taken down", async () => {
    const host = new FakeHost();
    const ledger = record();
    const fences = new Fences(host, ledger as never);
    const { changeRoutes } = host;
    host.changeRoutes = async (verb, changes, where) => {
      if (verb === "replace" && changes[0]?.prefix.includes(":")) throw new Error("no IPv6 here");
      return changeRoutes.call(host, verb, changes, where);
    };
    await expect(fences.add(["10.1.0.0/24", "fd00::/64"])).rejects.toThrow("no IPv6 here");
    expect([[...host.fences], ledger.fenced()]).toEqual([[], []]);
  });
});
