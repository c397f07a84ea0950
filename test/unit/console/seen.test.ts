/** What is seen of devices, in the replies of resources: as the document describes it, also when everything is seen of them. */
import { Errors } from "typebox/value";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EXAMPLES } from "../../../src/console/api/examples.ts";
import { OWN_KINDS } from "../../../src/console/api/specs.ts";
import type { Observed } from "../../../src/console/model/observed.ts";
import { type Document, inlined, operations } from "./document.ts";
import { ask, openRig, type Rig } from "./rig.ts";

let rig: Rig;
let document: Document;
beforeAll(async () => {
  rig = await openRig();
  document = (await ask(rig, "GET", "/openapi.json")).body;
  const resources = OWN_KINDS.map((kind) => ({ kind, ...EXAMPLES[kind] }));
  expect((await ask(rig, "POST", "/apply", { resources })).status).toBe(200);
  for (const { id } of rig.desk.intent.device.values()) rig.fleet.see(id, seen());
});
afterAll(() => rig.close());

function seen(): Observed {
  const traffic = { packets: 1, bytes: 2 };
  const [vpc] = rig.desk.intent.vpc.keys();
  const tunnel = { name: "a", rttMs: 1, in: traffic, out: traffic, lastError: null, silent: true, carries: true };
  return {
    controller: "normal",
    vpn: "normal",
    sync: "synchronized",
    enrolled: true,
    version: "1",
    lastSeen: "2026-01-01T00:00:00.000Z",
    applied: 1,
    wanted: 1,
    error: { code: "failed", message: "x" },
    tunnels: [{ ...tunnel, state: "up" }],
    attachments: [{ name: vpc, state: "waiting", reason: "no namespace" }],
    drops: { "no-route": 3 },
  };
}

it("is answered as documented", async () => {
  const reads = operations(document).filter(({ operationId }) => /^(list|get)[A-Z]/.test(operationId));
  for (const { path, responses } of reads) {
    const [, many] = path.split("/");
    const [one] = path.endsWith("/:id") || path.endsWith("/{id}") ? (await ask(rig, "GET", `/${many}`)).body.items : [];
    const url = one ? `/${many}/${one.id}` : path;
    if (url.includes("{")) continue;
    const { status, body } = await ask(rig, "GET", url);
    expect(status, url).toBe(200);
    const schema = responses["200"].content?.["application/json"]?.schema;
    if (schema && typeof body === "object") expect(Errors(inlined(document, schema), body), url).toEqual([]);
  }
});

it("has counters only in the reply for one device", async () => {
  const { items } = (await ask(rig, "GET", "/devices")).body;
  for (const { status } of items) expect(status).toMatchObject({ tunnelsUp: 1, tunnelsTotal: 1 });
  expect(JSON.stringify(items)).not.toContain("no-route");
  const { status } = (await ask(rig, "GET", `/devices/${items[0].id}`)).body;
  expect(status).toMatchObject({ drops: { "no-route": 3 }, tunnels: [{ name: "a" }] });
});
