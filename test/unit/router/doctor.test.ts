import { describe, expect, it } from "vitest";
import { LinuxError } from "../../../src/linux/error.ts";
import { failedBy, failure, ok, warning } from "../../../src/router/doctor/check.ts";
import { lanChecks } from "../../../src/router/doctor/lan.ts";
import { machineChecks } from "../../../src/router/doctor/machine.ts";
import { BRANCH, parse } from "./configuration.ts";
import { FakeHost } from "./fakehost.ts";

const config = (text = "") => parse(`${BRANCH}${text}\n`).config;

describe("the doctor, of the LAN", () => {
  const look = (host: FakeHost, text = "", uso = "on") => lanChecks(config(text), host, uso);

  it("says what a router will do, and does nothing itself", async () => {
    const host = new FakeHost();
    const before = structuredClone(host.links);
    expect(await look(host)).toEqual([ok("LAN lan", "GRO forwarding is off; a router switches it on while it runs.")]);
    expect(host.links).toEqual(before);
    host.setFeature("lan", "rx-udp-gro-forwarding", true);
    expect(await look(host)).toEqual([ok("LAN lan", "GRO forwarding is on.")]);
    expect(await look(host, "lan: { gro: off }")).toEqual([
      ok("LAN lan", "GRO forwarding is left alone, by configuration."),
    ]);
  });

  it("warns of what stands in its way", async () => {
    const host = new FakeHost();
    expect(await look(host, "", "off: this kernel has none (Linux 6.2 and later)")).toMatchObject([
      { state: "warning" },
    ]);
    host.setFeature("lan", "rx-gro-list", true);
    expect(await look(host)).toEqual([
      warning(
        "LAN lan",
        "No GRO forwarding: rx-gro-list is on, which goes before rx-udp-gro-forwarding.",
        "Switch it off: ethtool -K lan rx-gro-list off.",
      ),
    ]);
    host.removeLink("lan");
    host.ways.clear();
    expect(await look(host)).toMatchObject([
      { state: "warning", says: expect.stringContaining("no route to 10.1.0.0/24, fd00:1::/64") },
    ]);
  });

  it("knows that veth gathers nothing, and what is below a bridge", async () => {
    const host = new FakeHost();
    host.removeLink("lan");
    host.addLink("lan", { kind: "bridge" });
    host.addLink("v0", { kind: "veth", master: "lan" });
    const off = "GRO forwarding (below lan) is off; a router switches it on while it runs";
    expect(await look(host)).toEqual([
      warning(
        "LAN v0",
        `${off}, but veth gathers no packets by itself.`,
        "If a delay of up to 0.1 ms is no harm, set lan.holdUs: 100.",
      ),
    ]);
    expect(await look(host, "lan: { holdUs: 100 }")).toEqual([ok("LAN v0", `${off}.`)]);
  });
});

describe("the doctor", () => {
  it("takes an error apart into what is and what to do", () => {
    const parts = {
      code: "no-tun",
      errno: "ENOENT",
      tried: "open it",
      because: "it is not there",
      next: "Make it.",
    } as const;
    expect(failedBy("TUN device", new LinuxError(parts))).toEqual(
      failure("TUN device", "Could not open it: it is not there (ENOENT).", "Make it."),
    );
    expect(failedBy("x", new Error("no."))).toEqual(failure("x", "no.", ""));
  });

  it("looks at routing only of the families that are routed", async () => {
    const names = async (text: string) => (await machineChecks(parse(text).config)).map(({ check }) => check);
    expect(await names(BRANCH)).toEqual(expect.arrayContaining(["IPv4 routing", "IPv6 routing"]));
    const only4 = BRANCH.replaceAll(/, "fd00[^"]*"/g, "");
    expect(await names(only4)).not.toContain("IPv6 routing");
  });

  it("tells more workers than processors", async () => {
    const checks = await machineChecks({ ...config(), workers: 16 });
    const processors = checks.find(({ check }) => check === "processors");
    expect(processors?.state).toBe(processors?.says.startsWith("16 ") ? "ok" : "warning");
  });
});
