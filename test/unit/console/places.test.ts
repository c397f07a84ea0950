/** Where VPCs may be attached on a gateway's host, and leased lines end: admins say it, operators choose among it. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { EXAMPLES } from "../../../src/console/api/examples.ts";
import { OWN_KINDS } from "../../../src/console/api/specs.ts";
import { ask, openRig, type Rig } from "./rig.ts";

const OPERATOR = { "x-role": "operator" };
const ANY = { ...OPERATOR, "if-match": "*" };
let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
  const resources = OWN_KINDS.map((kind) => ({ kind, ...EXAMPLES[kind] }));
  expect((await ask(rig, "POST", "/apply", { resources })).status).toBe(200);
});
afterEach(async () => {
  await rig.close();
  expect(rig.faults).toEqual([]);
});

it("VPCs are attached only in namespaces and VRF devices that an admin has offered", async () => {
  const foreign = { status: 409, body: { code: "place-not-offered", path: "place" } };
  const vpc = { name: "vpc-2", accessPoint: "shanghai", cidr: "10.9.0.0/16", place: { kind: "vrf", device: "red" } };
  expect(await ask(rig, "POST", "/vpcs", vpc, OPERATOR)).toMatchObject(foreign);
  expect(await ask(rig, "POST", "/vpcs?dryRun=true", vpc, OPERATOR)).toMatchObject(foreign);
  expect(await ask(rig, "PATCH", "/vpcs/vpc-shanghai", { place: { name: "office" } }, ANY)).toMatchObject(foreign);
  // Nothing of what came with it is done.
  const { revision } = rig.desk;
  const cen = { kind: "cen", name: "fresh", area: "mainland" };
  const whole = { resources: [cen, { kind: "vpc", ...vpc, cen: "fresh" }] };
  expect(await ask(rig, "POST", "/apply", whole, OPERATOR)).toMatchObject({
    status: 409,
    body: { code: "place-not-offered", path: "resources[1].place" },
  });
  expect([rig.desk.revision, rig.desk.find("cen", "fresh")]).toEqual([revision, undefined]);

  const offer = { vpcVrfs: ["red"] };
  expect(await ask(rig, "PATCH", "/access-points/shanghai", offer, ANY)).toMatchObject({ status: 403 });
  const resources = [
    { kind: "access-point", name: "shanghai", ...offer },
    { kind: "vpc", ...vpc },
  ];
  const refused = { status: 403, body: { code: "role" } };
  expect(await ask(rig, "POST", "/apply", { resources }, OPERATOR)).toMatchObject(refused);
  expect((await ask(rig, "POST", "/apply", { resources })).status).toBe(200);
  expect((await ask(rig, "GET", "/access-points/shanghai")).body).toMatchObject(offer);
  const second = { ...vpc, name: "vpc-3" };
  expect(await ask(rig, "POST", "/vpcs", second, OPERATOR)).toMatchObject({
    status: 409,
    body: { code: "place-taken", violations: [{ other: { kind: "vpc", name: "vpc-2" } }] },
  });
});

it("what a VPC is in stays offered; what an access point offers concerns no router", async () => {
  const any = { "if-match": "*" };
  const less = await ask(rig, "PATCH", "/access-points/shanghai", { vpcNamespaces: null }, any);
  expect(less).toMatchObject({ status: 409, body: { code: "place-in-use", path: "vpcNamespaces" } });
  expect(less.body.message).toContain("VPC vpc-shanghai");
  const more = { vpcNamespaces: ["vpc-shanghai", "web"], vpcVrfs: ["red"] };
  const dry = await ask(rig, "PATCH", "/access-points/shanghai?dryRun=true", more, any);
  expect(dry).toMatchObject({ status: 200, body: { resource: more, routers: [] } });
  const other = { place: { kind: "namespace", name: "web" } };
  expect((await ask(rig, "PATCH", "/access-points/shanghai", more, any)).status).toBe(200);
  expect((await ask(rig, "PATCH", "/vpcs/vpc-shanghai", other, ANY)).status).toBe(200);
  expect((await ask(rig, "PATCH", "/access-points/shanghai", { vpcNamespaces: ["web"] }, any)).status).toBe(200);
});

it("leased lines end only at interfaces of a gateway that an admin has offered", async () => {
  const line = { name: "line-2", accessPoint: "shanghai", interface: "eth0", prefixes: ["10.201.0.0/16"] };
  const foreign = { status: 409, body: { code: "interface-not-offered", path: "interface" } };
  expect(await ask(rig, "POST", "/vbrs", line, OPERATOR)).toMatchObject(foreign);
  expect(await ask(rig, "PATCH", "/vbrs/line-1", { interface: "eth0" }, ANY)).toMatchObject(foreign);
  const offer = { lineInterfaces: ["eth0", "eth2"] };
  expect(await ask(rig, "PATCH", "/access-points/shanghai", offer, ANY)).toMatchObject({ status: 403 });
  const resources = [
    { kind: "access-point", name: "shanghai", ...offer },
    { kind: "vbr", ...line },
  ];
  const refused = { status: 403, body: { code: "role" } };
  expect(await ask(rig, "POST", "/apply", { resources }, OPERATOR)).toMatchObject(refused);
  expect((await ask(rig, "POST", "/apply", { resources })).status).toBe(200);
  const taken = { status: 409, body: { code: "interface-taken" } };
  expect(await ask(rig, "PATCH", "/vbrs/line-1", { interface: "eth0" }, ANY)).toMatchObject(taken);
  const less = { kind: "access-point", name: "shanghai", lineInterfaces: null };
  expect(await ask(rig, "POST", "/apply", { resources: [less] })).toMatchObject({
    status: 409,
    body: { code: "interface-in-use", path: "resources[0].lineInterfaces" },
  });
});
