/**
 * Every operation of the console's document, as it runs: who is let through, and who is not. Bodies are empty and resources do not exist, so that
 * whoever is let through is refused for another reason, and nothing is done.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { covers, ROLES, type Role } from "../../../../src/console/auth/author.ts";
import { type OpenConsole, openConsole } from "../../../../src/console/console.ts";
import { silent } from "../../router/silent.ts";
import { type Document, type DocumentedOperation, operations } from "../document.ts";
import { CHEAP, cookieOf, PASSWORD } from "./site.ts";

type Headers = Readonly<Record<string, string>>;

const folder = mkdtempSync(join(tmpdir(), "vcpe-matrix-"));
let console: OpenConsole;
let all: readonly DocumentedOperation[];
let admin: Headers;
const sessions = {} as Record<Role, Headers>;
/** Owner and role of the token. */
const tokens = new Map<string, { readonly role: Role; readonly headers: Headers }>();

beforeAll(async () => {
  const listen = { host: "127.0.0.1", port: 0 };
  console = await openConsole({ folder, listen, names: [], http: true, cost: CHEAP, log: silent });
  all = operations((await send("GET", "/openapi.json")).body as unknown as Document);
  admin = await settled("admin", console.firstPassword as string);
  for (const role of ROLES) sessions[role] = role === "admin" ? admin : await userNamed(`the-${role}`, role);
  for (const owner of ROLES) {
    for (const role of ROLES.filter((one) => covers(owner, one))) {
      const { body } = await send("POST", "/tokens", sessions[owner], { name: "t", role });
      tokens.set(`${owner}'s token of a ${role}`, { role, headers: bearer(body.token as string) });
    }
  }
});
afterAll(async () => {
  await console.close();
  rmSync(folder, { recursive: true });
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function send(method: string, path: string, headers: Headers = {}, body?: object) {
  const stop = new AbortController();
  const reply = await fetch(`${console.url}/v1${path}`, {
    method,
    signal: stop.signal,
    headers: { ...headers, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const stream = reply.headers.get("content-type") === "text/event-stream";
  const text = stream ? "" : await reply.text();
  if (stream) stop.abort();
  const json = /json/.test(reply.headers.get("content-type") ?? "");
  const cookie = reply.headers.get("set-cookie");
  return { status: reply.status, cookie, body: (json ? JSON.parse(text) : {}) as Record<string, unknown> };
}

async function loggedIn(user: string, password: string): Promise<Headers> {
  const { body, cookie } = await send("POST", "/login", {}, { user, password });
  return { cookie: cookieOf(cookie as string), "x-csrf-token": body.csrf as string };
}

async function settled(user: string, once: string): Promise<Headers> {
  await send("POST", "/password", await loggedIn(user, once), { old: once, new: PASSWORD });
  return loggedIn(user, PASSWORD);
}

async function userNamed(name: string, role: Role): Promise<Headers> {
  return settled(name, (await send("POST", "/users", admin, { name, role })).body.password as string);
}

/** The code of the guard's refusal; undefined: it was let through. */
async function refusal(operation: DocumentedOperation, headers: Headers): Promise<unknown> {
  const path = operation.path.replaceAll(/\{\w+\}/g, "none-such");
  // Nothing fits no body at all, and no query that is not known.
  const query = operation.method === "GET" ? "" : "?nothing=1";
  const { status, body } = await send(operation.method, `${path}${query}`, headers);
  expect(status, operation.operationId).toBeLessThan(500);
  if (operation.method !== "GET") expect(status, operation.operationId).toBeGreaterThanOrEqual(400);
  return status === 401 || status === 403 ? body.code : undefined;
}

/** By operation. */
async function refusals(headers: Headers, which = all): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const one of which) found.set(`${one.method} ${one.path}`, await refusal(one, headers));
  return found;
}

const expected = (code: (operation: DocumentedOperation) => unknown, which = all) =>
  new Map(which.map((one) => [`${one.method} ${one.path}`, code(one)]));

const needs = (role: Role) => (one: DocumentedOperation) =>
  one.role === "public" || covers(role, one.role as Role) ? undefined : "role";
const closed = (code: string) => (one: DocumentedOperation) => (one.role === "public" ? undefined : code);
const writes = () => all.filter(({ method }) => method !== "GET");

describe("every operation", () => {
  it("is in the document, also those of users, tokens and devices", () => {
    expect(all.length).toBeGreaterThan(75);
    for (const path of ["/users/{name}", "/tokens/{id}", "/enrol/finish", "/roots", "/apply", "/events/stream"])
      expect(all.map((one) => one.path)).toContain(path);
    for (const { role, operationId } of all) expect(["public", ...ROLES], operationId).toContain(role);
    expect(
      all
        .filter(({ role }) => role === "public")
        .map(({ method, path }) => `${method} ${path}`)
        .sort(),
    ).toEqual([
      "GET /ca",
      "GET /health",
      "GET /openapi.json",
      "POST /enrol/begin",
      "POST /enrol/finish",
      "POST /login",
      "POST /roots",
    ]);
  });

  it("asks who it is", async () => {
    expect(await refusals({})).toEqual(expected(closed("not-logged-in")));
    expect(await refusals(bearer(`vcpe_${"x".repeat(43)}`))).toEqual(expected(closed("token-invalid")));
    expect(await refusals({ authorization: "Basic YWRtaW46YWRtaW4=" })).toEqual(expected(closed("token-invalid")));
    expect(await refusals({ cookie: `__Host-vcpe=${"x".repeat(43)}` })).toEqual(expected(closed("session-ended")));
  });

  it.each(ROLES)("knows what a %s may, by a session", async (role) => {
    // Who logs out is another test's session.
    const which = all.filter(({ path }) => path !== "/logout");
    expect(await refusals(sessions[role], which)).toEqual(expected(needs(role), which));
  });

  it("knows what a token may, whoever's it is", async () => {
    for (const { role, headers } of tokens.values()) {
      const found = await refusals(headers);
      expect(found).toEqual(expected(needs(role)));
    }
  });

  it("writes in a session only with its CSRF token, and from no other site's page", async () => {
    const { cookie } = admin;
    expect(await refusals({ cookie }, writes())).toEqual(expected(closed("csrf"), writes()));
    const other = { ...admin, "x-csrf-token": sessions.viewer["x-csrf-token"] };
    expect(await refusals(other, writes())).toEqual(expected(closed("csrf"), writes()));
    const pages: readonly Headers[] = [
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
    ];
    for (const foreign of pages)
      expect(await refusals({ ...admin, ...foreign }, writes())).toEqual(expected(() => "origin", writes()));
  });

  it("is closed to a one-time password, but for what changes it", async () => {
    const { body } = await send("POST", "/users", admin, { name: "fresh", role: "admin" });
    const fresh = await loggedIn("fresh", body.password as string);
    const open = new Set(["/password", "/whoami", "/logout"]);
    const which = all.filter(({ path }) => !open.has(path));
    expect(await refusals(fresh, which)).toEqual(expected(closed("password-change-needed"), which));
  });

  it("is closed to who is disabled, by session and by token, and to a token that was revoked", async () => {
    const session = await userNamed("gone", "admin");
    const token = (await send("POST", "/tokens", session, { name: "t" })).body.token as string;
    const { body } = await send("POST", "/tokens", admin, { name: "short", role: "admin" });
    expect((await send("DELETE", `/tokens/${body.id}`, admin)).status).toBe(204);
    expect((await send("PATCH", "/users/gone", admin, { disabled: true })).status).toBe(200);
    expect(await refusals(session)).toEqual(expected(closed("session-ended")));
    expect(await refusals(bearer(token))).toEqual(expected(closed("token-invalid")));
    expect(await refusals(bearer(body.token as string))).toEqual(expected(closed("token-invalid")));
  });
});
