import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EXAMPLES } from "../../../src/console/api/examples.ts";
import { OWN_KINDS } from "../../../src/console/api/specs.ts";
import { WORDS } from "../../../src/console/desk/references.ts";
import { ask, openRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(async () => {
  await rig.close();
  expect(rig.faults).toEqual([]);
});

/** Creates the examples of all kinds, in order. */
async function tutorial(): Promise<void> {
  for (const kind of OWN_KINDS) {
    const { status, body } = await ask(rig, "POST", `/${WORDS[kind].many}`, EXAMPLES[kind]);
    expect([status, body.code]).toEqual([201, undefined]);
  }
}

describe("resources", () => {
  it("are created, with devices and their keys shown once", async () => {
    await tutorial();
    const created = await ask(rig, "POST", "/instances", { name: "ningbo", area: "mainland", peakBandwidth: 5 });
    expect(created.status).toBe(201);
    expect(created.headers.etag).toBe('"1"');
    expect(created.headers.location).toBe(`/v1/instances/${created.body.id}`);
    expect(created.body).toMatchObject({ kind: "instance", version: 1, cidrs: [], ccn: null, activated: false });
    expect(created.body.devices).toHaveLength(2);
    for (const { serial, key } of created.body.devices) {
      expect(serial).toMatch(/^vcpe[a-z0-9]{12}$/);
      expect(key).toBe(`key-of-${serial}`);
    }
    const read = await ask(rig, "GET", "/instances/ningbo");
    expect(read.body.devices).toBeUndefined();
    expect(read.body.status).toEqual({ status: "Received", text: "To be activated", carrier: null });
    const addresses = [...rig.desk.intent.device.values()].map(({ address }) => address).sort();
    expect(addresses).toEqual(["100.64.0.1", "100.64.0.2", "100.64.0.3", "100.64.0.4", "100.64.0.5"]);
  });

  it("answers references by name with ids", async () => {
    await tutorial();
    const { body } = await ask(rig, "GET", "/instances/hangzhou");
    const ccn = await ask(rig, "GET", `/ccns/${body.ccn}`);
    expect(ccn.body.name).toBe("branches");
  });

  it("names what it does not know", async () => {
    const unknown = await ask(rig, "POST", "/areas", { name: "mainland", descripton: "x" });
    expect(unknown).toMatchObject({ status: 400, body: { code: "unknown-key", path: "descripton" } });
    expect(unknown.body.next).toBe('Did you mean "description"?');
    const missing = await ask(rig, "POST", "/ccns", { name: "one" });
    expect(missing).toMatchObject({ status: 400, body: { code: "missing-key", path: "" } });
    const nowhere = await ask(rig, "POST", "/ccns", { name: "one", area: "nowhere" });
    expect(nowhere).toMatchObject({ status: 422, body: { code: "unknown-reference", path: "area" } });
    expect((await ask(rig, "GET", "/areas/nowhere")).body.code).toBe("not-found");
    expect((await ask(rig, "GET", "/nothing")).body.code).toBe("not-found");
    const pattern = await ask(rig, "POST", "/areas", { name: "1" });
    expect(pattern.body).toMatchObject({ code: "pattern", path: "name" });
  });

  it("refuse a name that is taken, and a network that is in conflict, naming the other side", async () => {
    await tutorial();
    const taken = await ask(rig, "POST", "/areas", { name: "mainland" });
    expect(taken).toMatchObject({ status: 409, body: { code: "name-taken" } });
    const conflict = await ask(rig, "POST", "/instances", {
      ...EXAMPLES.instance,
      name: "ningbo",
      cidrs: ["172.16.0.0/25"],
    });
    expect(conflict.status).toBe(409);
    expect(conflict.body.violations[0].other.name).toBe("hangzhou");
    expect(rig.fleet.keys()).toHaveLength(3);
  });

  it("change by merge patch with If-Match", async () => {
    await tutorial();
    const patch = { peakBandwidth: 20, ccn: null };
    expect((await ask(rig, "PATCH", "/instances/hangzhou", patch)).status).toBe(428);
    expect((await ask(rig, "PATCH", "/instances/hangzhou", patch, { "if-match": '"7"' })).body.code).toBe("stale");
    expect((await ask(rig, "PATCH", "/instances/hangzhou", patch, { "if-match": "7" })).body.code).toBe("malformed");
    const read = await ask(rig, "GET", "/instances/hangzhou");
    const done = await ask(rig, "PATCH", "/instances/hangzhou", patch, { "if-match": read.headers.etag! });
    expect(done).toMatchObject({ status: 200, body: { version: 2, peakBandwidth: 20, ccn: null } });
    expect(done.headers.etag).toBe('"2"');
    const again = await ask(rig, "PATCH", "/instances/hangzhou", patch, { "if-match": '"2"' });
    expect(again.body.version).toBe(2);
    const wrong = await ask(rig, "PATCH", "/instances/hangzhou", { peakBandwidth: 1 }, { "if-match": '"2"' });
    expect(wrong).toMatchObject({ status: 400, body: { code: "range", path: "peakBandwidth" } });
    const merge = await ask(rig, "PATCH", "/vpcs/vpc-shanghai", '{"place":{"name":"other"}}', {
      "if-match": '"1"',
      "content-type": "application/merge-patch+json",
    });
    expect(merge.body.place).toEqual({ kind: "namespace", name: "other" });
  });

  it("go with what belongs to them, and stay while they are used", async () => {
    await tutorial();
    const used = await ask(rig, "DELETE", "/ccns/branches", undefined, { "if-match": '"1"' });
    expect(used).toMatchObject({ status: 409, body: { code: "in-use" } });
    expect(used.body.message).toContain("hangzhou");
    expect((await ask(rig, "DELETE", "/instances/hangzhou")).status).toBe(428);
    const gone = await ask(rig, "DELETE", "/instances/hangzhou", undefined, { "if-match": '"1"' });
    expect(gone.status).toBe(204);
    expect(rig.fleet.keys()).toHaveLength(1);
    expect((await ask(rig, "GET", "/devices")).body.items).toHaveLength(1);
    expect((await ask(rig, "DELETE", "/security-groups/servers", undefined, { "if-match": '"1"' })).status).toBe(204);
    expect((await ask(rig, "GET", "/rules")).body.items).toEqual([]);
  });

  it("answer 304 to a reader that has the newest", async () => {
    await tutorial();
    const { headers } = await ask(rig, "GET", "/instances/hangzhou");
    const same = await ask(rig, "GET", "/instances/hangzhou", undefined, { "if-none-match": headers.etag! });
    expect(same).toMatchObject({ status: 304, body: "" });
    await ask(rig, "POST", "/instances/hangzhou/activate");
    const newer = await ask(rig, "GET", "/instances/hangzhou", undefined, { "if-none-match": headers.etag! });
    expect(newer.status).toBe(200);
  });
});

describe("lists", () => {
  it("come in pages that do not shift", async () => {
    for (const name of ["a1", "b1", "c1", "d1", "e1"]) await ask(rig, "POST", "/areas", { name });
    const first = await ask(rig, "GET", "/areas?limit=2");
    expect(first.body.items.map(({ name }: { name: string }) => name)).toEqual(["a1", "b1"]);
    await ask(rig, "POST", "/areas", { name: "a2" });
    await ask(rig, "DELETE", "/areas/b1", undefined, { "if-match": '"1"' });
    const second = await ask(rig, "GET", `/areas?limit=2&cursor=${first.body.next}`);
    expect(second.body.items.map(({ name }: { name: string }) => name)).toEqual(["c1", "d1"]);
    const third = await ask(rig, "GET", `/areas?limit=2&cursor=${second.body.next}`);
    expect(third.body).toMatchObject({ items: [{ name: "e1" }], next: null });
    expect((await ask(rig, "GET", "/areas?cursor=%25")).body.code).toBe("malformed");
  });

  it("filter by name, text, reference and status", async () => {
    await tutorial();
    const names = async (query: string) => {
      const { body } = await ask(rig, "GET", query);
      return body.items?.map(({ name }: { name: string }) => name) ?? body.code;
    };
    expect(await names("/instances?ccn=branches")).toEqual(["hangzhou"]);
    expect(await names("/instances?status=Received")).toEqual(["hangzhou"]);
    expect(await names("/instances?status=Active")).toEqual([]);
    expect(await names("/instances?q=HANG")).toEqual(["hangzhou"]);
    expect(await names("/instances?name=hang")).toEqual([]);
    expect(await names("/instances?ccn=nowhere")).toBe("unknown-reference");
    expect(await names("/instances?cnn=branches")).toBe("unknown-key");
    expect(await names("/instances?limit=0")).toBe("range");
    expect((await names("/devices?instance=hangzhou")).length).toBe(2);
  });
});

describe("acts", () => {
  beforeEach(tutorial);

  it("bind and unbind", async () => {
    await ask(rig, "POST", "/ccns", { name: "others", area: "mainland" });
    const twice = await ask(rig, "POST", "/instances/hangzhou/bind", { to: "others" });
    expect(twice).toMatchObject({ status: 409, body: { code: "already-bound" } });
    expect((await ask(rig, "POST", "/instances/hangzhou/unbind", { to: "others" })).body.code).toBe("not-bound");
    expect((await ask(rig, "POST", "/instances/hangzhou/unbind")).body.ccn).toBeNull();
    expect((await ask(rig, "POST", "/instances/hangzhou/unbind", {})).body.version).toBe(2);
    const bound = await ask(rig, "POST", "/instances/hangzhou/bind", { to: "others" });
    expect(bound.body.ccn).toBe(rig.desk.find("ccn", "others")!.id);
    expect((await ask(rig, "POST", "/instances/hangzhou/bind", { to: "nowhere" })).status).toBe(409);
    for (const path of ["/vpcs/vpc-shanghai", "/vbrs/line-1", "/ccns/branches"]) {
      expect((await ask(rig, "POST", `${path}/unbind`)).body.cen).toBeNull();
      expect((await ask(rig, "POST", `${path}/bind`, { to: "corp" })).body.cen).not.toBeNull();
    }
  });

  it("activate, lock and unlock", async () => {
    expect((await ask(rig, "POST", "/instances/hangzhou/activate")).body.activated).toBe(true);
    expect((await ask(rig, "POST", "/instances/hangzhou/lock")).body.locked).toBe(true);
    expect((await ask(rig, "GET", "/instances/hangzhou")).body.status.status).toBe("Locked");
    const stale = await ask(rig, "POST", "/instances/hangzhou/unlock", undefined, { "if-match": '"1"' });
    expect(stale.status).toBe(412);
    expect((await ask(rig, "POST", "/instances/hangzhou/unlock")).body).toMatchObject({ locked: false, version: 4 });
  });

  it("reset the key of a device and release its host", async () => {
    const [{ id }] = (await ask(rig, "GET", "/devices?instance=hangzhou")).body.items;
    const reset = await ask(rig, "POST", `/devices/${id}/reset-key`);
    expect(reset.body).toEqual({ serial: id, generation: 2, key: `key-of-${id}` });
    expect((await ask(rig, "POST", `/devices/${id}/release`)).body).toEqual({ serial: id, generation: 3 });
    expect(rig.fleet.released).toEqual([id]);
    const [gateway] = (await ask(rig, "GET", "/devices?accessPoint=shanghai")).body.items;
    const refused = await ask(rig, "POST", `/devices/${gateway.id}/reset-key`, undefined, { "x-role": "operator" });
    expect(refused).toMatchObject({ status: 403, body: { code: "role" } });
  });

  it("publish and withdraw routes", async () => {
    const route = { kind: "instance", id: "hangzhou", prefix: "172.16.0.0/24" };
    expect((await ask(rig, "POST", "/routes/withdraw", route)).body.withdrawn).toEqual(["172.16.0.0/24"]);
    const { body } = await ask(rig, "GET", "/routes?instance=hangzhou");
    const mine = body.items.find(({ origin }: { origin: { name: string } }) => origin.name === "hangzhou");
    expect(mine).toMatchObject({ prefix: "172.16.0.0/24", published: false, conflicts: [] });
    expect((await ask(rig, "POST", "/routes/publish", route)).body.withdrawn).toEqual([]);
    const vpc = { kind: "vpc", id: "vpc-shanghai", prefix: "10.1.0.0/16" };
    expect((await ask(rig, "POST", "/routes/withdraw", vpc)).body.withdrawn).toBe(true);
    expect((await ask(rig, "POST", "/routes/withdraw", { ...vpc, prefix: "10.2.0.0/16" })).body.code).toBe(
      "unknown-prefix",
    );
    expect((await ask(rig, "GET", "/routes?cen=corp")).body.items).toHaveLength(3);
    expect((await ask(rig, "GET", "/routes?ccn=nowhere")).status).toBe(404);
  });

  it("say whether an instance is ready", async () => {
    const { body } = await ask(rig, "GET", "/instances/hangzhou/ready");
    expect(body.ready).toBe(false);
    expect(body.links.find(({ ok }: { ok: boolean }) => !ok).link).toBe("device");
  });
});

describe("dry runs", () => {
  it("tell what would change on routers, and change nothing", async () => {
    await tutorial();
    await ask(rig, "POST", "/instances/hangzhou/activate");
    const { revision } = rig.desk;
    const { status, body } = await ask(
      rig,
      "PATCH",
      "/instances/hangzhou?dryRun=true",
      { peakBandwidth: 50 },
      { "if-match": "*" },
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({ dryRun: true, resource: { peakBandwidth: 50 }, violations: [] });
    const edge = body.routers.find(({ name }: { name: string }) => name === "hangzhou (active)");
    expect(edge.changed[0].before).not.toEqual(edge.changed[0].after);
    expect(body.routers.some(({ name }: { name: string }) => name === "shanghai (gateway)")).toBe(true);
    expect(rig.desk.revision).toBe(revision);
    const create = await ask(rig, "POST", "/instances?dryRun=true", { ...EXAMPLES.instance, name: "x1", cidrs: [] });
    expect(create.body.resource.name).toBe("x1");
    expect(rig.desk.find("instance", "x1")).toBeUndefined();
    expect((await ask(rig, "DELETE", "/instances/hangzhou?dryRun=true", undefined, { "if-match": "*" })).status).toBe(
      200,
    );
    const broken = await ask(rig, "POST", "/instances?dryRun=true", { ...EXAMPLES.instance, name: "x1" });
    expect(broken.status).toBe(409);
    expect(rig.fleet.keys()).toHaveLength(3);
  });
});

describe("Idempotency-Key", () => {
  it("does a request once, and shows keys once", async () => {
    const headers = { "idempotency-key": "one" };
    await ask(rig, "POST", "/areas", EXAMPLES.area);
    const first = await ask(rig, "POST", "/access-points", EXAMPLES["access-point"], headers);
    const second = await ask(rig, "POST", "/access-points", EXAMPLES["access-point"], headers);
    expect(second.status).toBe(201);
    expect(second.headers).toMatchObject({
      etag: '"1"',
      location: first.headers.location,
      "idempotency-replayed": "true",
    });
    const [{ key, ...device }] = first.body.devices;
    expect(key).toMatch(/^key-of/);
    expect(second.body).toEqual({ ...first.body, devices: [device], keysShown: true });
    const other = await ask(rig, "POST", "/access-points", { ...EXAMPLES["access-point"], name: "x1" }, headers);
    expect(other).toMatchObject({ status: 422, body: { code: "idempotency-key-reused" } });
    const stranger = await ask(rig, "POST", "/areas", { name: "b1" }, { ...headers, "x-user": "other" });
    expect(stranger.status).toBe(201);
    const stored = rig.database.prepare("SELECT body FROM answer").all() as { body: string }[];
    expect(JSON.stringify(stored)).not.toContain("key-of");
  });

  it("is forgotten after a day", async () => {
    await rig.close();
    let now = Date.now();
    rig = await openRig(":memory:", { now: () => now });
    const headers = { "idempotency-key": "one" };
    await ask(rig, "POST", "/areas", { name: "a1" }, headers);
    now += 86_400_001;
    expect((await ask(rig, "POST", "/areas", { name: "a2" }, headers)).status).toBe(201);
  });
});

describe("bodies", () => {
  const raw = (payload: string, type = "application/json") =>
    ask(rig, "POST", "/areas", payload, { "content-type": type });

  it("that would poison, bury or flood are refused", async () => {
    expect((await raw('{"name":"a1","__proto__":{"x":1}}')).body.code).toBe("malformed");
    expect((await raw('{"name":"a1","constructor":{"prototype":{"x":1}}}')).body.code).toBe("malformed");
    expect((await raw("{")).body.code).toBe("malformed");
    expect((await raw("[".repeat(100_000) + "]".repeat(100_000))).body.code).toBe("malformed");
    expect((await raw("x".repeat(1 << 21))).body.code).toBe("too-large");
    expect((await raw("a: 1", "application/yaml")).body.code).toBe("media-type");
    expect((await raw("")).status).toBe(400);
    expect((await raw("null")).status).toBe(400);
    expect((await raw("[]")).body.code).toBe("type");
  });
});

describe("addresses", () => {
  it("that cannot be read are refused in the form of all refusals", async () => {
    const refused = { code: expect.any(String), message: expect.any(String), next: expect.any(String) };
    expect(await ask(rig, "GET", "/areas/%zz")).toMatchObject({ status: 400, body: refused });
    expect(await ask(rig, "GET", `/areas/${"x".repeat(600)}`)).toMatchObject({ status: 404, body: refused });
    expect(await ask(rig, "HEAD", "/events/stream")).toMatchObject({ status: 404 });
    expect(await ask(rig, "HEAD", "/areas")).toMatchObject({ status: 200 });
  });
});

describe("roles", () => {
  it("bound what a user may", async () => {
    await tutorial();
    const as = async (role: string, method: string, url: string, body?: unknown) =>
      (await ask(rig, method, url, body, { "x-role": role })).status;
    expect(await as("viewer", "GET", "/instances")).toBe(200);
    expect(await as("viewer", "POST", "/ccns", { name: "c1", area: "mainland" })).toBe(403);
    expect(await as("operator", "POST", "/ccns", { name: "c1", area: "mainland" })).toBe(201);
    expect(await as("operator", "POST", "/areas", { name: "a1" })).toBe(403);
    expect(await as("operator", "GET", "/audit")).toBe(403);
    expect(await as("nobody", "GET", "/instances")).toBe(401);
    expect(await as("nobody", "GET", "/health")).toBe(200);
    expect((await ask(rig, "GET", "/ca")).body).toBe("PEM");
  });

  it("leave the gateway's own host to admins: by create, change, apply and dry run", async () => {
    await tutorial();
    const operator = { "x-role": "operator" };
    const vpc = { name: "inside", accessPoint: "shanghai", cidr: "10.99.0.0/16", place: { kind: "host" } };
    const refused = { status: 403, body: { code: "role" } };
    expect(await ask(rig, "POST", "/vpcs", vpc, operator)).toMatchObject(refused);
    expect(await ask(rig, "POST", "/vpcs?dryRun=true", vpc, operator)).toMatchObject(refused);
    expect(await ask(rig, "POST", "/apply", { resources: [{ kind: "vpc", ...vpc }] }, operator)).toMatchObject(refused);
    const away = { ...vpc, place: { kind: "namespace", name: "inside" } };
    expect((await ask(rig, "POST", "/vpcs", away, operator)).status).toBe(201);
    const any = { ...operator, "if-match": "*" };
    const patch = { place: { ...vpc.place, name: null } };
    expect(await ask(rig, "PATCH", "/vpcs/inside", patch, any)).toMatchObject(refused);
    expect((await ask(rig, "PATCH", "/vpcs/inside", patch, { "if-match": "*" })).status).toBe(200);
    expect((await ask(rig, "PATCH", "/vpcs/inside", { description: "x" }, any)).status).toBe(200);
    expect((await ask(rig, "DELETE", "/vpcs/inside", undefined, any)).status).toBe(204);
  });
});

describe("the audit record", () => {
  it("says who changed what, and cannot be rewritten", async () => {
    await ask(rig, "POST", "/areas", { name: "a1" }, { "x-user": "li" });
    await ask(rig, "PATCH", "/areas/a1", { description: "new" }, { "if-match": "*", "x-user": "wu" });
    const { body } = await ask(rig, "GET", "/audit?user=wu");
    expect(body.items).toMatchObject([
      {
        user: "wu",
        role: "admin",
        via: "token",
        address: "192.0.2.7",
        action: "update area",
        revision: 2,
        changes: [{ kind: "area", name: "a1", before: { description: "" }, after: { description: "new" } }],
      },
    ]);
    expect(() => rig.database.exec("DELETE FROM audit")).toThrow("append-only");
    expect(() => rig.database.exec("UPDATE audit SET user = 'x'")).toThrow("append-only");
  });
});
