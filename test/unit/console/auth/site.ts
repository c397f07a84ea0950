/** An app with auth, a few routes of each role, a clock that is moved by hand, and cheap hashes. */
import Fastify, { type FastifyInstance, type FastifyRequest, type InjectOptions } from "fastify";
import { prepareApi, SERVER_OPTIONS } from "../../../../src/console/api/server.ts";
import type { AuditEntry } from "../../../../src/console/auth/audit.ts";
import { AUTH_MIGRATIONS, openAuth } from "../../../../src/console/auth/auth.ts";
import type { Role, RouteRole } from "../../../../src/console/auth/author.ts";
import { openDatabase } from "../../../../src/console/store/database.ts";

export const CHEAP = { ln: 10, r: 8, p: 1 };
export const PASSWORD = "a few plain words";
export const ROUTES: readonly RouteRole[] = ["public", "device", "viewer", "operator", "admin"];

export interface Session {
  readonly cookie: string;
  readonly csrf: string;
  readonly mustChange: boolean;
}

export async function openSite() {
  const clock = { now: Date.parse("2026-01-01T00:00:00Z") };
  const entries: AuditEntry[] = [];
  const faults: unknown[] = [];
  /** Milliseconds that logins had to wait, which nobody waits here. */
  const pauses: number[] = [];
  const database = openDatabase(":memory:", AUTH_MIGRATIONS);
  const auth = openAuth(database, {
    audit: (entry) => entries.push(entry),
    now: () => clock.now,
    cost: CHEAP,
    pause: async (milliseconds) => void pauses.push(milliseconds),
  });
  const app = Fastify(SERVER_OPTIONS);
  await prepareApi(app, { log: { error: (context) => faults.push(context) } });
  await auth.register(app);
  for (const role of ROUTES) {
    const config = { role };
    app.get(`/v1/${role}`, { config }, async ({ author }) => author);
    app.post(`/v1/${role}`, { config }, async ({ author }) => author);
  }
  const lasting: FastifyRequest[] = [];
  app.get("/v1/lasting", { config: { role: "operator" } }, async (request) => {
    lasting.push(request);
    return {};
  });
  await app.ready();
  const first = (await auth.first()) as string;
  return { lasting, app, auth, database, clock, entries, faults, pauses, first };
}

export type Site = Awaited<ReturnType<typeof openSite>>;

/** A request, JSON in and out. */
export async function ask(
  app: FastifyInstance,
  method: InjectOptions["method"],
  url: string,
  more: InjectOptions = {},
) {
  const reply = await app.inject({ method, url, ...more });
  return { status: reply.statusCode, headers: reply.headers, body: reply.body === "" ? undefined : reply.json() };
}

export async function login(app: FastifyInstance, user: string, password: string): Promise<Session> {
  const { status, headers, body } = await ask(app, "POST", "/v1/login", { payload: { user, password } });
  if (status !== 200) throw new Error(`login of ${user}: ${status} ${body.code}`);
  return { cookie: cookieOf(headers["set-cookie"]), csrf: body.csrf, mustChange: body.mustChange };
}

export function cookieOf(header: string | string[] | undefined): string {
  return String(header).split(";")[0];
}

export function headers({ cookie, csrf }: Session): Record<string, string> {
  return { cookie, "x-csrf-token": csrf };
}

/** Logs in with a one-time password and changes it to PASSWORD. */
export async function settle(app: FastifyInstance, user: string, once: string): Promise<Session> {
  const session = await login(app, user, once);
  const reply = await ask(app, "POST", "/v1/password", {
    headers: headers(session),
    payload: { old: once, new: PASSWORD },
  });
  if (reply.status !== 200) throw new Error(`password of ${user}: ${reply.status} ${reply.body.code}`);
  return { cookie: cookieOf(reply.headers["set-cookie"]), csrf: reply.body.csrf, mustChange: false };
}

/** A new user, logged in with a password of its own. */
export async function addUser(app: FastifyInstance, admin: Session, name: string, role: Role): Promise<Session> {
  const { body } = await ask(app, "POST", "/v1/users", { headers: headers(admin), payload: { name, role } });
  return settle(app, name, body.password);
}

/** A token of whoever's session this is. */
export async function makeToken(app: FastifyInstance, session: Session, more: object = {}): Promise<string> {
  const reply = await ask(app, "POST", "/v1/tokens", { headers: headers(session), payload: { name: "t", ...more } });
  if (reply.status !== 201) throw new Error(`token: ${reply.status} ${reply.body.code}`);
  return reply.body.token;
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
