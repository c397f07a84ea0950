import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/router/config/problem.ts";
import { BRANCH, parse } from "./configuration.ts";
import { rig } from "./rig.ts";

process.env.PSK = "correct horse battery staple";

const FILTERS = `filters:
  - name: vpc
    rules:
      - { id: web, direction: in, protocol: tcp, ports: "8000-8999", prefix: 10.0.0.0/8, action: accept }
      - { id: dns, direction: out, protocol: 17, ports: "53", prefix: "::/0", action: drop }
      - { id: rest, direction: in, prefix: 0.0.0.0/0, action: drop }
    out: drop
flows: { limit: 100000 }
`;
const GUARDED = `${BRANCH.replace("mtu: 1500 }", "mtu: 1500, filter: vpc }")}${FILTERS}`;

function complaints(text: string): string[] {
  try {
    return parse(text).warnings.map(({ code }) => code);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ code, message }) => `${code}: ${message}`);
  }
}

describe("filters in the file", () => {
  it("are compiled with their defaults", () => {
    const { filters, flows, vrfs } = parse(GUARDED).config;
    expect(vrfs[0]!.tun).toEqual({ name: "vcpe0", mtu: 1500, filter: "vpc" });
    expect(flows).toEqual({ limit: 100_000 });
    expect(filters).toEqual([
      {
        name: "vpc",
        rules: [
          {
            id: "web",
            direction: "in",
            protocol: 6,
            ports: { low: 8000, high: 8999 },
            prefix: "10.0.0.0/8",
            action: "accept",
          },
          { id: "dns", direction: "out", protocol: 17, ports: { low: 53, high: 53 }, prefix: "::/0", action: "drop" },
          { id: "rest", direction: "in", protocol: null, ports: null, prefix: "0.0.0.0/0", action: "drop" },
        ],
        in: "drop",
        out: "drop",
      },
    ]);
    expect(parse(BRANCH).config.flows).toEqual({ limit: 65_536 });
  });

  it.each([
    ["name: vpc", "name: vcp", 'unknown-filter: there is no filter "vpc"'],
    ["id: dns", "id: web", 'duplicate-name: the rule "web" is used twice, first in filters[0].rules[0].id'],
    ["8000-8999", "8999-8000", 'format: "8999-8000" is neither a port nor a range of ports'],
    ["protocol: tcp", "protocol: gre", "no-ports: protocol gre has no ports to compare with"],
    ["protocol: tcp, ", "", "no-ports: any protocol has no ports to compare with"],
    ["protocol: tcp", "protocol: tpc", 'choice: "tpc" is none of the choices'],
    ["direction: out", "direction: away", 'choice: "away" is none of the choices'],
    ["limit: 100000", "limit: 10", "range: 10 is out of range"],
  ])("say what is wrong: %s → %s", (was, now, complaint) => {
    expect(complaints(GUARDED.replace(was, now))).toContain(complaint);
  });

  it("warn of ICMP of the other family", () => {
    expect(complaints(GUARDED.replace('protocol: tcp, ports: "8000-8999"', "protocol: icmpv6"))).toEqual([
      "never-matches",
    ]);
  });
});

describe("routes in the file", () => {
  const routes = (text: string, zone = "") =>
    BRANCH.replace('routes: [10.2.0.0/24, 10.100.0.0/16, "fd00:2::/64"]', `routes: ${text}${zone}`);

  it("are prefixes, or say more; a prefix alone is in the tunnel's zone", () => {
    const text =
      "[10.2.0.0/24, { prefix: 10.3.0.0/24, preference: 9, zone: other }, { prefix: 10.4.0.0/24, zone: null }]";
    const [tunnel] = parse(routes(text, "\n    zone: branches")).config.tunnels;
    expect(tunnel!.zone).toBe("branches");
    expect(tunnel!.routes).toEqual([
      { prefix: "10.2.0.0/24", preference: 0, zone: "branches" },
      { prefix: "10.3.0.0/24", preference: 9, zone: "other" },
      { prefix: "10.4.0.0/24", preference: 0, zone: null },
    ]);
  });

  it("are checked in either form", () => {
    expect(complaints(routes("[{ prefix: 10.1.0.0/24 }]")).join()).toContain("prefix-conflict");
    expect(complaints(routes("[{ prefix: 10.2.0.0/24, prefference: 1 }]")).join()).toContain("choice");
  });
});

describe("a running router with filters", () => {
  it("has the filter at the device before it is up, changes rules in one step, and takes both away", async () => {
    const made = await rig(GUARDED);
    const { plane, opened } = made;
    const [tun] = [...plane.tuns.keys()];
    const [id] = [...plane.filters.keys()];
    expect(plane.guards.get(tun!)).toBe(id);
    expect(plane.calls.indexOf("setTunFilter")).toBe(plane.calls.indexOf("addTun") + 1);

    plane.calls.length = 0;
    made.write(GUARDED.replace("action: accept", "action: drop"));
    expect((await opened.reload()).applied).toEqual(["update filter vpc"]);
    expect(plane.calls).toEqual(["changeFilter"]);
    expect(plane.filters.get(id!)!.rules[0]!.action).toBe("drop");

    plane.calls.length = 0;
    made.write(`${BRANCH}flows: { limit: 100000 }\n`);
    await opened.reload();
    expect(plane.calls).toEqual(["setTunFilter", "removeFilter"]);

    plane.calls.length = 0;
    made.write(GUARDED);
    await opened.reload();
    expect(plane.calls).toEqual(["addFilter", "setTunFilter"]);

    made.write(GUARDED.replace("limit: 100000", "limit: 200000"));
    await expect(opened.reload()).rejects.toMatchObject({
      code: "restart-needed",
      message: expect.stringContaining("flows.limit"),
    });
    await opened.close();
    expect([plane.filters.size, plane.guards.size]).toEqual([0, 0]);
  });

  it("goes on with the old rules where the datapath refuses the new ones", async () => {
    const made = await rig(GUARDED);
    const { plane, opened } = made;
    made.write(GUARDED.replace("action: accept", "action: drop").replace("filter: vpc", "filter: vpc"));
    plane.broken = "changeFilter";
    await expect(opened.reload()).rejects.toMatchObject({ code: "apply-failed" });
    expect([...plane.filters.values()][0]!.rules[0]!.action).toBe("accept");
    await opened.close();
  });

  it("says in its status what rules there are, where, and how often they decided", async () => {
    const made = await rig(GUARDED);
    const { report } = await import("../../../src/router/status/report.ts");
    const { filters, flows } = report(made.opened.router);
    expect(filters).toMatchObject([{ name: "vpc", devices: ["vcpe0"], in: { action: "drop", hits: 0 } }]);
    expect(filters[0]!.rules.map(({ id, hits }) => [id, hits])).toEqual([
      ["web", 0],
      ["dns", 0],
      ["rest", 0],
    ]);
    expect(flows).toEqual({ entries: 0, limit: 65_536, evicted: 0, refused: 0 });
    await made.opened.close();
  });
});

describe("a running router with zones", () => {
  const zoned = (routes: string, zone = "a") =>
    BRANCH.replace('routes: [10.2.0.0/24, 10.100.0.0/16, "fd00:2::/64"]', `routes: ${routes}\n    zone: ${zone}`);
  const two =
    "[10.2.0.0/24, { prefix: 10.3.0.0/24, zone: b }, { prefix: 10.4.0.0/24, zone: b }, { prefix: 10.5.0.0/24, zone: null }]";

  it("gives a tunnel one next hop for each zone of its routes, and takes it away with the last of them", async () => {
    const made = await rig(zoned(two));
    const { plane, opened } = made;
    const via = (prefix: string) => [...plane.routes].find(([key]) => key.endsWith(` ${prefix}`))![1];
    const [tunnel] = [...plane.tunnels.keys()];
    const zoneOf = (prefix: string) => plane.zones.get(via(prefix));
    expect(via("10.2.0.0/24")).toBe(tunnel);
    expect(via("10.3.0.0/24")).toBe(via("10.4.0.0/24"));
    expect([zoneOf("10.2.0.0/24"), zoneOf("10.3.0.0/24"), zoneOf("10.5.0.0/24")]).toEqual([1, 2, 0]);
    expect([...plane.hops.values()]).toEqual([tunnel, tunnel]);

    // The zone that its packets come from is another matter; no SA is touched for it.
    plane.calls.length = 0;
    made.write(zoned(two.replace("10.2.0.0/24", "{ prefix: 10.2.0.0/24, zone: a }"), "b"));
    expect((await opened.reload()).applied).toEqual(["update tunnel to-gateway"]);
    expect(plane.calls).toEqual(["setTunnelZone"]);
    expect([plane.origins.get(tunnel!), zoneOf("10.2.0.0/24")]).toEqual([2, 1]);

    made.write(zoned("[{ prefix: 10.2.0.0/24, zone: a }, { prefix: 10.5.0.0/24, zone: null }]", "b"));
    await opened.reload();
    expect([...plane.hops.keys()].map((hop) => plane.zones.get(hop))).toEqual([0]);
    await opened.close();
    expect([plane.hops.size, plane.tunnels.size]).toEqual([0, 0]);
  });
});
