/** Where VPCs and leased lines are on a gateway's host. */
import { describe, expect, it } from "vitest";
import { type Intent, type Violation, withChanges } from "../../../../../src/console/model/intent.ts";
import type { Kind, Resource, Spec, Written } from "../../../../../src/console/model/resources.ts";
import { violations } from "../../../../../src/console/model/rules.ts";
import { change, creation, resource, tutorial } from "../../world.ts";

const { intent } = tutorial();

const codes = (found: readonly Violation[]) => found.map(({ code }) => code);
const patch = <K extends Kind>(kind: K, id: string, values: Partial<Spec<K>>, from: Intent = intent) =>
  violations(from, [change(from, kind, id, values)]);
const create = <K extends Kind>(kind: K, id: string, written: Written<K>, from: Intent = intent) =>
  violations(from, [creation(resource(kind, id, written) as unknown as Resource)]);
const having = (from: Intent, ...patches: readonly Partial<Spec<"access-point">>[]) =>
  patches.reduce((now, values) => withChanges(now, [change(now, "access-point", "ap-beijing", values)]), from);

const vpc = { name: "third", accessPoint: "ap-beijing", cidr: "10.7.0.0/16" };
const line = { name: "line", accessPoint: "ap-beijing", interface: "eth1", prefixes: ["10.8.0.0/16"] };
const inNamespace = (name: string) => ({ kind: "namespace", name }) as const;
const inVrf = (device: string) => ({ kind: "vrf", device }) as const;

describe("a place of a gateway's host", () => {
  it("is given to one VPC, whatever network it is bound to", () => {
    const place = inNamespace("vpc-beijing");
    const offered = having(intent, { vpcVrfs: ["red"] });
    for (const cen of [null, "cen-corp"])
      expect(codes(create("vpc", "vpc-third", { ...vpc, place, cen }))).toEqual(["place-taken"]);
    const { intent: inRed } = tutorial().add("vpc", "vpc-third", { ...vpc, place: inVrf("red") });
    const red = having(inRed, { vpcVrfs: ["red"] });
    const [found] = create("vpc", "vpc-fourth", { ...vpc, name: "fourth", place: inVrf("red") }, red);
    expect(found).toMatchObject({ code: "place-taken", path: "place", other: { kind: "vpc", id: "vpc-third" } });
    expect(found.message).toBe(
      "VRF device red at access point beijing is that of VPC third too, and routes of both would meet there",
    );
    expect(codes(patch("vpc", "vpc-beijing", { place: inVrf("red") }, red))).toEqual(["place-taken"]);
    expect(create("vpc", "vpc-third", { ...vpc, place: inVrf("red") }, offered)).toEqual([]);
    const host = withChanges(intent, [change(intent, "vpc", "vpc-beijing", { place: { kind: "host" } })]);
    expect(codes(create("vpc", "vpc-third", { ...vpc, place: { kind: "host" } }, host))).toEqual(["place-taken"]);
  });

  it("is another one at another access point", () => {
    const shanghai = change(intent, "access-point", "ap-shanghai", { vpcNamespaces: ["vpc-shanghai", "vpc-beijing"] });
    const place = inNamespace("vpc-beijing");
    const third = { ...vpc, accessPoint: "ap-shanghai", place };
    expect(create("vpc", "vpc-third", third, withChanges(intent, [shanghai]))).toEqual([]);
  });

  it("is given to one leased line", () => {
    const { intent: with1 } = tutorial().add("vbr", "vbr-a", line);
    const second = { ...line, name: "other", prefixes: ["10.9.0.0/16"] };
    const [found] = create("vbr", "vbr-b", second, with1);
    expect(found).toMatchObject({ code: "interface-taken", path: "interface", other: { kind: "vbr", id: "vbr-a" } });
    expect(found.next).toMatch(/or add the prefixes to the other VBR$/);
    expect(codes(patch("vbr", "vbr-a", { nextHop: "224.0.0.9" }, with1))).toEqual(["address"]);
  });

  it("is not the VRF device of a VPC and the end of a leased line at once", () => {
    const offers = { lineInterfaces: ["eth1", "red"], vpcVrfs: ["red"] };
    const { intent: inRed } = tutorial().add("vpc", "vpc-third", { ...vpc, place: inVrf("red") });
    const [found] = create("vbr", "vbr-a", { ...line, interface: "red" }, having(inRed, offers));
    expect(found).toMatchObject({ code: "interface-taken", other: { kind: "vpc", id: "vpc-third" } });
    expect(found.next).toBe("Use another interface, such as a VLAN of its own");
    const { intent: atRed } = tutorial().add("vbr", "vbr-a", { ...line, interface: "red" });
    const taken = create("vpc", "vpc-third", { ...vpc, place: inVrf("red") }, having(atRed, offers));
    expect(taken).toMatchObject([{ code: "place-taken", other: { kind: "vbr", id: "vbr-a" } }]);
  });

  it("is for VPCs when the access point offers it", () => {
    const [refused, ...more] = create("vpc", "vpc-third", { ...vpc, place: inNamespace("office") });
    expect(refused).toMatchObject({
      code: "place-not-offered",
      path: "place",
      message: "access point beijing does not offer network namespace office for VPCs; it offers vpc-beijing",
      next: "Use one that it offers, or have an admin add this one to its vpcNamespaces",
      other: { kind: "access-point", id: "ap-beijing" },
    });
    expect(more).toEqual([]);
    const offered = having(intent, { vpcNamespaces: ["vpc-beijing", "office"], vpcVrfs: ["red"] });
    expect(create("vpc", "vpc-third", { ...vpc, place: inNamespace("office") }, offered)).toEqual([]);
    // A namespace of that name says nothing about a device, nor one access point about another.
    const [device] = create("vpc", "vpc-third", { ...vpc, place: inVrf("office") }, offered);
    expect(device.message).toBe("access point beijing does not offer VRF device office for VPCs; it offers red");
    const elsewhere = { ...vpc, accessPoint: "ap-shanghai", place: inVrf("red") };
    expect(create("vpc", "vpc-third", elsewhere, offered)[0].message).toMatch(/it offers none$/);
    expect(codes(patch("vpc", "vpc-beijing", { accessPoint: "ap-shanghai" }))).toEqual(["place-not-offered"]);
    expect(codes(patch("vpc", "vpc-beijing", { place: inNamespace("x") }))).toEqual(["place-not-offered"]);
    // An interface for lines is none for VPCs.
    expect(codes(create("vpc", "vpc-third", { ...vpc, place: inVrf("eth1") }))).toEqual(["place-not-offered"]);
    expect(create("vpc", "vpc-third", { ...vpc, place: { kind: "host" } })).toEqual([]);
  });

  it("stays offered while a VPC is in it", () => {
    const { intent: inRed } = tutorial().add("vpc", "vpc-third", { ...vpc, place: inVrf("red") });
    const all = having(inRed, { vpcVrfs: ["red", "blue"] });
    const offer = (values: Partial<Spec<"access-point">>) => patch("access-point", "ap-beijing", values, all);
    expect(offer({ vpcVrfs: ["red"], lineInterfaces: [] })).toEqual([]);
    expect(offer({ vpcVrfs: ["blue"] })).toMatchObject([
      {
        code: "place-in-use",
        path: "vpcVrfs",
        message: "VRF device red at access point beijing is that of VPC third",
        next: "Keep it in vpcVrfs, or delete VPC third or give it another place first",
        other: { kind: "vpc", id: "vpc-third" },
      },
    ]);
    const [namespace] = offer({ vpcNamespaces: [] });
    expect(namespace).toMatchObject({ code: "place-in-use", path: "vpcNamespaces", other: { id: "vpc-beijing" } });
    const moved = [
      change(all, "access-point", "ap-beijing", { vpcVrfs: ["green"] }),
      change(all, "vpc", "vpc-third", { place: inVrf("green") }),
    ];
    expect(violations(all, moved)).toEqual([]);
  });

  it("is the end of a leased line when the access point offers it, and stays offered", () => {
    const [refused] = create("vbr", "vbr-a", { ...line, interface: "eth0" });
    expect(refused).toMatchObject({
      code: "interface-not-offered",
      path: "interface",
      message: "access point beijing does not offer interface eth0 for leased lines; it offers eth1, eth1.100",
      next: "Use one that it offers, or have an admin add this one to its lineInterfaces",
    });
    expect(create("vbr", "vbr-a", line)).toEqual([]);
    const [none] = create("vbr", "vbr-a", { ...line, accessPoint: "ap-shanghai" });
    expect(none.message).toMatch(/it offers none$/);
    const { intent: with1 } = tutorial().add("vbr", "vbr-a", line);
    expect(codes(patch("vbr", "vbr-a", { interface: "eth0" }, with1))).toEqual(["interface-not-offered"]);
    expect(codes(patch("vbr", "vbr-a", { accessPoint: "ap-shanghai" }, with1))).toEqual(["interface-not-offered"]);
    const offer = (...lineInterfaces: string[]) => patch("access-point", "ap-beijing", { lineInterfaces }, with1);
    expect(offer("eth1")).toEqual([]);
    expect(offer("eth1.100")).toMatchObject([
      { code: "interface-in-use", path: "lineInterfaces", other: { kind: "vbr", id: "vbr-a" } },
    ]);
    const both = [
      change(with1, "access-point", "ap-beijing", { lineInterfaces: ["eth5"] }),
      change(with1, "vbr", "vbr-a", { interface: "eth5" }),
    ];
    expect(violations(with1, both)).toEqual([]);
  });

  it("is one of as many as a gateway can serve", () => {
    const interfaces = Array.from({ length: 1000 }, (_, i) => `eth${i}`);
    const prefixes = ["10.8.0.0/16"];
    const lines = interfaces.map((name, i) =>
      creation(resource("vbr", `vbr-${i}`, { name: `line${i}`, accessPoint: "ap-beijing", interface: name, prefixes })),
    );
    const found = violations(having(intent, { lineInterfaces: interfaces }), lines);
    expect(new Set(codes(found))).toEqual(new Set(["access-point-full"]));
    expect(found[0].message).toBe("access point beijing would have 1001 VPCs and VBRs");
  });
});
