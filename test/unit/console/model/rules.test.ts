import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { complete } from "../../../../src/console/model/complete.ts";
import { type Change, type Intent, type Violation, withChanges } from "../../../../src/console/model/intent.ts";
import type { Kind, Resource, Spec, Written } from "../../../../src/console/model/resources.ts";
import { violations } from "../../../../src/console/model/rules.ts";
import { difference, history } from "../deeds.ts";
import { deeds } from "../dice.ts";
import { runs } from "../until.ts";
import { change, creation, deletion, resource, Site, tutorial } from "../world.ts";

const site = tutorial();
const { intent } = site;

const codes = (found: readonly Violation[]) => found.map(({ code }) => code);
const patch = <K extends Kind>(kind: K, id: string, values: Partial<Spec<K>>, from: Intent = intent) =>
  violations(from, [change(from, kind, id, values)]);
const create = <K extends Kind>(kind: K, id: string, written: Written<K>) =>
  violations(intent, [creation(resource(kind, id, written) as unknown as Resource)]);
const branch = (more: Partial<Written<"instance">>) =>
  create("instance", "ins-new", { name: "new", area: "area-mainland", peakBandwidth: 10, ...more });

describe("the rules of the field", () => {
  it("find nothing wrong with the tutorial", () => expect(violations(intent, site.changes)).toEqual([]));

  it("take the intent with the changes and the one before them", () => {
    const changes = [change(intent, "instance", "ins-hangzhou", { cidrs: ["172.17.8.0/24"] })];
    expect(violations(withChanges(intent, changes), changes)).toEqual(violations(intent, changes));
  });

  it.each<[string, string, () => Violation[]]>([
    ["name-invalid", "name", () => branch({ name: "1st" })],
    ["name-taken", "name", () => branch({ name: "ningbo" })],
    ["name-taken", "name", () => branch({ name: "ins-ningbo" })],
    ["not-found", "area", () => branch({ area: "area-nowhere" })],
    ["not-found", "ccn", () => branch({ ccn: "ccn-nothing" })],
    ["bandwidth", "peakBandwidth", () => branch({ peakBandwidth: 1001 })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["10.0.0.1/24"] })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["10.0.0.0/33"] })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["10.0.0.256/32"] })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["010.0.0.0/8"] })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["8.0.0.0/7"] })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["0.1.0.0/16"] })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["127.0.0.0/8"] })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["169.254.1.0/24"] })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["224.0.0.0/24"] })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["255.255.255.255/32"] })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["100.64.0.0/10"] })],
    ["cidr-invalid", "cidrs[0]", () => branch({ cidrs: ["100.0.0.0/8"] })],
    ["cidr-overlap", "cidrs[1]", () => branch({ cidrs: ["10.9.0.0/16", "10.9.8.0/24"] })],
    ["not-own", "withdrawn[0]", () => branch({ cidrs: ["10.9.0.0/16"], withdrawn: ["10.9.8.0/24"] })],
    ["cidr-conflict", "cidrs[0]", () => branch({ ccn: "ccn-corp", cidrs: ["172.16.8.0/24"] })],
    ["cidr-conflict", "cidrs[0]", () => branch({ ccn: "ccn-corp", cidrs: ["10.0.0.0/8"] })],
    ["covers-access-point", "cidrs", () => branch({ ccn: "ccn-corp", cidrs: ["198.51.100.0/24"] })],
    ["cidr-conflict", "cidr", () => patch("vpc", "vpc-beijing", { cidr: "192.168.3.0/24" })],
    ["cidr-outside-ccn", "cidr", () => patch("ccn", "ccn-corp", { cidr: "172.16.0.0/16" })],
    ["in-use", "id", () => violations(intent, [deletion(intent, "ccn", "ccn-corp")])],
    ["in-use", "id", () => violations(intent, [deletion(intent, "instance", "ins-ningbo")])],
    ["gateway-count", "id", () => violations(intent, [deletion(intent, "device", "vcpe000000000001")])],
    ["device-fixed", "id", () => patch("device", "vcpe000000000003", { address: "100.64.9.9" })],
    ["device-fixed", "generation", () => patch("device", "vcpe000000000003", { generation: 0 })],
    ["no-outer-address", "ipv4", () => patch("access-point", "ap-beijing", { ipv4: null })],
    ["address", "ipv4", () => patch("access-point", "ap-beijing", { ipv4: "224.0.0.1" })],
    ["address", "ipv4", () => patch("access-point", "ap-beijing", { ipv4: "169.254.0.1" })],
    ["address", "ipv6", () => patch("access-point", "ap-beijing", { ipv6: "fe80::1%eth0" })],
    ["address", "ipv6", () => patch("access-point", "ap-beijing", { ipv6: "febf::1" })],
    ["address", "ipv6", () => patch("access-point", "ap-beijing", { ipv6: "::ffff:198.51.100.2" })],
    ["address", "ipv6", () => patch("access-point", "ap-beijing", { ipv6: "::198.51.100.2" })],
    ["address", "ipv6", () => patch("access-point", "ap-beijing", { ipv6: "0:0:0:0:0:0:0:1" })],
    ["address", "ipv6", () => patch("access-point", "ap-beijing", { ipv6: "ff02::1" })],
    ["address-taken", "ipv4", () => patch("access-point", "ap-beijing", { ipv4: "198.51.100.1" })],
    ["same-port", "natPort", () => patch("access-point", "ap-beijing", { natPort: 500 })],
    ["no-common-family", "ipv4", () => patch("access-point", "ap-beijing", { ipv4: null, ipv6: "2001:db8::2" })],
    ["covers-access-point", "ipv4", () => patch("access-point", "ap-beijing", { ipv4: "192.168.7.7" })],
  ])("%s at %s", (code, path, found) => {
    const all = found();
    expect(codes(all)).toContain(code);
    const one = all.find((each) => each.code === code)!;
    expect(one.path).toBe(path);
    expect(one.message.length).toBeGreaterThan(20);
    expect(one.next.length).toBeGreaterThan(5);
  });

  it.each<[string, () => Violation[]]>([
    ["a name of 2 characters", () => branch({ name: "b1" })],
    ["a name of 128 characters", () => branch({ name: `b${"._-".repeat(42)}1` })],
    ["2 Mbit/s", () => branch({ peakBandwidth: 2 })],
    ["1000 Mbit/s", () => branch({ peakBandwidth: 1000 })],
    ["a /8 and a /32", () => branch({ cidrs: ["10.0.0.0/8", "11.0.0.0/32"] })],
    ["the first and the last network of hosts", () => branch({ cidrs: ["1.0.0.0/8", "223.255.255.255/32"] })],
    ["what is beside the overlay", () => branch({ cidrs: ["100.63.255.0/24", "100.128.0.0/16"] })],
    ["neighbours of another's block", () => branch({ ccn: "ccn-corp", cidrs: ["172.15.0.0/16", "172.18.0.0/15"] })],
    ["the whole block of its CCN", () => patch("ccn", "ccn-corp", { cidr: "172.16.0.0/15" })],
    ["priority 1", () => patch("rule", "sgr-branches", { priority: 1 })],
    ["priority 100", () => patch("rule", "sgr-branches", { priority: 100 })],
    ["all ports", () => patch("rule", "sgr-branches", { protocol: "udp", ports: "1/65535" })],
    ["one address of IPv6", () => patch("access-point", "ap-beijing", { ipv6: "2001:db8::" })],
  ])("take %s", (_, found) => expect(found()).toEqual([]));

  it("name both sides of a conflict", () => {
    const [found, ...more] = patch("instance", "ins-hangzhou", { cidrs: ["172.16.0.0/12"] });
    expect(found.message).toBe("172.16.0.0/12 overlaps 172.17.0.0/16 of instance ningbo in CEN corp");
    expect(found.other).toEqual({ kind: "instance", id: "ins-ningbo", name: "ningbo" });
    expect(more).toEqual([]);
  });

  it("find the conflicts that a bind brings, and name no more than five", () => {
    const two = tutorial().add("ccn", "ccn-other", { name: "other", area: "area-mainland" });
    two.branch("wide", "mainland", "other", ["172.16.0.0/12"]);
    for (let i = 0; i < 8; i++) two.branch(`many${i}`, "mainland", "other", [`192.168.${i}.0/24`]);
    expect(violations(two.intent, two.changes)).toEqual([]);
    const found = patch("ccn", "ccn-other", { cen: "cen-corp" }, two.intent);
    expect(new Set(codes(found))).toEqual(new Set(["cidr-conflict"]));
    expect(found.length).toBe(5);
    expect(found[0].message).toBe(
      "172.16.0.0/12 of instance wide overlaps 172.16.0.0/16 of instance hangzhou in CEN corp",
    );
  });

  it("refuse that a CEN goes while something stays in it, whatever else changes", () => {
    const changes = [
      deletion(intent, "cen", "cen-corp"),
      change(intent, "instance", "ins-hangzhou", { cidrs: ["192.168.0.0/24"] }),
    ];
    expect(codes(violations(intent, changes))).toEqual(["in-use"]);
    // Told by those who need it, not by each of them again.
    const area = [
      deletion(intent, "area", "area-mainland"),
      change(intent, "ccn", "ccn-corp", { description: "changed too" }),
    ];
    const [found, ...more] = violations(intent, area);
    expect(more).toEqual([]);
    expect(found!.message).toMatch(/^area mainland is used by .*CCN corp/);
  });

  it("judge whatever is asked for, also what leaves nothing whole", () => {
    let refused = 0;
    const look = fc.property(deeds(30), deeds(30), fc.infiniteStream(fc.nat(3)), (one, two, dice) => {
      const [before, after] = [one, two].map((all) => [...history(all)].at(-1)!.intent);
      // What others refer to.
      const gone = (["area", "access-point", "cen", "ccn", "vpc", "security-group"] as const).flatMap((kind) =>
        [...before[kind].keys()].map((id) => deletion(before, kind, id)),
      );
      const wide = [...before.instance.keys()].map((id) =>
        change(before, "instance", id, { cidrs: ["192.168.0.0/16"] }),
      );
      const [half, quarter] = [() => dice.next().value < 2, () => dice.next().value === 0];
      const changes = [
        ...[...difference(before, after)].filter(half),
        ...wide.filter(quarter),
        ...gone.filter(quarter),
      ];
      for (const { code, message, next } of violations(before, changes)) {
        refused++;
        expect([code, message, next].every((text) => text !== "" && !/undefined|null/.test(text))).toBe(true);
      }
    });
    fc.assert(look, { numRuns: runs(40) });
    expect(refused).toBeGreaterThan(0);
  });

  it("let what is withdrawn overlap, until it is published", () => {
    const found = branch({ ccn: "ccn-corp", cidrs: ["172.16.8.0/24"], withdrawn: ["172.16.8.0/24"] });
    expect(found).toEqual([]);
    const late = tutorial().branch("late", "mainland", "corp", ["172.16.8.0/24"], { withdrawn: ["172.16.8.0/24"] });
    expect(codes(patch("instance", "ins-late", { withdrawn: [] }, late.intent))).toEqual(["cidr-conflict"]);
  });

  it("tell of two new ones that conflict with each other once", () => {
    const pair = new Site().area("aa").add("ccn", "ccn-x", { name: "x1", area: "area-aa" });
    pair.branch("one", "aa", "x", ["10.0.0.0/8"]).branch("two", "aa", "x", ["10.1.0.0/16"]);
    expect(codes(violations(pair.intent, pair.changes))).toEqual(["cidr-conflict"]);
  });

  it("keep what is bound together in one area", () => {
    const two = tutorial()
      .area("overseas")
      .add("cen", "cen-far", { name: "far", area: "area-overseas" })
      .point("hongkong", "overseas", "203.0.113.1");
    expect(codes(patch("ccn", "ccn-corp", { cen: "cen-far" }, two.intent))).toEqual(["area-mismatch"]);
    expect(codes(patch("instance", "ins-ningbo", { accessPoint: "ap-hongkong" }, two.intent))).toEqual([
      "area-mismatch",
    ]);
    const moved = patch("access-point", "ap-beijing", { area: "area-overseas" }, two.intent);
    expect(moved.map(({ code, message }) => [code, message])).toEqual([
      ["area-mismatch", "access point beijing is in area overseas, instance ningbo in area mainland"],
    ]);
    expect(patch("vpc", "vpc-beijing", { cen: "cen-far" }, two.intent)).toEqual([]);
  });

  it("hold vSwitches inside their VPC, and apart", () => {
    const vswitches = (...cidrs: string[]) =>
      patch("vpc", "vpc-beijing", { vswitches: cidrs.map((cidr, i) => ({ name: `s${i}`, cidr })) });
    expect(vswitches("10.0.1.0/24", "10.0.2.0/24")).toEqual([]);
    expect(codes(vswitches("10.1.0.0/24"))).toEqual(["cidr-outside-vpc"]);
    expect(codes(vswitches("10.0.0.0/17", "10.0.1.0/24"))).toEqual(["cidr-overlap"]);
    expect(
      codes(
        patch("vpc", "vpc-beijing", {
          vswitches: [
            { name: "s1", cidr: "10.0.1.0/24" },
            { name: "s1", cidr: "10.0.2.0/24" },
          ],
        }),
      ),
    ).toEqual(["name-taken"]);
  });

  it("know which protocols have ports", () => {
    const rule = (values: Partial<Spec<"rule">>) => codes(patch("rule", "sgr-branches", values));
    expect(rule({ protocol: "tcp", ports: "80/80" })).toEqual([]);
    expect(rule({ protocol: "icmp", ports: "80/80" })).toEqual(["ports-without-protocol"]);
    expect(rule({ protocol: "all", ports: "1/200" })).toEqual(["ports-without-protocol"]);
    for (const ports of ["200/1", "0/80", "1/65536"]) expect(rule({ protocol: "udp", ports })).toEqual(["ports"]);
    expect(rule({ cidr: "0.0.0.0/0" })).toEqual([]);
    expect(rule({ cidr: "172.16.0.1/12" })).toEqual(["cidr-invalid"]);
    expect(rule({ priority: 101 })).toEqual(["priority"]);
  });

  it("leave a locked instance as it is", () => {
    const locked = withChanges(intent, [
      change(intent, "instance", "ins-ningbo", { locked: true, ccn: null, activated: false }),
    ]);
    expect(codes(patch("instance", "ins-ningbo", { ccn: "ccn-corp" }, locked))).toEqual(["locked"]);
    expect(codes(patch("instance", "ins-ningbo", { activated: true }, locked))).toEqual(["locked"]);
    expect(patch("instance", "ins-ningbo", { locked: false, ccn: "ccn-corp", activated: true }, locked)).toEqual([]);
    expect(patch("instance", "ins-hangzhou", { locked: true })).toEqual([]);
  });

  it("count devices", () => {
    const device = (id: string, values: Partial<Written<"device">>): Change =>
      creation(
        resource("device", id, {
          name: id,
          instance: "ins-ningbo",
          accessPoint: null,
          role: "active",
          address: "100.64.1.1",
          generation: 1,
          ...values,
        }),
      );
    expect(codes(violations(intent, [device("vcpe0000000000zz", {})]))).toEqual(["device-count"]);
    expect(
      codes(
        violations(intent, [
          device("vcpe0000000000zz", { instance: null, accessPoint: "ap-beijing", role: "gateway" }),
        ]),
      ),
    ).toEqual(["gateway-count"]);
    const alone = new Site()
      .area("a")
      .add("instance", "ins-x", { name: "x1", area: "area-a", peakBandwidth: 2 }).intent;
    const found = (values: Partial<Written<"device">>, id = "vcpe0000000000zz") =>
      codes(violations(alone, [device(id, { instance: "ins-x", ...values })]));
    expect(found({})).toEqual([]);
    expect(found({}, "serial-1")).toEqual(["serial"]);
    expect(found({ role: "gateway" })).toEqual(["device-role"]);
    expect(found({ instance: null })).toEqual(["device-owner"]);
    expect(found({ address: "10.0.0.1" })).toEqual(["device-address"]);
    expect(
      codes(violations(intent, [device("vcpe0000000000zz", { address: "100.64.0.1", role: "standby" })])),
    ).toContain("device-address");
  });

  it("let an access point be made only with its device, and an instance go with its devices", () => {
    const alone = resource("access-point", "ap-x", {
      name: "x1",
      area: "area-mainland",
      region: "x",
      ipv4: "203.0.113.9",
    });
    expect(codes(violations(intent, [creation(alone)]))).toEqual(["gateway-count"]);
    const own = ["vcpe000000000005", "vcpe000000000006"].map((id) => deletion(intent, "device", id));
    expect(violations(intent, [deletion(intent, "instance", "ins-ningbo"), ...own])).toEqual([]);
  });
});

describe("complete", () => {
  it("fills in defaults", () => {
    expect(complete("instance", { name: "x1", area: "a", peakBandwidth: 2 })).toEqual({
      name: "x1",
      description: "",
      area: "a",
      peakBandwidth: 2,
      accessPoint: null,
      haType: "warm_backup",
      routingStrategy: "static",
      cidrs: [],
      withdrawn: [],
      ccn: null,
      activated: false,
      locked: false,
    });
  });

  it("writes IPv6 addresses as RFC 5952 has them", () => {
    const written = { name: "x1", area: "a", region: "r", ipv6: "2001:DB8:0:0::1" };
    expect(complete("access-point", written)).toMatchObject({ ipv6: "2001:db8::1", ikePort: 500, natPort: 4500 });
  });
});
