/** Two edges of one site: the standby's tunnel is up all the time, and carries the site when the active one dies. */
import { beforeAll, describe, expect, it } from "vitest";
import { premises, type RouterProcess } from "./premises.ts";
import { eventually } from "./region.ts";
import { asRoot } from "./root.ts";
import { watchStretch } from "./stretch.ts";

const EDGES = ["active", "standby"] as const;

const GATEWAY = `name: {name}
outer: { ipv6: false }
vrfs:
  - { name: corp, addresses: [10.255.0.100] }
attachments:
  - { name: vpc, vrf: corp, tun: { name: vpc0 }, place: { namespace: "{stem}-vpc" }, local: [10.100.0.0/24] }
tunnels:
${EDGES.map(
  (x, i) => `  - name: ${x}
    vrf: corp
    peer: { id: ${x}.test }
    local: { id: gw.test }
    auth: { psk: { value: "${x.repeat(4)}" } }
    dpd: 1s
    routes: [{ prefix: 10.1.0.0/24, preference: ${10 * (i + 1)} }]`,
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
    local: { id: ${x}.test }
    auth: { psk: { value: "${x.repeat(4)}" } }
    routes: [10.100.0.0/24]
`;

describe.skipIf(!asRoot("two edges of one site"))("two edges of one site", () => {
  const at = premises();
  let gateway: RouterProcess;
  const edges = new Map<string, RouterProcess>();
  const start = (i: number) => edges.set(EDGES[i], at.start(EDGES[i], "edge", edge(EDGES[i], `198.51.10${i}.1`)));
  const carrier = async () => (await gateway.status())?.routes.find(({ prefix }) => prefix === "10.1.0.0/24")?.via;

  beforeAll(async () => {
    await at.addSpaces("gw", "vpc", ...EDGES);
    for (const [i, x] of EDGES.entries()) {
      await at.wire(
        { space: "gw", device: `wan${i}`, addresses: [`198.51.10${i}.1/24`] },
        { space: x, device: "wan", addresses: [`198.51.10${i}.2/24`] },
      );
      // The site's network ends at either edge; each answers for the same address.
      await at.ip(x, "address", "add", "10.1.0.2/32", "dev", "lo");
    }
    await at.ip("vpc", "address", "add", "10.100.0.1/24", "dev", "lo");
    gateway = at.start("gw", "gateway", GATEWAY);
    start(0);
    start(1);
    // Who begins an exchange has its SA a message after who answers it.
    await Promise.all([gateway.up(), ...[...edges.values()].map((one) => one.up())]);
  });

  it("are used by preference, and the next takes over when the first is killed", async () => {
    expect(await carrier()).toBe("tunnel active");
    expect(await at.reaches("vpc", "10.1.0.2")).toBe(true);
    await edges.get("active")?.end("SIGKILL");
    const killed = performance.now();
    const stretch = watchStretch();
    await at.answered("vpc", "10.1.0.2");
    const took = performance.now() - killed;
    console.log(`standby carries the site ${took.toFixed(0)} ms after the active edge was killed (dpd 1s)`);
    expect(await carrier()).toBe("tunnel standby");
    expect(took).toBeLessThan(10_000 * stretch());
    start(0);
    await edges.get("active")!.up();
    await eventually("the active one carries it again", async () => (await carrier()) === "tunnel active");
    expect(await at.reaches("vpc", "10.1.0.2")).toBe(true);
  });

  it("take over at once when a tunnel is ended in order", async () => {
    await edges.get("active")?.end();
    const { tunnels } = await eventually("the standby carries it", async () => {
      const now = await gateway.status();
      return now?.routes.find(({ prefix }) => prefix === "10.1.0.0/24")?.via === "tunnel standby" && now;
    });
    // It was told: by silence it would have found out with the SAs still there.
    expect(tunnels.find(({ name }) => name === "active")?.children).toEqual([]);
    expect(await at.reaches("vpc", "10.1.0.2")).toBe(true);
  });
});
