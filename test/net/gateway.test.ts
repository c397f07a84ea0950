/**
 * One gateway process, two customers with the same networks: each its own VRF, VPC (a namespace with a host behind it) and edge. What
 * one sends reaches its own VPC, and nobody else's.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { attempt } from "../../src/lab/command.ts";
import { PingStream } from "../../src/lab/ping.ts";
import { type Premises, premises, type RouterProcess } from "./premises.ts";
import { eventually } from "./region.ts";
import { asRoot } from "./root.ts";

const CUSTOMERS = ["a", "b"] as const;

const GATEWAY = `name: {name}
outer: { ipv6: false }
vrfs:
${CUSTOMERS.map((x) => `  - { name: ${x}, addresses: [10.255.0.100] }`).join("\n")}
attachments:
${CUSTOMERS.map(
  (x) =>
    `  - { name: vpc-${x}, vrf: ${x}, tun: { name: vpc${x} }, place: { namespace: "{stem}-v${x}" }, local: [10.100.0.0/24] }`,
).join("\n")}
tunnels:
${CUSTOMERS.map(
  (x) => `  - name: to-${x}
    vrf: ${x}
    peer: { id: edge-${x}.test }
    local: { id: gw.test }
    auth: { psk: { value: "${x.repeat(32)}" } }
    routes: [10.1.0.0/24]`,
).join("\n")}
`;

const edge = (x: string, gateway: string) => `name: {name}
outer: { ipv6: false }
vrfs:
  - { name: main, addresses: [10.255.0.1], tun: { name: vcpe0 }, local: [10.1.0.0/24] }
tunnels:
  - name: to-gw
    vrf: main
    peer: { address: ${gateway}, id: gw.test }
    local: { id: edge-${x}.test }
    auth: { psk: { value: "${x.repeat(32)}" } }
    dpd: 1s
    routes: [10.100.0.0/24]
`;

/** A VPC: a namespace with a router's links and a host behind it. */
async function addVpc(at: Premises, x: string): Promise<void> {
  await at.addSpaces(`v${x}`);
  // Whatever the machine's own setting is, which new namespaces inherit.
  await at.in(`v${x}`, "sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward");
  await at.wire(
    { space: `v${x}`, device: "vsw", addresses: ["10.100.0.1/24"] },
    { space: `h${x}`, device: "eth0", addresses: ["10.100.0.2/24"] },
  );
  await at.ip(`h${x}`, "route", "add", "default", "via", "10.100.0.1");
}

describe.skipIf(!asRoot("a gateway of two customers"))("a gateway of two customers", () => {
  const at = premises();
  let gateway: RouterProcess;
  let edges: RouterProcess[];

  beforeAll(async () => {
    await at.addSpaces("gw", "ha", "hb");
    for (const [i, x] of CUSTOMERS.entries()) {
      await at.addSpaces(`e${x}`);
      await at.wire(
        { space: "gw", device: `wan${x}`, addresses: [`198.51.10${i}.1/24`] },
        { space: `e${x}`, device: "wan", addresses: [`198.51.10${i}.2/24`] },
      );
      await at.host(`l${x}`, `e${x}`, "lan", "10.1.0");
      await addVpc(at, x);
    }
    gateway = at.start("gw", "gateway", GATEWAY);
    edges = CUSTOMERS.map((x, i) => at.start(`e${x}`, "edge", edge(x, `198.51.10${i}.1`)));
    await Promise.all([gateway, ...edges].map((one) => one.up()));
  });

  it("takes each customer's packets to its own VPC only, both ways", async () => {
    for (const [i, x] of CUSTOMERS.entries()) {
      const other = CUSTOMERS[1 - i];
      const before = { own: await at.echoes(`h${x}`), other: await at.echoes(`h${other}`) };
      for (let n = 0; n < 5; n++) expect(await at.reaches(`l${x}`, "10.100.0.2")).toBe(true);
      expect(await at.echoes(`h${x}`)).toBe(before.own + 5);
      expect(await at.echoes(`h${other}`)).toBe(before.other);
      const lan = { own: await at.echoes(`l${x}`), other: await at.echoes(`l${other}`) };
      expect(await at.reaches(`h${x}`, "10.1.0.2")).toBe(true);
      expect(await at.echoes(`l${x}`)).toBe(lan.own + 1);
      expect(await at.echoes(`l${other}`)).toBe(lan.other);
    }
    // The router has its own address in the VPC, and none on the host; no route of a customer is in the host's tables.
    expect(await at.reaches("va", "10.255.0.100")).toBe(true);
    expect(await at.ip("gw", "address", "show")).not.toContain("10.255.0.100");
    expect(await at.ip("gw", "route", "show", "table", "all")).not.toMatch(/10\.1(00)?\.0/);
  });

  it("loses one customer's VPC and has it back, and the other one notices nothing", async () => {
    const pings = new PingStream(at.space("lb"), "10.100.0.2");
    await at.deleteSpace("va");
    await eventually("the loss is told", async () => {
      const found = (await gateway.status())?.attachments.find(({ name }) => name === "vpc-a");
      return found?.state === "waiting" && found.reason?.includes("there is no network namespace");
    });
    // Refused by the gateway, with ICMP, not silently lost.
    const refused = await attempt([
      "ip",
      "netns",
      "exec",
      at.space("la"),
      "ping",
      "-n",
      "-c",
      "1",
      "-W",
      "2",
      "10.100.0.2",
    ]);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain("Packet filtered");
    await addVpc(at, "a");
    const back = performance.now();
    await at.answered("la", "10.100.0.2");
    console.log(`a VPC that returns is reached after ${(performance.now() - back).toFixed(0)} ms`);
    const { sent, lost } = await pings.stop();
    expect(lost).toEqual([]);
    expect(sent).toBeGreaterThan(10);
  });

  it("is back after SIGKILL, and leaves nothing behind in the end", async () => {
    const seen = async () => ({
      forwarding: await at.in("va", "cat", "/proc/sys/net/ipv4/ip_forward"),
      links: await at.ip("va", "-o", "link"),
      routes: await at.ip("va", "route", "show", "table", "all"),
      rules: await at.ip("gw", "rule"),
    });
    const running = await seen();
    expect(running.forwarding.trim()).toBe("1");
    expect(running.routes).toContain("10.1.0.0/24 dev vpca proto 118");
    await gateway.end("SIGKILL");
    const killed = performance.now();
    gateway = at.start("gw", "gateway", GATEWAY);
    for (const x of CUSTOMERS) await at.answered(`l${x}`, "10.100.0.2");
    console.log(`from SIGKILL to both customers' VPCs: ${(performance.now() - killed).toFixed(0)} ms`);
    await gateway.end();
    const after = await seen();
    expect(after.forwarding.trim()).toBe("0");
    expect(after.links).not.toContain("vpca");
    expect(after.routes).not.toContain("proto 118");
  });
});
