import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { AUTH_MIGRATIONS, resetPassword } from "../../../../src/console/auth/auth.ts";
import { Tokens } from "../../../../src/console/auth/tokens.ts";
import { openDatabase } from "../../../../src/console/store/database.ts";
import { admin, freshSite, site } from "./fresh.ts";
import { addUser, ask, bearer, CHEAP, headers, login, makeToken, PASSWORD, type Session, settle } from "./site.ts";

freshSite();

const as = (session: Session, method: "GET" | "POST" | "PATCH" | "DELETE", url: string, payload?: object) =>
  ask(site.app, method, url, { headers: headers(session), ...(payload ? { payload } : {}) });
const byToken = (token: string, url = "/v1/viewer") => ask(site.app, "GET", url, { headers: bearer(token) });

describe("users", () => {
  it("are made with a one-time password, listed, changed and removed by administrators", async () => {
    const made = await as(admin, "POST", "/v1/users", { name: "olga", role: "operator" });
    expect(made).toMatchObject({ status: 201, headers: { location: "/v1/users/olga" } });
    expect(made.body).toMatchObject({ name: "olga", role: "operator", disabled: false, mustChange: true });
    const olga = await settle(site.app, "olga", made.body.password);
    const { body } = await as(admin, "GET", "/v1/users");
    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(["admin", "olga"]);
    expect(JSON.stringify(body)).not.toContain("scrypt");
    expect((await as(olga, "POST", "/v1/operator")).status).toBe(200);
    await as(admin, "PATCH", "/v1/users/olga", { role: "viewer" });
    expect((await as(olga, "POST", "/v1/operator")).status).toBe(403);
    expect((await as(admin, "DELETE", "/v1/users/olga")).status).toBe(204);
    expect((await as(olga, "GET", "/v1/viewer")).status).toBe(401);
    expect((await as(admin, "GET", "/v1/users/olga")).status).toBe(404);
    expect(site.entries.map(({ action, subject }) => `${action} ${subject}`)).toEqual([
      "user-created user admin",
      "login user admin",
      "password-changed user admin",
      "user-created user olga",
      "login user olga",
      "password-changed user olga",
      "user-changed user olga",
      "user-deleted user olga",
    ]);
  });

  it("are not made on a disk that takes nothing, and it is said why", async () => {
    site.database.exec("PRAGMA query_only = ON");
    expect(await as(admin, "POST", "/v1/users", { name: "olga", role: "operator" })).toMatchObject({
      status: 503,
      body: { code: "store-unavailable", message: "the console's database cannot be written" },
    });
    site.database.exec("PRAGMA query_only = OFF");
    expect(site.faults.splice(0)).toHaveLength(1);
    expect((await as(admin, "GET", "/v1/users/olga")).status).toBe(404);
  });

  it("are not changed by who only wants to see what would change: there is no dry run of it", async () => {
    await addUser(site.app, admin, "olga", "operator");
    for (const [method, url, body] of [
      ["POST", "/v1/users?dryRun=true", { name: "eve", role: "admin" }],
      ["PATCH", "/v1/users/olga?dryRun=true", { role: "admin" }],
      ["DELETE", "/v1/users/olga?dryRun=true", undefined],
      ["POST", "/v1/tokens?dryRun=true", { name: "t" }],
    ] as const)
      expect(await as(admin, method, url, body)).toMatchObject({ status: 400, body: { path: "dryRun" } });
    const { body } = await as(admin, "GET", "/v1/users");
    expect(body.items.map(({ name, role }: { name: string; role: string }) => [name, role])).toEqual([
      ["admin", "admin"],
      ["olga", "operator"],
    ]);
  });

  it("have names that are letters and unique", async () => {
    for (const name of ["", "A", "Olga", "1a", "a b", "x".repeat(65), "a\n"])
      expect((await as(admin, "POST", "/v1/users", { name, role: "viewer" })).status).toBe(400);
    expect(await as(admin, "POST", "/v1/users", { name: "admin", role: "viewer" })).toMatchObject({
      status: 409,
      body: { code: "name-taken" },
    });
    expect((await as(admin, "POST", "/v1/users", { name: "system", role: "viewer" })).status).toBe(422);
    expect((await as(admin, "POST", "/v1/users", { name: "bob", role: "root" })).status).toBe(400);
  });

  it("keep an administrator who can log in", async () => {
    const last = { status: 409, body: { code: "last-admin" } };
    const bea = await addUser(site.app, admin, "bea", "admin");
    expect((await as(admin, "PATCH", "/v1/users/bea", { disabled: true })).status).toBe(200);
    expect(await as(admin, "DELETE", "/v1/users/admin")).toMatchObject(last);
    expect(await as(admin, "PATCH", "/v1/users/admin", { role: "operator" })).toMatchObject(last);
    expect(await as(admin, "PATCH", "/v1/users/admin", { disabled: true })).toMatchObject(last);
    expect((await as(bea, "GET", "/v1/viewer")).status).toBe(401);
    await as(admin, "PATCH", "/v1/users/bea", { disabled: false });
    expect((await as(admin, "PATCH", "/v1/users/admin", { role: "operator" })).status).toBe(200);
    const again = await login(site.app, "bea", PASSWORD);
    expect(await as(again, "DELETE", "/v1/users/bea")).toMatchObject(last);
  });

  it("lose sessions and tokens when their password is reset", async () => {
    const olga = await addUser(site.app, admin, "olga", "operator");
    const token = await makeToken(site.app, olga);
    const { body } = await as(admin, "PATCH", "/v1/users/olga", { resetPassword: true });
    expect((await as(olga, "GET", "/v1/viewer")).status).toBe(401);
    expect((await byToken(token)).status).toBe(401);
    expect((await login(site.app, "olga", body.password)).mustChange).toBe(true);
  });

  it("get a new password from whoever holds the files", async () => {
    const { database, app, entries } = site;
    const audit = (entry: (typeof entries)[number]) => entries.push(entry);
    const password = await resetPassword(database, "admin", { audit, cost: CHEAP });
    expect((await as(admin, "GET", "/v1/viewer")).status).toBe(401);
    await settle(app, "admin", password);
    await expect(resetPassword(database, "nobody", { audit })).rejects.toMatchObject({ code: "not-found" });
    expect(JSON.stringify(entries)).not.toContain(password);
  });
});

describe("tokens", () => {
  it("are shown once and kept as a hash", async () => {
    const made = await as(admin, "POST", "/v1/tokens", { name: "backup" });
    expect(made.body.token).toMatch(/^vcpe_[\w-]{43}$/);
    expect(made.body).toMatchObject({ role: "admin", user: "admin", expires: "2026-04-01T00:00:00.000Z" });
    const { body } = await as(admin, "GET", "/v1/tokens");
    expect(body.items).toMatchObject([{ id: made.body.id, name: "backup", used: null }]);
    expect(JSON.stringify(body)).not.toContain(made.body.token);
    await byToken(made.body.token);
    expect((await as(admin, "GET", "/v1/tokens")).body.items[0].used).toBe("2026-01-01T00:00:00.000Z");
    expect(JSON.stringify(site.entries)).not.toContain(made.body.token);
  });

  it("are for something that stands on one line", async () => {
    for (const [name, status] of [
      ["Sicherung ‘nachts’", 201],
      ["\x1b]0;x\x07", 400],
      ["a\nb", 400],
      ["\u202ex", 400],
      ["", 400],
    ] as const)
      expect((await ask(site.app, "POST", "/v1/tokens", { headers: headers(admin), payload: { name } })).status).toBe(
        status,
      );
  });

  it("have at most the role of their maker, and of their owner from then on", async () => {
    const bea = await addUser(site.app, admin, "bea", "admin");
    const olga = await addUser(site.app, admin, "olga", "operator");
    expect(await as(olga, "POST", "/v1/tokens", { name: "t", role: "admin" })).toMatchObject({
      status: 403,
      body: { code: "role", path: "role" },
    });
    const small = await makeToken(site.app, bea, { role: "viewer" });
    expect((await byToken(small, "/v1/operator")).status).toBe(403);
    // A token makes no greater one, though its owner could.
    const reply = await ask(site.app, "POST", "/v1/tokens", {
      headers: bearer(small),
      payload: { name: "t", role: "admin" },
    });
    expect(reply.status).toBe(403);
    const great = await makeToken(site.app, bea);
    expect((await byToken(great, "/v1/admin")).status).toBe(200);
    await as(admin, "PATCH", "/v1/users/bea", { role: "viewer" });
    expect((await byToken(great, "/v1/admin")).status).toBe(403);
    expect((await byToken(great)).status).toBe(200);
    await as(admin, "PATCH", "/v1/users/bea", { disabled: true });
    expect((await byToken(great)).status).toBe(401);
  });

  it("made by a token have no later end than it, and no higher role", async () => {
    const { app, clock } = site;
    const day = 24 * 3_600_000;
    const at = (days: number) => new Date(clock.now + days * day).toISOString();
    const parent = await makeToken(app, admin, { role: "operator", expires: at(10) });
    const by = (token: string, more: object) =>
      ask(app, "POST", "/v1/tokens", { headers: bearer(token), payload: { name: "child", ...more } });
    for (const expires of [null, at(11), at(10).replace(".000Z", ".001Z")])
      expect(await by(parent, { expires })).toMatchObject({
        status: 403,
        body: { code: "token-outlives", path: "expires", message: expect.stringContaining(at(10)) },
      });
    expect(await by(parent, { role: "admin" })).toMatchObject({ status: 403, body: { code: "role" } });
    const child = await by(parent, {});
    expect(child).toMatchObject({ status: 201, body: { role: "operator", expires: at(10) } });
    expect((await by(parent, { expires: at(10) })).status).toBe(201);
    const last = await by(child.body.token, { role: "viewer", expires: at(5) });
    expect(last.body).toMatchObject({ role: "viewer", expires: at(5), parent: child.body.id });
    expect((await by(last.body.token, { expires: at(6) })).status).toBe(403);
    expect((await by(last.body.token, { role: "operator" })).status).toBe(403);
    // One that never ends may make others that never end; a session anything up to its own role.
    const lasting = await makeToken(app, admin, { expires: null });
    expect((await by(lasting, { expires: null })).body).toMatchObject({ expires: null });
    expect((await by(lasting, {})).body.expires).toBe(at(90));
  });

  it("go with the token that made them", async () => {
    const { app } = site;
    const stolen = (await as(admin, "POST", "/v1/tokens", { name: "stolen" })).body;
    const child = await ask(app, "POST", "/v1/tokens", { headers: bearer(stolen.token), payload: { name: "c" } });
    const headersOf = bearer(child.body.token);
    const grandchild = await ask(app, "POST", "/v1/tokens", { headers: headersOf, payload: { name: "g" } });
    expect((await byToken(grandchild.body.token, "/v1/admin")).status).toBe(200);
    expect((await as(admin, "DELETE", `/v1/tokens/${stolen.id}`)).status).toBe(204);
    for (const { token } of [stolen, child.body, grandchild.body]) expect((await byToken(token)).status).toBe(401);
    expect((await as(admin, "GET", "/v1/tokens")).body.items).toEqual([]);
  });

  it("go with their user, also when another one of that name comes", async () => {
    const bea = await addUser(site.app, admin, "bea", "operator");
    const token = await makeToken(site.app, bea, { expires: null });
    const child = await ask(site.app, "POST", "/v1/tokens", {
      headers: bearer(token),
      payload: { name: "c", expires: null },
    });
    await as(admin, "PATCH", "/v1/users/bea", { role: "viewer" });
    for (const text of [token, child.body.token]) {
      expect((await byToken(text, "/v1/operator")).status).toBe(403);
      expect((await byToken(text)).body.role).toBe("viewer");
    }
    expect((await as(admin, "DELETE", "/v1/users/bea")).status).toBe(204);
    await addUser(site.app, admin, "bea", "admin");
    for (const text of [token, child.body.token]) expect((await byToken(text)).status).toBe(401);
  });

  it("with a lesser role do not revoke greater ones of their owner", async () => {
    const great = (await as(admin, "POST", "/v1/tokens", { name: "great" })).body;
    const small = (await as(admin, "POST", "/v1/tokens", { name: "small", role: "viewer" })).body;
    const revoke = (id: string) => ask(site.app, "DELETE", `/v1/tokens/${id}`, { headers: bearer(small.token) });
    expect(await revoke(great.id)).toMatchObject({ status: 403, body: { code: "role" } });
    expect((await byToken(great.token)).status).toBe(200);
    expect((await revoke(small.id)).status).toBe(204);
  });

  it("of a store from before there were makers are good as they were", () => {
    const database = openDatabase(":memory:", AUTH_MIGRATIONS.slice(0, 1));
    database.exec(`INSERT INTO user (name, role, password, created) VALUES ('bea', 'operator', '', 0)`);
    const text = `vcpe_${"b".repeat(43)}`;
    database
      .prepare("INSERT INTO token (id, hash, user, name, role, created) VALUES ('tok-1', ?, 'bea', 't', 'viewer', 0)")
      .run(createHash("sha256").update(text).digest());
    database.exec(AUTH_MIGRATIONS[1].sql);
    expect(new Tokens(database).use(text, 1)).toEqual({ user: "bea", role: "viewer", id: "tok-1", expires: null });
    expect(new Tokens(database).get("tok-1").parent).toBeNull();
  });

  it("expire", async () => {
    const soon = await makeToken(site.app, admin, { expires: "2026-01-02T00:00:00Z" });
    const never = await makeToken(site.app, admin, { expires: null });
    site.clock.now += 24 * 3_600_000 - 1;
    expect((await byToken(soon)).status).toBe(200);
    site.clock.now += 1;
    expect((await byToken(soon)).status).toBe(401);
    expect((await byToken(never)).status).toBe(200);
    for (const expires of ["2025-01-01T00:00:00Z", "tomorrow", ""])
      expect(
        (await as(await login(site.app, "admin", PASSWORD), "POST", "/v1/tokens", { name: "t", expires })).status,
      ).toBe(422);
  });

  it("are revoked by their owner and by administrators only", async () => {
    const olga = await addUser(site.app, admin, "olga", "operator");
    const vera = await addUser(site.app, admin, "vera", "viewer");
    const text = await makeToken(site.app, olga);
    const [{ id }] = (await as(olga, "GET", "/v1/tokens")).body.items;
    const [foreign, none] = [
      await as(vera, "DELETE", `/v1/tokens/${id}`),
      await as(vera, "DELETE", "/v1/tokens/tok-0000000000"),
    ];
    expect(foreign.status).toBe(404);
    // Nobody learns of a token that there is one.
    expect(JSON.parse(JSON.stringify(foreign.body).replaceAll(id, "tok-0000000000"))).toEqual(none.body);
    expect((await byToken(text)).status).toBe(200);
    expect((await as(admin, "GET", "/v1/tokens?user=olga")).body.items).toHaveLength(1);
    expect((await as(admin, "DELETE", `/v1/tokens/${id}`)).status).toBe(204);
    expect((await byToken(text)).status).toBe(401);
    expect(site.entries.at(-1)).toMatchObject({ action: "token-revoked", subject: `token ${id}` });
  });

  it("are refused as a whole when anything is wrong with them; a good cookie beside does not help", async () => {
    for (const authorization of ["", "Bearer", "Bearer x", "Basic YWRtaW46eA==", `Bearer vcpe_${"a".repeat(43)}`]) {
      const { status } = await ask(site.app, "GET", "/v1/viewer", { headers: { ...headers(admin), authorization } });
      expect(status).toBe(401);
    }
  });
});
