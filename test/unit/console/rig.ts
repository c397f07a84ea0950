/** A console without fleet and users: its desk on a file or in memory, the API, and small stand-ins for what others bring. */
import type { DatabaseSync } from "node:sqlite";
import Fastify, { type FastifyInstance, type InjectOptions } from "fastify";
import type { FleetDoor } from "../../../src/console/api/parts.ts";
import { buildApi, prepareApi, SERVER_OPTIONS } from "../../../src/console/api/server.ts";
import type { StreamLimits } from "../../../src/console/api/stream.ts";
import type { Author } from "../../../src/console/author.ts";
import { watchFleet } from "../../../src/console/desk/alarms.ts";
import { type Desk, openDesk } from "../../../src/console/desk/desk.ts";
import { ConsoleError } from "../../../src/console/error.ts";
import { tunnelAmong } from "../../../src/console/model/carrier.ts";
import { type Observed, type ObservedTunnel, UNSEEN } from "../../../src/console/model/observed.ts";
import { type Migration, openDatabase } from "../../../src/console/store/database.ts";
import { STORE_MIGRATIONS } from "../../../src/console/store/schema.ts";

export const FLEET_STAND_IN: Migration = {
  name: "stand-in-1",
  sql: "CREATE TABLE device_key (device TEXT PRIMARY KEY, secret TEXT NOT NULL) STRICT",
};

export type Listener = (device: string, now: Observed, before: Observed | undefined, turned: readonly string[]) => void;

/** Keeps a trace of each key in the same database; lets tests say what is observed. */
export class FakeFleet implements FleetDoor {
  readonly #database: DatabaseSync;
  readonly #seen = new Map<string, Observed>();
  readonly #listeners: Listener[] = [];
  readonly released: string[] = [];

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  observed(device: string): Observed | undefined {
    return this.#seen.get(device);
  }

  tunnel(device: string, name: string): ObservedTunnel | undefined {
    return tunnelAmong((one) => this.observed(one))(device, name);
  }

  onObserved(listener: Listener): void {
    this.#listeners.push(listener);
  }

  newKey(device: string): string {
    this.#database.prepare("INSERT OR REPLACE INTO device_key VALUES (?, ?)").run(device, "derived");
    return `key-of-${device}`;
  }

  forget(device: string): void {
    this.#database.prepare("DELETE FROM device_key WHERE device = ?").run(device);
  }

  release(device: string): void {
    this.released.push(device);
  }

  /** All devices that have a key. */
  keys(): string[] {
    return (this.#database.prepare("SELECT device FROM device_key ORDER BY device").all() as { device: string }[]).map(
      ({ device }) => device,
    );
  }

  see(device: string, change: Partial<Observed>): void {
    const before = this.#seen.get(device);
    const now = { ...(before ?? UNSEEN), ...change };
    this.#seen.set(device, now);
    const turned = [...(before?.tunnels ?? []), ...now.tunnels].map(({ name }) => name);
    for (const listener of this.#listeners) listener(device, now, before, turned);
  }
}

const RANK = { public: 0, device: 0, viewer: 1, operator: 2, admin: 3 } as const;

/** Believes the header x-role; refuses what a role may not. */
export function fakeGuard(app: FastifyInstance): void {
  app.decorateRequest("author", null as unknown as Author);
  app.decorateRequest("watch", () => () => undefined);
  app.addHook("onRoute", ({ url, config }) => {
    if (!config?.role) throw new Error(`${url} does not say who may`);
  });
  app.addHook("onRequest", async (request) => {
    const least = request.routeOptions.config.role;
    if (least === undefined || least === "public" || least === "device") return;
    const role = request.headers["x-role"] as Author["role"] | undefined;
    if (role === undefined || !(role in RANK)) throw new ConsoleError(401, "login", "who is it?", "Log in");
    if (RANK[role] < RANK[least]) throw new ConsoleError(403, "role", `${role}s may not do this`, "Ask an admin");
    const user = (request.headers["x-user"] as string | undefined) ?? role;
    const address = (request.headers["x-address"] as string | undefined) ?? "192.0.2.7";
    request.author = { user, role, via: "token", address };
  });
}

export interface Rig {
  readonly app: FastifyInstance;
  readonly database: DatabaseSync;
  readonly desk: Desk;
  readonly fleet: FakeFleet;
  /** Faults that were logged: none may be. */
  readonly faults: unknown[];
  close(): Promise<void>;
}

export async function openRig(
  path = ":memory:",
  { now, stream }: { readonly now?: () => number; readonly stream?: StreamLimits } = {},
): Promise<Rig> {
  const database = openDatabase(path, [...STORE_MIGRATIONS, FLEET_STAND_IN]);
  const desk = openDesk(database, now ? { now } : {});
  const fleet = new FakeFleet(database);
  const faults: unknown[] = [];
  const app = Fastify(SERVER_OPTIONS);
  const log = { error: (context: object) => faults.push(context) };
  await prepareApi(app, { log });
  fakeGuard(app);
  watchFleet(desk, fleet);
  await buildApi(app, { desk, fleet, authority: { root: "PEM" }, log }, stream ? { stream } : {});
  await app.ready();
  return {
    app,
    database,
    desk,
    fleet,
    faults,
    close: async () => {
      await app.close();
      desk.close();
      database.close();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into replies of every shape
  readonly body: any;
}

/** One request as an admin, unless `headers` say otherwise. */
export async function ask(
  { app }: Pick<Rig, "app">,
  method: string,
  url: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const request = { method, url: `/v1${url}`, headers: { "x-role": "admin", ...headers } } as InjectOptions;
  const reply = await app.inject(body === undefined ? request : { ...request, payload: body as object });
  const json = reply.headers["content-type"]?.toString().startsWith("application/json");
  return {
    status: reply.statusCode,
    headers: reply.headers as Answer["headers"],
    body: json && reply.body !== "" ? reply.json() : reply.body,
  };
}
