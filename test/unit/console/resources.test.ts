import { describe, expect, it } from "vitest";
import { EXAMPLES } from "../../../src/console/api/examples.ts";
import { rig, tutorial } from "./eachrig.ts";
import { ask } from "./rig.ts";

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
    expect(read.body.status).toEqual({
      status: "Received",
      text: "To be activated",
      carrier: null,
      carrierKnownBy: null,
    });
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

  it("take texts for people, and refuse what makes a terminal do something", async () => {
    const descriptions = [
      "Zweigstelle Süd, 2. Stock",
      "杭州分公司",
      "شعبه تهران‌پارس",
      "🇨🇳 👨‍👩‍👧",
      "x".repeat(256),
      "",
    ];
    for (const [i, description] of descriptions.entries())
      expect(await ask(rig, "POST", "/areas", { name: `good${i}`, description })).toMatchObject({
        status: 201,
        body: { description },
      });
    const bad = [
      "\x1b[2J",
      "a\nb",
      "a\tb",
      "\x7f",
      "\x9b2J",
      "\u202egpj",
      "\u2066x",
      "\u2028",
      "x".repeat(257),
      "http://a",
    ];
    for (const description of bad)
      expect(await ask(rig, "POST", "/areas", { name: "bad", description })).toMatchObject({
        status: 400,
        body: { path: "description" },
      });
    const point = { name: "p1", area: "good0", ipv4: "192.0.2.1" };
    for (const region of ["\x1b[2J", "", "x".repeat(65)])
      expect(await ask(rig, "POST", "/access-points", { ...point, region })).toMatchObject({
        status: 400,
        body: { path: "region" },
      });
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
    // RFC 9110: what is an entity tag and not of this version is another version; of a weak one nobody can say.
    const tried = async (tag: string) => {
      const { status, body } = await ask(rig, "PATCH", "/instances/hangzhou", patch, { "if-match": tag });
      return [status, body.code];
    };
    expect(await tried('"abc,d"')).toEqual([412, "stale"]);
    expect(await tried('"7", "8-0123456789ab", W/"9"')).toEqual([412, "stale"]);
    expect(await tried(`W/${read.headers.etag}`)).toEqual([412, "weak-tag"]);
    for (const junk of ["", '"1', '"1" "2"', ",", 'w/"1"']) expect(await tried(junk)).toEqual([400, "malformed"]);
    const done = await ask(rig, "PATCH", "/instances/hangzhou", patch, { "if-match": read.headers.etag! });
    expect(done).toMatchObject({ status: 200, body: { version: 2, peakBandwidth: 20, ccn: null } });
    expect(done.headers.etag).toBe('"2"');
    const again = await ask(rig, "PATCH", "/instances/hangzhou", patch, { "if-match": '"2"' });
    expect(again.body.version).toBe(2);
    const wrong = await ask(rig, "PATCH", "/instances/hangzhou", { peakBandwidth: 1 }, { "if-match": '"2"' });
    expect(wrong).toMatchObject({ status: 400, body: { code: "range", path: "peakBandwidth" } });
    const point = { vpcNamespaces: ["vpc-shanghai", "other"] };
    expect((await ask(rig, "PATCH", "/access-points/shanghai", point, { "if-match": "*" })).status).toBe(200);
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
