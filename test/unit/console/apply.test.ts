import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { differences } from "../../../src/console/api/difference.ts";
import { EXAMPLES } from "../../../src/console/api/examples.ts";
import { OWN_KINDS } from "../../../src/console/api/specs.ts";
import { Compiler } from "../../../src/console/compile/compile.ts";
import type { OwnKind } from "../../../src/console/desk/draft.ts";
import { EMPTY } from "../../../src/console/model/intent.ts";
import { ask, openRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(async () => {
  await rig.close();
  expect(rig.faults).toEqual([]);
});

/** Backwards: what is referred to stands behind what refers to it. */
const SITE = OWN_KINDS.toReversed().map((kind) => ({ kind, ...EXAMPLES[kind] }));

const nameOf = ({ kind }: { readonly kind: OwnKind }) => String((EXAMPLES[kind] as { readonly name: string }).name);

const apply = (resources: unknown, more: object = {}, query = "", headers = {}) =>
  ask(rig, "POST", `/apply${query}`, { resources, ...more }, headers);

it("makes a whole site in one transaction, and nothing the second time", async () => {
  const dry = await apply(SITE, {}, "?dryRun=true");
  expect(dry.body).toMatchObject({ dryRun: true, unchanged: 0, violations: [] });
  expect(dry.body.created).toHaveLength(9);
  expect(rig.desk.revision).toBe(0);
  const first = await apply(SITE);
  expect(first.status).toBe(200);
  expect(first.body.created.map(({ kind }: { kind: string }) => kind)).toEqual(OWN_KINDS);
  expect(
    first.body.devices.map(({ role, instance, accessPoint }: Record<string, string>) => [
      role,
      instance ?? accessPoint,
    ]),
  ).toEqual([
    ["gateway", "shanghai"],
    ["active", "hangzhou"],
    ["standby", "hangzhou"],
  ]);
  expect(first.body.devices.every(({ key, serial }: Record<string, string>) => key === `key-of-${serial}`)).toBe(true);
  expect(first.body.routers).toHaveLength(3);
  expect(rig.desk.revision).toBe(1);
  const second = await apply(SITE);
  expect(second.body).toEqual({ created: [], updated: [], deleted: [], unchanged: 9, devices: [], routers: [] });
  expect(rig.desk.revision).toBe(1);
});

it("changes what differs, and leaves what is not written as it is", async () => {
  await apply(SITE);
  await ask(rig, "POST", "/instances/hangzhou/activate");
  const { body } = await apply([{ kind: "instance", name: "hangzhou", peakBandwidth: 30 }]);
  expect(body.updated).toMatchObject([{ kind: "instance", name: "hangzhou" }]);
  expect(body.routers.length).toBeGreaterThan(0);
  expect(rig.desk.find("instance", "hangzhou")).toMatchObject({ peakBandwidth: 30, activated: true });
  await apply([{ kind: "instance", name: "hangzhou", ccn: null }]);
  expect(rig.desk.find("instance", "hangzhou")!.ccn).toBeNull();
});

it("tells of routers what its dry run told, and compiles once", async () => {
  await apply(SITE);
  const change = [
    { kind: "instance", name: "hangzhou", peakBandwidth: 30, activated: true },
    { kind: "instance", name: "ningbo", area: "mainland", peakBandwidth: 5, activated: true },
  ];
  const dry = await apply(change, {}, "?dryRun=true");
  const compiled = vi.spyOn(Compiler.prototype, "change");
  const previewed = vi.spyOn(Compiler.prototype, "preview");
  const { body } = await apply(change);
  expect([compiled, previewed].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
  vi.restoreAllMocks();
  // Devices of the new instance have other serial numbers each time.
  const told = (routers: { name: string }[]) => routers.filter(({ name }) => !name.startsWith("ningbo"));
  expect(told(body.routers)).toEqual(told(dry.body.routers));
  expect(told(body.routers)).toHaveLength(3);
});

it("tells of so many routers, first of those of which more changes than what all reach, and counts the others", async () => {
  await apply(SITE);
  const branch = (i: number) => ({
    ...{ kind: "instance", name: `branch${i}`, area: "mainland", accessPoint: "shanghai", peakBandwidth: 5 },
    ...{ cidrs: [`10.64.${i}.0/24`], ccn: "branches", activated: true },
  });
  const first = await apply(Array.from({ length: 60 }, (_, i) => branch(i)));
  expect([first.body.routers.length, first.body.moreRouters]).toEqual([100, 21]);
  const names = ({ body }: { body: { routers: { name: string }[] } }) => body.routers.map(({ name }) => name);
  for (const query of ["?routers=3", "?routers=3&dryRun=true"]) {
    const told = await apply([branch(query.length + 60)], {}, query);
    expect(names(told)[0]).toBe("shanghai (gateway)");
    expect(names(told).slice(1)).toEqual(["active", "standby"].map((role) => `branch${query.length + 60} (${role})`));
    expect(told.body.moreRouters).toBeGreaterThan(100);
  }
  expect((await apply([branch(99)], {}, "?dryRun=true&routers=500")).body.moreRouters).toBeUndefined();
  expect((await apply([branch(99)], {}, "?dryRun=true&routers=0")).body).toMatchObject({
    routers: [],
    moreRouters: 125,
  });
  expect((await apply([], {}, "?routers=-1")).status).toBe(400);
});

it("tells no more than a few megabytes, though a long list changes on ten thousand routers", () => {
  const list = (length: number) => ({ vrf: "cen-1", routes: Array.from({ length }, (_, i) => `10.0.0.${i}`) });
  const [before, after] = [list(10_000), list(10_001)];
  const delta = {
    put: new Map([["reach/cen-1", after]]),
    remove: new Set<string>(),
    before: new Map([["reach/cen-1", before]]),
  };
  const deltas = new Map(Array.from({ length: 10_000 }, (_, i) => [`vcpe${i}`, delta]));
  const { routers, moreRouters } = differences(EMPTY, { changes: [], deltas }, 50_000);
  expect(JSON.stringify(routers).length).toBeLessThan(5_000_000);
  expect(routers.length).toBeGreaterThan(5);
  expect(routers.length + moreRouters!).toBe(10_000);
});

it("prunes what is not there, for those who may", async () => {
  await apply(SITE);
  const rest = SITE.filter(({ kind }) => kind !== "rule" && kind !== "instance");
  const operator = { "x-role": "operator" };
  expect((await apply(rest, { prune: true }, "", operator)).status).toBe(200);
  expect(rig.fleet.keys()).toHaveLength(1);
  const refused = await apply([], { prune: true }, "", operator);
  expect(refused).toMatchObject({ status: 403, body: { code: "role" } });
  const { body } = await apply([], { prune: true });
  expect(body.deleted).toHaveLength(7);
  expect(Object.values(rig.desk.intent).every((resources) => resources.size === 0)).toBe(true);
  expect(rig.fleet.keys()).toEqual([]);
});

it("prunes no rule that is in the request with the group that is not", async () => {
  await apply(SITE);
  const rest = SITE.filter(({ kind }) => kind !== "security-group").map((one) => ({
    kind: one.kind,
    name: nameOf(one),
  }));
  const { status, body } = await apply(rest, { prune: true });
  expect([status, body.code]).toEqual([409, "in-use"]);
  expect(body.message).toContain("is used by rule ");
  expect((await apply(rest, { prune: true }, "?dryRun=true")).status).toBe(409);
  expect(
    (
      await apply(
        rest.filter(({ kind }) => kind !== "rule"),
        { prune: true },
      )
    ).body.deleted,
  ).toHaveLength(2);
});

it("refuses what prunes a CEN away from what is in it, together with all else that is wrong", async () => {
  await apply(SITE);
  const wrong = { kind: "instance", name: "hangzhou", cidrs: ["10.0.0.0/8"] };
  const rest = SITE.filter(({ kind }) => kind !== "cen" && kind !== "instance").map((one) => ({
    kind: one.kind,
    name: nameOf(one),
  }));
  const { status, body } = await apply([...rest, wrong], { prune: true });
  expect([status, body.code]).toEqual([409, "in-use"]);
});

it("moves a VPC to another kind of place", async () => {
  await apply(SITE);
  const vpc = rig.desk.find("vpc", nameOf({ kind: "vpc" }))!;
  const [point] = rig.desk.intent["access-point"].values();
  await apply([{ kind: "access-point", name: point!.name, vpcVrfs: ["red"] }]);
  const place = { kind: "vrf", device: "red" };
  const { body } = await apply([{ kind: "vpc", name: vpc.name, place }]);
  expect(body.updated).toMatchObject([{ name: vpc.name }]);
  expect(rig.desk.find("vpc", vpc.id)!.place).toEqual(place);
  const back = await ask(rig, "PATCH", `/vpcs/${vpc.id}`, { place: vpc.place }, { "if-match": "*" });
  expect(back.status).toBe(200);
  expect(rig.desk.find("vpc", vpc.id)!.place).toEqual(vpc.place);
});

it("says where in the request something is wrong, and changes nothing", async () => {
  await apply(SITE);
  const { revision } = rig.desk;
  const instance = EXAMPLES.instance;
  const wrong = async (...resources: object[]) => {
    const { status, body } = await apply(resources);
    return [status, body.code, body.path];
  };
  expect(await wrong({ kind: "area", name: "a1" }, { kind: "instance", name: "x1", peakBandwith: 5 })).toEqual([
    400,
    "missing-key",
    "resources[1]",
  ]);
  expect(await wrong({ kind: "instence", name: "x1" })).toEqual([400, "choice", "resources[0].kind"]);
  expect(await wrong({ kind: "device", name: "x1" })).toEqual([400, "choice", "resources[0].kind"]);
  expect(await wrong({ kind: "area", name: "a1" }, { kind: "area", name: "a1" })).toEqual([
    400,
    "duplicate",
    "resources[1].name",
  ]);
  expect(await wrong({ kind: "area", name: "a1" }, { kind: "cen", name: "c1", area: "a2" })).toEqual([
    422,
    "unknown-reference",
    "resources[1].area",
  ]);
  expect(await wrong({ kind: "area", name: "a1" }, { kind: "instance", ...instance, name: "x1" })).toEqual([
    409,
    "cidr-conflict",
    "resources[1].cidrs[0]",
  ]);
  expect(await wrong({ kind: "area", name: "mainland", description: "https://x" })).toEqual([
    400,
    "pattern",
    "resources[0].description",
  ]);
  expect(rig.desk.revision).toBe(revision);
  expect(rig.desk.find("area", "a1")).toBeUndefined();
});

it("is repeated without its keys", async () => {
  const headers = { "idempotency-key": "k" };
  const first = await apply(SITE, {}, "", headers);
  const second = await apply(SITE, {}, "", headers);
  const devices = first.body.devices.map(({ key: _, ...device }: { key: string }) => device);
  expect(second.body).toEqual({ ...first.body, devices, keysShown: true });
});
