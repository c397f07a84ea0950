import { afterEach, beforeEach, expect, it } from "vitest";
import { EXAMPLES } from "../../../src/console/api/examples.ts";
import { OWN_KINDS } from "../../../src/console/api/specs.ts";
import { ask, openRig, type Rig } from "./rig.ts";

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

it("leased lines end only at interfaces of a gateway that an admin has offered", async () => {
  const operator = { "x-role": "operator" };
  const any = { ...operator, "if-match": "*" };
  const line = { name: "line-2", accessPoint: "shanghai", interface: "eth0", prefixes: ["10.201.0.0/16"] };
  const foreign = { status: 409, body: { code: "interface-not-offered", path: "interface" } };
  expect(await ask(rig, "POST", "/vbrs", line, operator)).toMatchObject(foreign);
  expect(await ask(rig, "PATCH", "/vbrs/line-1", { interface: "eth0" }, any)).toMatchObject(foreign);
  const offer = { lineInterfaces: ["eth0", "eth2"] };
  expect(await ask(rig, "PATCH", "/access-points/shanghai", offer, any)).toMatchObject({ status: 403 });
  const resources = [
    { kind: "access-point", name: "shanghai", ...offer },
    { kind: "vbr", ...line },
  ];
  const refused = { status: 403, body: { code: "role" } };
  expect(await ask(rig, "POST", "/apply", { resources }, operator)).toMatchObject(refused);
  expect((await ask(rig, "POST", "/apply", { resources })).status).toBe(200);
  const taken = { status: 409, body: { code: "interface-taken" } };
  expect(await ask(rig, "PATCH", "/vbrs/line-1", { interface: "eth0" }, any)).toMatchObject(taken);
  const less = { kind: "access-point", name: "shanghai", lineInterfaces: null };
  expect(await ask(rig, "POST", "/apply", { resources: [less] })).toMatchObject({
    status: 409,
    body: { code: "interface-in-use", path: "resources[0].lineInterfaces" },
  });
});
