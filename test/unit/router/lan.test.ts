import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Lan, type LanWish } from "../../../src/router/lan.ts";
import { readLedger } from "../../../src/router/ledger.ts";
import { Loans } from "../../../src/router/loans.ts";
import type { Log } from "../../../src/router/log.ts";
import { FakeHost } from "./fakehost.ts";
import { silent } from "./silent.ts";

const GRO = "rx-gro";
const FORWARDING = "rx-udp-gro-forwarding";
const WISH: LanWish = {
  kind: "lan",
  prefixes: ["10.1.0.0/24", "fd00:1::/64"],
  interfaces: null,
  own: ["vcpe0"],
  gro: true,
  holdUs: 0,
};

let root: string;
let host: FakeHost;
let said: string[];
let uso: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "vcpe-lan-"));
  host = new FakeHost();
  said = [];
  uso = "on";
});
afterEach(() => rmSync(root, { recursive: true }));

async function made(name = "a"): Promise<{ lan: Lan; loans: Loans }> {
  mkdirSync(join(root, name), { recursive: true });
  const loans = new Loans(join(root, name, "state.json"), host, silent);
  await loans.settle();
  const say = (fields: object, text: string) => void said.push(`${Object.values(fields).join(" ")} ${text}`.trim());
  const log = { ...silent, info: say, warn: say } as unknown as Log;
  return { lan: new Lan(host, loans, log, () => uso), loans };
}

const is = (feature: string, link = "lan") => host.links.get(link)?.features.get(feature);
const states = (lan: Lan) => lan.states().map(({ interface: name, state, reason }) => [name, state, reason]);

describe("GRO forwarding at the LAN", () => {
  it("is set where the prefixes are, on record first, and given back", async () => {
    const { lan, loans } = await made();
    const set = host.setFeature.bind(host);
    host.setFeature = (name, feature, on) => {
      if (on)
        expect(readLedger(join(root, "a", "state.json"))?.changes).toContainEqual(expect.objectContaining({ feature }));
      set(name, feature, on);
    };
    await lan.follow(WISH);
    expect(states(lan)).toEqual([["lan", "set", null]]);
    expect([is(FORWARDING), is(FORWARDING, "wan")]).toEqual([true, false]);
    expect(loans.owed()).toEqual([`feature 3 ${FORWARDING}`]);
    expect(said).toEqual(["lan GRO forwarding on"]);
    await lan.look();
    expect(said).toHaveLength(1);
    await lan.follow(undefined);
    expect([is(GRO), is(FORWARDING), host.listening]).toEqual([true, false, 0]);
    expect(loans.owed()).toEqual([]);
    expect(lan.states()).toEqual([]);
  });

  it("that was on before stays on", async () => {
    host.links.get("lan")!.features.set(FORWARDING, true);
    const { lan, loans } = await made();
    await lan.follow(WISH);
    expect(states(lan)).toEqual([["lan", "already", null]]);
    expect(loans.owed()).toEqual([]);
    await lan.follow(undefined);
    expect(is(FORWARDING)).toBe(true);
  });

  it("is not set when it is switched off, or when USO is", async () => {
    const { lan } = await made();
    await lan.follow({ ...WISH, gro: false });
    expect(states(lan)).toEqual([["lan", "off", "by configuration"]]);
    uso = "off: this kernel has none (Linux 6.2 and later)";
    await lan.follow(WISH);
    expect(states(lan)).toEqual([["lan", "off", "USO is off: this kernel has none (Linux 6.2 and later)"]]);
    expect(is(FORWARDING)).toBe(false);
  });

  it("goes when a reload switches it off", async () => {
    const { lan } = await made();
    await lan.follow({ ...WISH, holdUs: 100 });
    expect([is(FORWARDING), host.links.get("lan")?.napi.get("gro_flush_timeout")]).toEqual([true, 100_000]);
    await lan.follow({ ...WISH, gro: false });
    expect([is(FORWARDING), host.links.get("lan")?.napi.get("gro_flush_timeout")]).toEqual([false, 0]);
  });

  it("of a killed run is given back by the next one, also under another name", async () => {
    host.links.get("lan")!.features.set(GRO, false);
    const { lan } = await made();
    await lan.follow({ ...WISH, holdUs: 50 });
    const link = host.links.get("lan")!;
    host.links.delete("lan");
    host.links.set("inside", link);
    await made();
    expect([is(GRO, "inside"), is(FORWARDING, "inside")]).toEqual([false, false]);
    expect([...link.napi.values()]).toEqual([0, 0]);
  });

  it("leaves a new interface of the old name alone", async () => {
    const { lan } = await made();
    await lan.follow(WISH);
    host.removeLink("lan");
    host.addLink("lan").features.set(FORWARDING, true);
    await made();
    expect(is(FORWARDING)).toBe(true);
  });

  it("follows interfaces that come, go, and are put into a bridge", async () => {
    host.removeLink("lan");
    host.ways.delete("10.1.0.0/24");
    host.ways.delete("fd00:1::/64");
    const { lan, loans } = await made();
    await lan.follow({ ...WISH, prefixes: ["fd00:1::/64"] });
    expect(states(lan)).toEqual([["", "failed", "this host has no route to fd00:1::/64 but the default route"]]);

    host.addLink("lan");
    host.ways.set("fd00:1::/64", ["lan"]);
    expect(lan.due()).toBe(false);
    host.rung = true;
    expect(lan.due(performance.now() + 1e6)).toBe(true);
    await lan.look();
    expect(states(lan)).toEqual([["lan", "set", null]]);

    host.addLink("br0", { kind: "bridge" });
    host.addLink("eth1", { master: "br0" });
    host.ways.set("fd00:1::/64", ["br0"]);
    await lan.look();
    expect(lan.states()).toEqual([{ interface: "eth1", via: ["br0"], state: "set", reason: null }]);
    expect([is(FORWARDING), is(FORWARDING, "eth1"), is(FORWARDING, "br0")]).toEqual([false, true, false]);

    host.removeLink("eth1");
    await lan.look();
    expect(states(lan)).toEqual([["br0", "failed", "it has no members"]]);
    expect(loans.owed()).toEqual([]);
  });

  it("waits before it looks again, the longer the longer a look takes", async () => {
    const { lan } = await made();
    const waysTo = host.waysTo.bind(host);
    host.waysTo = async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return waysTo();
    };
    await lan.follow(WISH);
    host.rung = true;
    const now = performance.now();
    expect(lan.due(now + 500)).toBe(false);
    // The ring is not forgotten.
    expect(lan.due(now + 60_000)).toBe(true);
  });

  it("is left to others once they have switched it off", async () => {
    const { lan, loans } = await made();
    await lan.follow(WISH);
    host.links.get("lan")!.features.set(FORWARDING, false);
    await lan.look();
    await lan.look();
    expect(states(lan)).toEqual([["lan", "off", "somebody else has switched it off"]]);
    expect(loans.owed()).toEqual([]);
    host.links.get("lan")!.features.set(FORWARDING, true);
    await lan.look();
    expect(states(lan)).toEqual([["lan", "already", null]]);
    await lan.follow(undefined);
    expect(is(FORWARDING)).toBe(true);
  });

  it("that cannot be is told once, tried once, and leaves nothing half done", async () => {
    host.links.get("lan")!.features.set(GRO, false);
    host.refuses.add(FORWARDING);
    const { lan, loans } = await made();
    let tries = 0;
    const set = host.setFeature.bind(host);
    host.setFeature = (name, feature, on) => {
      if (on) tries++;
      set(name, feature, on);
    };
    await lan.follow(WISH);
    await lan.look();
    expect(states(lan)).toEqual([["lan", "failed", "Could not do it: not-permitted."]]);
    expect(tries).toBe(2);
    expect([is(GRO), loans.owed()]).toEqual([false, []]);
    expect(said).toEqual(["lan no GRO forwarding: Could not do it: not-permitted."]);

    host.refuses.clear();
    host.lacks.add(FORWARDING);
    await lan.follow({ ...WISH, prefixes: ["10.1.0.0/24"] });
    expect(states(lan)[0][2]).toBe(
      "this kernel has no rx-udp-gro-forwarding (Linux 5.12 and later). Use a newer kernel.",
    );
  });

  it("also goes on when packets cannot be held", async () => {
    host.refuses.add("gro_flush_timeout");
    const { lan, loans } = await made();
    await lan.follow({ ...WISH, holdUs: 100 });
    expect(states(lan)).toEqual([["lan", "set", "packets are not held: Could not do it: not-permitted."]]);
    expect(loans.owed()).toEqual([`feature 3 ${FORWARDING}`]);
  });

  it("survives a kernel that does not answer", async () => {
    const { lan } = await made();
    host.waysTo = async () => {
      throw new Error("`ip` is not installed.");
    };
    await lan.follow(WISH);
    expect(states(lan)).toEqual([["", "failed", "`ip` is not installed."]]);
  });

  it("that two routers want stays until the last one goes", async () => {
    const first = await made("a");
    const second = await made("b");
    await first.lan.follow({ ...WISH, holdUs: 100 });
    await second.lan.follow({ ...WISH, holdUs: 100 });
    expect(second.loans.owed()).toHaveLength(3);
    await first.lan.follow(undefined);
    expect([is(FORWARDING), host.links.get("lan")?.napi.get("gro_flush_timeout")]).toEqual([true, 100_000]);
    await second.lan.follow(undefined);
    expect([is(FORWARDING), host.links.get("lan")?.napi.get("gro_flush_timeout")]).toEqual([false, 0]);
  });
});
