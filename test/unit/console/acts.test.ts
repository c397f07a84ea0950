import { beforeEach, describe, expect, it } from "vitest";
import { EXAMPLES } from "../../../src/console/api/examples.ts";
import { reopen, rig, tutorial } from "./eachrig.ts";
import { ask } from "./rig.ts";

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
    let now = Date.now();
    await reopen({ now: () => now });
    const headers = { "idempotency-key": "one" };
    await ask(rig, "POST", "/areas", { name: "a1" }, headers);
    now += 86_400_001;
    expect((await ask(rig, "POST", "/areas", { name: "a2" }, headers)).status).toBe(201);
  });
});
