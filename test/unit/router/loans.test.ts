import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readLedger, subjectOf } from "../../../src/router/ledger.ts";
import { Loans } from "../../../src/router/loans.ts";
import { FakeHost } from "./fakehost.ts";
import { silent } from "./silent.ts";

const FORWARD = "net/ipv4/ip_forward";

let root: string;
let host: FakeHost;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "vcpe-loans-"));
  host = new FakeHost();
});
afterEach(() => rmSync(root, { recursive: true }));

const ledger = (name: string) => join(root, name, "state.json");

async function loans(name = "a", of: FakeHost = host): Promise<Loans> {
  mkdirSync(join(root, name), { recursive: true });
  const made = new Loans(ledger(name), of, silent);
  await made.settle();
  return made;
}

describe("settings borrowed from the host", () => {
  it("are on disk before they are made", async () => {
    const mine = await loans();
    const write = host.writeSysctl.bind(host);
    host.writeSysctl = (key, value) => {
      expect(readLedger(ledger("a"))?.changes).toContainEqual({ kind: "sysctl", key, before: "0", after: value });
      write(key, value);
    };
    await mine.sysctl(FORWARD, "1");
    expect(host.sysctls.get(FORWARD)).toBe("1");
  });

  it("are given back, and the record goes", async () => {
    const mine = await loans();
    await mine.sysctl(FORWARD, "1");
    await mine.mtu("lan", 1400);
    expect(host.links.get("lan")?.mtu).toBe(1400);
    await mine.giveAllBack();
    expect(host.sysctls.get(FORWARD)).toBe("0");
    expect(host.links.get("lan")?.mtu).toBe(1500);
    expect(existsSync(ledger("a"))).toBe(false);
  });

  it("are left alone when they are as wanted already, or when somebody else has changed them since", async () => {
    host.sysctls.set(FORWARD, "1");
    const mine = await loans();
    await mine.sysctl(FORWARD, "1");
    expect(mine.owed()).toEqual([]);
    await mine.mtu("lan", 1400);
    host.links.get("lan")!.mtu = 1300;
    await mine.giveAllBack();
    expect(host.sysctls.get(FORWARD)).toBe("1");
    expect(host.links.get("lan")?.mtu).toBe(1300);
  });

  it("remember the first value through several changes", async () => {
    const mine = await loans();
    await mine.mtu("lan", 1400);
    await mine.mtu("lan", 1300);
    await mine.giveAllBack();
    expect(host.links.get("lan")?.mtu).toBe(1500);
  });

  it("of a killed run are given back by the next one", async () => {
    const killed = await loans();
    await killed.sysctl(FORWARD, "1");
    await killed.mtu("lan", 1400);
    killed.tun("vcpe0");
    host.makeTun("vcpe0");
    host.routes.set("10.9.0.0/24", "vcpe0");
    const next = await loans();
    expect(host.sysctls.get(FORWARD)).toBe("0");
    expect(host.links.get("lan")?.mtu).toBe(1500);
    expect(host.links.has("vcpe0")).toBe(false);
    expect(host.routes.size).toBe(0);
    expect(next.owed()).toEqual([]);
  });

  it("of a killed run: fences stay and are owed, and go last, when nothing is forwarded any more", async () => {
    const killed = await loans();
    await killed.sysctl(FORWARD, "1");
    killed.fences(["10.8.0.0/24"]);
    killed.fences(["10.8.0.0/24", "10.9.0.0/24"]);
    for (const prefix of ["10.9.0.0/24", "10.77.0.0/24"]) host.fences.add(prefix);
    const next = await loans();
    expect(host.sysctls.get(FORWARD)).toBe("0");
    expect([next.owed(), next.fenced()]).toEqual([["fences"], ["10.8.0.0/24", "10.9.0.0/24"]]);
    await next.sysctl(FORWARD, "1");
    const { changeRoutes } = host;
    let forwarded: string | undefined;
    host.changeRoutes = async (...call) => {
      forwarded = host.sysctls.get(FORWARD);
      return changeRoutes.call(host, ...call);
    };
    await next.giveAllBack();
    expect(forwarded).toBe("0");
    expect([...host.fences]).toEqual(["10.77.0.0/24"]);
    expect(next.owed()).toEqual([]);
  });

  it("never delete a device that is no TUN", async () => {
    const killed = await loans();
    killed.tun("lan");
    await loans();
    expect(host.links.has("lan")).toBe(true);
  });

  it("of a run in another network namespace are not put back here", async () => {
    const killed = await loans();
    await killed.sysctl(FORWARD, "1");
    const elsewhere = new FakeHost();
    elsewhere.net = "net:[2]";
    elsewhere.sysctls.set(FORWARD, "1");
    await loans("a", elsewhere);
    expect(elsewhere.sysctls.get(FORWARD)).toBe("1");
  });

  it("that two routers need stay until the last one goes", async () => {
    const first = await loans("a");
    const second = await loans("b");
    await first.sysctl(FORWARD, "1");
    await second.sysctl(FORWARD, "1");
    expect(second.owed()).toEqual([FORWARD]);
    await first.giveAllBack();
    expect(host.sysctls.get(FORWARD)).toBe("1");
    await second.giveAllBack();
    expect(host.sysctls.get(FORWARD)).toBe("0");
  });

  it("do not wait for a router that is dead", async () => {
    const dead = await loans("a");
    await dead.sysctl(FORWARD, "1");
    const record = readLedger(ledger("a"))!;
    writeFileSync(ledger("a"), JSON.stringify({ ...record, started: "99" }));
    const living = await loans("b");
    host.sysctls.set(FORWARD, "0");
    await living.sysctl(FORWARD, "1");
    await living.giveAllBack();
    expect(host.sysctls.get(FORWARD)).toBe("0");
  });

  it("start anew when the record cannot be read", async () => {
    mkdirSync(join(root, "a"));
    for (const torn of ["", "{", "[]", '{"changes": 3}', "null"]) {
      writeFileSync(ledger("a"), torn);
      const mine = await loans();
      expect(mine.owed()).toEqual([]);
      expect(JSON.parse(readFileSync(ledger("a"), "utf8")).changes).toEqual([]);
    }
  });

  it("fail whole when the host refuses, and owe nothing more than they should", async () => {
    const mine = await loans();
    host.refuseLink = "lan";
    await expect(mine.mtu("lan", 1400)).rejects.toThrow();
    host.refuseLink = undefined;
    await mine.giveAllBack();
    expect(host.links.get("lan")?.mtu).toBe(1500);
    expect(subjectOf({ kind: "mtu", link: "lan", before: 1, after: 2 })).toBe("mtu lan");
  });
});
