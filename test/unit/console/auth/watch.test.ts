/** Streams end with the right to them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type OpenConsole, openConsole } from "../../../../src/console/console.ts";
import { silent } from "../../router/silent.ts";
import { CHEAP, cookieOf, PASSWORD } from "./site.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-watch-"));
let console: OpenConsole;
let admin: Headers;
const readers: AbortController[] = [];

type Headers = Record<string, string>;

beforeAll(async () => {
  const listen = { host: "127.0.0.1", port: 0 };
  console = await openConsole({ folder, listen, names: [], http: true, cost: CHEAP, log: silent });
  admin = await settle("admin", console.firstPassword as string);
});
afterAll(async () => {
  for (const reader of readers) reader.abort();
  await console.close();
  rmSync(folder, { recursive: true });
});

async function ask(method: string, path: string, headers: Headers, body?: object) {
  const reply = await fetch(`${console.url}/v1${path}`, {
    method,
    headers: { ...headers, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
  return { body: text === "" ? {} : JSON.parse(text), cookie: reply.headers.get("set-cookie") };
}

async function login(user: string, password: string): Promise<Headers> {
  const { body, cookie } = await ask("POST", "/login", {}, { user, password });
  return { cookie: cookieOf(cookie as string), "x-csrf-token": body.csrf };
}

async function settle(user: string, once: string): Promise<Headers> {
  await ask("POST", "/password", await login(user, once), { old: once, new: PASSWORD });
  return login(user, PASSWORD);
}

async function userNamed(name: string): Promise<Headers> {
  const { body } = await ask("POST", "/users", admin, { name, role: "operator" });
  return settle(name, body.password);
}

/** Opens the stream; tells whether it has ended, soon or, where it should, in time. */
async function stream(headers: Headers): Promise<(soon?: boolean) => Promise<boolean>> {
  const stop = new AbortController();
  readers.push(stop);
  const reply = await fetch(`${console.url}/v1/events/stream`, { headers, signal: stop.signal });
  expect(reply.status).toBe(200);
  let ended = false;
  void (async () => {
    for await (const _ of reply.body!);
  })()
    .catch(() => undefined)
    .then(() => {
      ended = true;
    });
  return async (soon = false) => {
    const limit = performance.now() + (soon ? 100 : 15_000);
    while (!ended && performance.now() < limit) await new Promise((done) => setTimeout(done, 5));
    return ended;
  };
}

it("with a logout; other sessions' go on", async () => {
  const one = await userNamed("ann");
  const other = await login("ann", PASSWORD);
  const [first, second] = [await stream(one), await stream(other)];
  await ask("POST", "/logout", one);
  expect([await first(), await second()]).toEqual([true, false]);
});

it("with a token that is revoked", async () => {
  const { body } = await ask("POST", "/tokens", admin, { name: "t", role: "viewer" });
  const ended = await stream({ authorization: `Bearer ${body.token}` });
  await ask("DELETE", `/tokens/${body.id}`, admin);
  expect(await ended()).toBe(true);
});

it.each([
  ["disabled", "PATCH", { disabled: true }],
  ["given another role", "PATCH", { role: "viewer" }],
  ["deleted", "DELETE", undefined],
] as const)("with a user who is %s, sessions and tokens alike", async (what, method, body) => {
  const name = what.replaceAll(" ", "-");
  const session = await userNamed(name);
  const token = (await ask("POST", "/tokens", session, { name: "t", role: "operator" })).body.token;
  const streams = [await stream(session), await stream({ authorization: `Bearer ${token}` })];
  const own = await stream(admin);
  await ask(method, `/users/${name}`, admin, body);
  expect(await Promise.all(streams.map((ended) => ended()))).toEqual([true, true]);
  expect(await own(true)).toBe(false);
});
