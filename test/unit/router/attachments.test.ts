/** Attachments on a fake kernel. VRF devices are only here: the tests' own kernel may have none. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { modelOf } from "../../../src/router/model.ts";
import { report } from "../../../src/router/status/report.ts";
import { parse } from "./configuration.ts";
import { FakeHost } from "./fakehost.ts";
import { type Rig, rig } from "./rig.ts";

const FILE = `name: gw
vrfs:
  - { name: corp, addresses: [10.255.0.100] }
  - { name: other, addresses: [10.255.0.100] }
attachments:
  - { name: vpc, vrf: corp, tun: { name: vpc0 }, place: { namespace: vpc-sh }, local: [10.8.0.0/16] }
  - { name: db, vrf: corp, tun: { name: db0, mtu: 1400 }, place: { vrf: blue }, local: [10.9.0.0/16] }
  - { name: vbr, vrf: corp, tun: { name: vbr0 }, place: { line: { interface: lan, nextHop: 192.0.2.2 } }, local: [10.7.0.0/16] }
  - { name: vpc2, vrf: other, tun: { name: vpc1 }, place: { namespace: vpc-bj }, local: [10.8.0.0/16] }
tunnels:
  - name: branch
    vrf: corp
    peer: { id: branch.test }
    local: { id: gw.test }
    auth: { psk: { env: PSK } }
    routes: [10.1.0.0/24]
routes:
  - { vrf: corp, prefix: 10.66.0.0/16, via: blackhole }
`;

describe("attachments", () => {
  let made: Rig;
  let host: FakeHost;

  beforeEach(async () => {
    process.env.PSK = "correct horse battery staple";
    host = new FakeHost();
    host.addNamespace("vpc-sh");
    host.addLink("blue", { kind: "vrf", table: 77 });
    made = await rig(FILE, { host });
    await made.opened.router.settled();
  });
  afterEach(async () => {
    await made.opened.close();
    expect(host.rules).toEqual([]);
    expect([...host.tables.values()].flat()).toEqual([]);
    expect(host.sysctls.get("net/ipv4/ip_forward")).toBe("0");
  });

  const states = () =>
    Object.fromEntries(
      report(made.opened.router).attachments.map(({ name, state, reason }) => [name, [state, reason]]),
    );
  const look = () => made.opened.router.attachments.look();
  const leads = (prefix: string, vrf = 0) => made.plane.routes.get(`${[...made.plane.vrfs.keys()][vrf]} ${prefix}`);
  const tun = (device: string) => [...made.plane.tuns].find(([, { name }]) => name === device)?.[0];

  it("are made where they can be; one that cannot waits with a reason, and its packets are refused", () => {
    expect(states()).toEqual({
      vpc: ["up", null],
      db: ["up", null],
      vbr: ["up", null],
      vpc2: ["waiting", 'there is no network namespace "vpc-bj"'],
    });
    expect(leads("10.8.0.0/16")).toBe(tun("vpc0"));
    expect(leads("10.8.0.0/16", 1)).toBe(made.plane.prohibit);
  });

  it("are told to the console as they are, with the reason", () => {
    expect(made.opened.observer.observe().attachments).toEqual([
      { name: "vpc", state: "up", reason: null },
      { name: "db", state: "up", reason: null },
      { name: "vbr", state: "up", reason: null },
      { name: "vpc2", state: "waiting", reason: 'there is no network namespace "vpc-bj"' },
    ]);
  });

  it("are moved into their namespace, which forwards and has routes to everything else of the VRF", () => {
    const space = host.namespaces.get("vpc-sh")!;
    expect(space.links.get("vpc0")).toMatchObject({ up: true, mtu: 1500 });
    expect([...space.links.get("vpc0")!.addresses]).toEqual(["10.255.0.100/32"]);
    expect(space.sysctls.get("net/ipv4/ip_forward")).toBe("1");
    expect(space.sysctls.get("net/ipv4/conf/vpc0/rp_filter")).toBe("0");
    expect([...space.routes.keys()].sort()).toEqual(["10.1.0.0/24", "10.66.0.0/16", "10.7.0.0/16", "10.9.0.0/16"]);
    expect(host.links.has("vpc0")).toBe(false);
    expect([...host.routes.keys()]).toEqual([]);
  });

  it("join a VRF device, with routes in its table", () => {
    expect(host.links.get("db0")).toMatchObject({ master: "blue", up: true, mtu: 1400 });
    const routes = host.tables.get(77)!.map(({ prefix, link }) => `${prefix} ${link}`);
    expect(routes.sort()).toEqual(["10.1.0.0/24 db0", "10.66.0.0/16 db0", "10.7.0.0/16 db0", "10.8.0.0/16 db0"]);
  });

  it("have a table of their own at a line, for both directions, that ends with unreachable", () => {
    const [{ table }] = host.rules;
    expect(host.rules.map(({ family, iif }) => `${family} ${iif}`)).toEqual(["4 vbr0", "4 lan", "6 vbr0", "6 lan"]);
    const routes = host.tables
      .get(table)!
      .map(({ kind, prefix, link, via }) => [kind, prefix, link, via].filter(Boolean).join(" "));
    expect(routes).toEqual([
      "unreachable 0.0.0.0/0",
      "unreachable ::/0",
      "10.7.0.0/16 lan 192.0.2.2",
      "10.8.0.0/16 vbr0",
      "10.9.0.0/16 vbr0",
      "10.1.0.0/24 vbr0",
      "10.66.0.0/16 vbr0",
    ]);
  });

  it("come when their namespace comes, go with it, and come again", async () => {
    const { attachments } = made.opened.router;
    expect(attachments.due(Number.POSITIVE_INFINITY)).toBe(false);
    host.addNamespace("vpc-bj");
    expect(attachments.due(Number.POSITIVE_INFINITY)).toBe(true);
    await look();
    expect(states().vpc2).toEqual(["up", null]);
    expect(leads("10.8.0.0/16", 1)).toBe(tun("vpc1"));
    // The namespace is deleted, and the device with it.
    host.namespaces.delete("vpc-bj");
    const adjacency = tun("vpc1") as number;
    made.plane.onEvent({ kind: "tun-gone", adjacency });
    await look();
    expect(states().vpc2[0]).toBe("waiting");
    expect(leads("10.8.0.0/16", 1)).toBe(made.plane.prohibit);
    expect(states().vpc).toEqual(["up", null]);
    const again = host.addNamespace("vpc-bj");
    await look();
    expect(states().vpc2).toEqual(["up", null]);
    expect(again.links.has("vpc1")).toBe(true);
    expect(made.failures).toBe(0);
  });

  it("are made again when another namespace has taken the name", async () => {
    const space = host.addNamespace("vpc-sh");
    await look();
    expect(space.links.has("vpc0")).toBe(true);
    expect(states().vpc).toEqual(["up", null]);
  });

  it("wait while a line's interface is down, and give its table back", async () => {
    host.links.get("lan")!.up = false;
    host.rung = true;
    expect(made.opened.router.attachments.due(Number.POSITIVE_INFINITY)).toBe(true);
    await look();
    expect(states().vbr).toEqual(["waiting", "the interface lan is down"]);
    expect(host.rules).toEqual([]);
    host.links.get("lan")!.up = true;
    await look();
    expect(states().vbr).toEqual(["up", null]);
  });

  it("that fail are told with the reason, and what was borrowed is given back", async () => {
    const broken = FILE.replace(
      "name: vpc1 }, place: { namespace: vpc-bj }",
      "name: vpc1 }, place: { line: { interface: wan } }",
    );
    host.refuseLink = "vpc1";
    made.write(broken);
    await made.opened.reload();
    expect(states().vpc2).toEqual(["failed", "Could not do it: not-permitted."]);
    expect(host.links.has("vpc1")).toBe(false);
    expect(states().vpc).toEqual(["up", null]);
    host.refuseLink = undefined;
    made.write(broken.replace("mtu: 1400", "mtu: 1450"));
    await made.opened.reload();
    expect(host.links.get("db0")?.mtu).toBe(1450);
  });

  it("leave a route to the network that has it already, and tell it", async () => {
    host.namespaces.delete("vpc-sh");
    await look();
    host.addNamespace("vpc-sh").routes.set("10.1.0.0/24", "eth9");
    await look();
    expect(states().vpc).toEqual(["up", "there is another route to 10.1.0.0/24 already"]);
    expect(host.namespaces.get("vpc-sh")!.routes.size).toBe(4);
  });

  it("follow a reload without being made anew where only routes change", async () => {
    const device = tun("vpc0");
    made.write(FILE.replace("[10.1.0.0/24]", "[10.2.0.0/24]"));
    await made.opened.reload();
    expect(tun("vpc0")).toBe(device);
    expect([...host.namespaces.get("vpc-sh")!.routes.keys()].sort()).toEqual([
      "10.2.0.0/24",
      "10.66.0.0/16",
      "10.7.0.0/16",
      "10.9.0.0/16",
    ]);
  });
});

describe("attachments in a file", () => {
  const wrong = (from: string, to: string) => () => parse(FILE.replace(from, to));

  it("on this host are as the VRF's own TUN device", () => {
    const model = modelOf(parse(FILE.replace("place: { namespace: vpc-sh }, ", "")).config);
    expect(model.has("tun vpc0") && model.has("address vpc0 10.255.0.100")).toBe(true);
    expect(model.get("kernel-route vpc0 10.9.0.0/16")).toBeDefined();
    expect(model.has("attachment vpc")).toBe(false);
  });

  it("are in one place, with names, devices, interfaces and prefixes of their own", () => {
    expect(wrong("{ namespace: vpc-sh }", "{ namespace: x, vrf: y }")).toThrow(/namespace and vrf exclude each other/);
    expect(wrong("name: db,", "name: vpc,")).toThrow(/the attachment name "vpc" is used twice/);
    expect(wrong("name: vpc1", "name: vpc0")).toThrow(/the TUN device name "vpc0" is used twice/);
    expect(wrong("vrf: other, tun", "vrf: nobody, tun")).toThrow(/there is no VRF "nobody"/);
    expect(wrong("10.9.0.0/16", "10.8.0.0/16")).toThrow(/belongs to attachment "db" and to attachment "vpc"/);
    expect(wrong("[10.1.0.0/24]", "[10.7.0.0/16]")).toThrow(/belongs to tunnel "branch" and to attachment "vbr"/);
    expect(wrong("interface: lan", "interface: vpc0")).toThrow(/vpc0 is this router's own TUN device/);
    expect(wrong("vpc-bj", "vpc-sh")).toThrow(
      /network namespace vpc-sh is that of attachment "vpc" of VRF "corp", too/,
    );
    expect(wrong("namespace: vpc-bj", "vrf: blue")).toThrow(
      /device blue is that of attachment "db" of VRF "corp", too/,
    );
    expect(wrong("namespace: vpc-bj", "line: { interface: blue }")).toThrow(/device blue is that of attachment "db"/);
    expect(wrong("namespace: vpc-bj", "line: { interface: lan }")).toThrow(/the interface "lan" is used twice/);
    expect(() => parse(FILE.replace("vrf: blue", "namespace: vpc-sh"))).not.toThrow();
    expect(wrong("192.0.2.2", '"2001:db8::2"')).toThrow(/no prefix of local has the address family/);
  });
});

it("a router with nothing at all runs", async () => {
  const { config } = parse(FILE);
  const made = await rig("name: bare\nvrfs: [{ name: corp }]\n");
  const { router } = made.opened;
  await router.apply({ ...config, ...router.config, vrfs: [] }, new Map());
  expect(report(router)).toMatchObject({ attachments: [], tunnels: [], routes: [] });
  expect(router.running.size).toBe(0);
  await made.opened.close();
});
