import { describe, expect, it } from "vitest";
import { Compiler, compile } from "../../../../src/console/compile/compile.ts";
import { type Change, type Intent, withChanges } from "../../../../src/console/model/intent.ts";
import type { Spec, Written } from "../../../../src/console/model/resources.ts";
import { assemble, canonical, type Parts } from "../../../../src/protocol/parts.ts";
import type { AttachmentConfig, FilterConfig, TunnelConfig, VrfConfig } from "../../../../src/router/config/config.ts";
import { change, creation, resource, tutorial } from "../world.ts";

const SHANGHAI = "vcpe000000000001";
const BEIJING = "vcpe000000000002";
const HANGZHOU = "vcpe000000000003";
const HANGZHOU_STANDBY = "vcpe000000000004";

const { intent } = tutorial();
const having = (...changes: Change[]): Intent => withChanges(intent, changes);
const instance = (values: Partial<Spec<"instance">>) => having(change(intent, "instance", "ins-hangzhou", values));

function part<T>(of: Intent | ReadonlyMap<string, Parts>, router: string, key: string): T | undefined {
  return ("area" in of ? compile(of) : of).get(router)?.get(key) as T | undefined;
}
/** With all its routes, as the router has it. */
const tunnel = (of: Intent, router: string, name: string) =>
  assemble(compile(of).get(router)!, null).tunnels.find((one) => one.name === name);
const prefixes = (found: TunnelConfig | undefined) => found?.routes.map(({ prefix }) => prefix);

describe("the tutorial, compiled", () => {
  const made = compile(intent);

  it("gives each edge a VRF with its LAN and one tunnel, which leads to all else", () => {
    expect([...made.get(HANGZHOU)!.keys()].sort()).toEqual([
      "head",
      "reach/cen-corp",
      `tunnel/${SHANGHAI}`,
      "vrf/cen-corp",
    ]);
    expect(part<VrfConfig>(made, HANGZHOU, "vrf/cen-corp")).toEqual({
      name: "cen-corp",
      addresses: ["100.64.0.3"],
      tun: { name: "vcpe0", mtu: 1500, filter: null },
      local: ["172.16.0.0/16"],
    });
    const one = tunnel(intent, HANGZHOU, SHANGHAI)!;
    expect(prefixes(one)).toEqual(["10.0.0.0/16", "172.17.0.0/16", "192.168.0.0/16", "100.64.0.1/32"]);
    expect(one).toMatchObject({
      vrf: "cen-corp",
      start: "initiate",
      peer: { address: "198.51.100.1", port: 500, identity: { type: "fqdn", value: `${SHANGHAI}-1.device.vcpe` } },
      local: { address: null, identity: { type: "fqdn", value: `${HANGZHOU}-1.device.vcpe` } },
      auth: { kind: "certificate", peer: `${SHANGHAI}-1.device.vcpe` },
      shape: { bitsPerSecond: 10_000_000 },
      encapsulation: "always",
      dpdMs: 10_000,
      zone: null,
    });
  });

  it("has the gateway prefer the active device, and hold both to their addresses", () => {
    const active = tunnel(intent, SHANGHAI, HANGZHOU)!;
    const standby = tunnel(intent, SHANGHAI, HANGZHOU_STANDBY)!;
    expect(active.routes[0]).toEqual({ prefix: "172.16.0.0/16", preference: 0, zone: null });
    expect(standby.routes[0]).toEqual({ prefix: "172.16.0.0/16", preference: 1, zone: null });
    expect(active.children[0].remote).toEqual(["172.16.0.0/16", "100.64.0.3/32"]);
    expect(active).toMatchObject({ start: "respond", peer: { address: null }, shape: { bitsPerSecond: 10_000_000 } });
  });

  it("joins the two gateways by a tunnel that the smaller one begins", () => {
    const begins = tunnel(intent, SHANGHAI, `cen-corp.${BEIJING}`)!;
    const answers = tunnel(intent, BEIJING, `cen-corp.${SHANGHAI}`)!;
    expect([begins.start, begins.peer.address, answers.start, answers.peer.address]).toEqual([
      "initiate",
      "198.51.100.2",
      "respond",
      null,
    ]);
    expect(begins.local.identity.value).toBe(`cen-corp.${SHANGHAI}-1.device.vcpe`);
    expect(begins.auth).toEqual({ kind: "certificate", peer: `${BEIJING}-1.device.vcpe` });
    expect(prefixes(begins)).toEqual(["10.0.0.0/16", "172.17.0.0/16", "100.64.0.2/32"]);
  });

  it("attaches VPCs in their place, behind their filter", () => {
    expect(part<AttachmentConfig>(made, SHANGHAI, "attachment/vpc-shanghai")).toEqual({
      name: "vpc-shanghai",
      vrf: "cen-corp",
      tun: { name: "vshanghai", mtu: 1500 },
      place: { kind: "namespace", name: "vpc-shanghai" },
      local: ["192.168.0.0/16"],
      filter: "vpc-shanghai",
    });
    expect(part<FilterConfig>(made, BEIJING, "filter/vpc-beijing")).toEqual({
      name: "vpc-beijing",
      rules: [],
      in: "drop",
      out: "accept",
    });
  });
});

describe("compile", () => {
  it.each<[string, Partial<Spec<"instance">>]>([
    ["not activated", { activated: false }],
    ["locked", { locked: true }],
    ["bound to no CCN", { ccn: null }],
  ])("leaves an instance that is %s its head alone", (_, values) => {
    const of = instance(values);
    expect([...compile(of).get(HANGZHOU)!.keys()]).toEqual(["head"]);
    expect(tunnel(of, SHANGHAI, HANGZHOU)).toBeUndefined();
    expect(prefixes(tunnel(of, BEIJING, `cen-corp.${SHANGHAI}`))).toEqual(["192.168.0.0/16", "100.64.0.1/32"]);
  });

  it("names the VRF after the CCN while that has no CEN", () => {
    const of = having(change(intent, "ccn", "ccn-corp", { cen: null }));
    expect(prefixes(tunnel(of, HANGZHOU, SHANGHAI))).toEqual(["172.17.0.0/16", "100.64.0.1/32"]);
    expect(part<VrfConfig>(of, HANGZHOU, "vrf/ccn-corp")?.name).toBe("ccn-corp");
    expect(part<AttachmentConfig>(of, SHANGHAI, "attachment/vpc-shanghai")?.vrf).toBe("cen-corp");
  });

  it("withdraws from others, not from the LAN", () => {
    const of = instance({ withdrawn: ["172.16.0.0/16"] });
    expect(part<VrfConfig>(of, HANGZHOU, "vrf/cen-corp")?.local).toEqual(["172.16.0.0/16"]);
    expect(prefixes(tunnel(of, SHANGHAI, HANGZHOU))).toEqual(["100.64.0.3/32"]);
    expect(
      part(having(change(intent, "vpc", "vpc-shanghai", { withdrawn: true })), SHANGHAI, "attachment/vpc-shanghai"),
    ).toBeUndefined();
  });

  it("leaves a branch its own LAN, and the address of others to them, where a withdrawn block overlaps", () => {
    const of = instance({ cidrs: ["172.16.0.0/12"], withdrawn: ["172.16.0.0/12"] });
    expect(prefixes(tunnel(of, HANGZHOU, SHANGHAI))).toEqual(["10.0.0.0/16", "192.168.0.0/16", "100.64.0.1/32"]);
    expect(tunnel(of, SHANGHAI, HANGZHOU)!.children[0].remote).toEqual(["100.64.0.3/32"]);
  });

  it("puts branches that must not talk into the zone of their CCN, on both gateways", () => {
    const of = having(change(intent, "ccn", "ccn-corp", { interworking: false }));
    // The edge has a route all the same: without one the packet would leave in the clear by the default route.
    expect(tunnel(of, HANGZHOU, SHANGHAI)).toEqual(tunnel(intent, HANGZHOU, SHANGHAI));
    expect(prefixes(tunnel(of, HANGZHOU, SHANGHAI))).toContain("172.17.0.0/16");
    expect(tunnel(of, SHANGHAI, HANGZHOU)).toMatchObject({
      zone: "ccn-corp",
      routes: [{ zone: "ccn-corp" }, { zone: "ccn-corp" }],
    });
    const between = tunnel(of, SHANGHAI, `cen-corp.${BEIJING}`)!;
    expect(between.zone).toBeNull();
    expect(between.routes.map(({ prefix, zone }) => [prefix, zone])).toEqual([
      ["10.0.0.0/16", null],
      ["172.17.0.0/16", "ccn-corp"],
      ["100.64.0.2/32", null],
    ]);
  });

  it("takes the first access point of the area by name where none is named", () => {
    const of = instance({ accessPoint: null });
    expect(tunnel(of, HANGZHOU, BEIJING)).toBeDefined();
    const renamed = withChanges(of, [change(of, "access-point", "ap-shanghai", { name: "aaa" })]);
    expect(tunnel(renamed, HANGZHOU, SHANGHAI)).toBeDefined();
  });

  it("speaks to an access point with ports of its own on the one where ESP goes too", () => {
    const of = having(
      change(intent, "access-point", "ap-shanghai", { ikePort: 1500, natPort: 14500, ipv4: null, ipv6: "2001:db8::1" }),
    );
    expect(tunnel(of, HANGZHOU, SHANGHAI)!.peer).toMatchObject({ address: "2001:db8::1", port: 14500 });
    expect(part(of, SHANGHAI, "head")).toMatchObject({
      outer: { ipv4: null, ipv6: "::", ikePort: 1500, natPort: 14500 },
    });
    expect(tunnel(of, SHANGHAI, `cen-corp.${BEIJING}`)).toBeUndefined();
  });

  it("names the certificate's new generation after a reset", () => {
    const of = having(change(intent, "device", HANGZHOU, { generation: 2 }));
    expect(tunnel(of, SHANGHAI, HANGZHOU)!.auth).toEqual({ kind: "certificate", peer: `${HANGZHOU}-2.device.vcpe` });
  });

  it("ends a leased line at its interface, without a filter", () => {
    const line = resource("vbr", "vbr-4k2m9x0qzt", {
      name: "line",
      accessPoint: "ap-beijing",
      interface: "eth1.100",
      nextHop: "10.255.0.1",
      prefixes: ["10.3.0.0/16", "10.2.0.0/16", "10.4.0.0/16"],
      withdrawn: ["10.4.0.0/16"],
      cen: "cen-corp",
    });
    expect(part<AttachmentConfig>(having(creation(line)), BEIJING, "attachment/vbr-4k2m9x0qzt")).toEqual({
      name: "vbr-4k2m9x0qzt",
      vrf: "cen-corp",
      tun: { name: "l4k2m9x0qzt", mtu: 1500 },
      place: { kind: "line", interface: "eth1.100", nextHop: "10.255.0.1" },
      local: ["10.2.0.0/16", "10.3.0.0/16"],
      filter: null,
    });
  });

  it("orders rules by priority, of equal ones what drops first, over all groups of the VPC", () => {
    const rule = (id: string, values: Partial<Written<"rule">>) =>
      creation(
        resource("rule", id, {
          name: id,
          securityGroup: "sg-shanghai",
          direction: "ingress",
          policy: "accept",
          protocol: "tcp",
          ports: "80/90",
          cidr: "0.0.0.0/0",
          priority: 5,
          ...values,
        }),
      );
    const of = having(
      creation(resource("security-group", "sg-two", { name: "two", vpc: "vpc-shanghai" })),
      rule("sgr-c", {}),
      rule("sgr-a", { securityGroup: "sg-two", direction: "egress" }),
      rule("sgr-z", { policy: "drop", protocol: "icmp", ports: "-1/-1" }),
      rule("sgr-y", { priority: 100, protocol: "gre", ports: "-1/-1" }),
    );
    const { rules } = part<FilterConfig>(of, SHANGHAI, "filter/vpc-shanghai")!;
    expect(rules.map(({ id }) => id)).toEqual(["sgr-branches", "sgr-z", "sgr-a", "sgr-c", "sgr-y"]);
    expect(rules.slice(1, 3)).toEqual([
      { id: "sgr-z", direction: "in", protocol: 1, ports: null, prefix: "0.0.0.0/0", action: "drop" },
      {
        id: "sgr-a",
        direction: "out",
        protocol: 6,
        ports: { low: 80, high: 90 },
        prefix: "0.0.0.0/0",
        action: "accept",
      },
    ]);
  });
});

describe("the compiler", () => {
  it("makes a branch anew that publishes nothing when its CCN no longer lets branches talk", () => {
    const quiet = tutorial()
      .add("ccn", "ccn-quiet", { name: "quiet", area: "area-mainland" })
      .branch("silent", "mainland", "quiet", []).intent;
    const compiler = new Compiler(quiet);
    const changes = [change(quiet, "ccn", "ccn-quiet", { interworking: false })];
    const deltas = compiler.change(withChanges(quiet, changes), changes);
    expect([...deltas.keys()]).toEqual([BEIJING]);
    expect(canonical([...compiler.parts(BEIJING)!].sort())).toBe(
      canonical([...compile(withChanges(quiet, changes)).get(BEIJING)!].sort()),
    );
  });

  it("tells of a rename nothing, and of a new rule one part", () => {
    const compiler = new Compiler(intent);
    const rename = [change(intent, "instance", "ins-hangzhou", { name: "hz", description: "the lake" })];
    expect(compiler.preview(withChanges(intent, rename), rename).size).toBe(0);
    const rule = [change(intent, "rule", "sgr-branches", { policy: "drop" })];
    const deltas = compiler.change(withChanges(intent, rule), rule);
    expect([...deltas].map(([router, { put, remove }]) => [router, [...put.keys()], remove.size])).toEqual([
      [SHANGHAI, ["filter/vpc-shanghai"], 0],
    ]);
  });

  it("has one list of what is reached for all edges of a CEN, and makes only it anew for what others publish", () => {
    const compiler = new Compiler(intent);
    const changes = [change(intent, "instance", "ins-hangzhou", { cidrs: ["172.16.0.0/16", "172.20.0.0/16"] })];
    const deltas = compiler.change(withChanges(intent, changes), changes);
    const edges = [...compiler.all].filter(([, parts]) => parts.has("reach/cen-corp"));
    expect(new Set(edges.map(([, parts]) => parts.get("reach/cen-corp"))).size).toBe(1);
    const others = edges.map(([id]) => id).filter((id) => ![HANGZHOU, HANGZHOU_STANDBY].includes(id));
    expect(others.length).toBeGreaterThan(0);
    for (const id of others) expect([...deltas.get(id)!.put.keys()]).toEqual(["reach/cen-corp"]);
  });

  it("gives frozen values", () => {
    const deep = (value: unknown): boolean =>
      typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(deep));
    for (const parts of compile(intent).values()) for (const part of parts.values()) expect(deep(part)).toBe(true);
  });
});
