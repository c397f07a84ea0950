import { describe, expect, it } from "vitest";
import { rig, tutorial } from "./eachrig.ts";
import { ask } from "./rig.ts";

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
    // Another gateway's host is another one's.
    const point = { name: "beijing", area: "mainland", region: "beijing", ipv4: "198.51.100.77" };
    expect((await ask(rig, "POST", "/access-points", point)).status).toBe(201);
    expect(await ask(rig, "PATCH", "/vpcs/inside", { accessPoint: "beijing" }, any)).toMatchObject(refused);
    expect((await ask(rig, "PATCH", "/vpcs/inside", { accessPoint: "beijing" }, { "if-match": "*" })).status).toBe(200);
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
