/**
 * The console: everything on one SQLite file in one folder, behind one HTTPS port.
 *
 *   folder/ lock   console.sqlite   ca/
 *
 *   lock → database → authority, desk, fleet, auth → app (what every route needs → guard → routes) → listen → agents
 *
 * It may be killed at any moment: what was acknowledged is in the database, and the next start goes on from there.
 */
import { existsSync } from "node:fs";
import { createServer, type Server, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import Fastify, { type FastifyInstance } from "fastify";
import type { Log } from "../router/log.ts";
import { buildApi, prepareApi, SERVER_OPTIONS } from "./api/server.ts";
import type { Audit } from "./auth/audit.ts";
import { AUTH_MIGRATIONS, openAuth, resetPassword } from "./auth/auth.ts";
import type { Cost } from "./auth/password.ts";
import { type Authority, openAuthority } from "./ca/ca.ts";
import { httpsOptions, keepFresh } from "./ca/https.ts";
import { type GivenCertificate, namesOf, rootsOf } from "./certificate.ts";
import { watchFleet } from "./desk/alarms.ts";
import { type Desk, type Keep, openDesk } from "./desk/desk.ts";
import { Book } from "./fleet/book.ts";
import { openFleet } from "./fleet/fleet.ts";
import { FLEET_MIGRATIONS } from "./fleet/migrations.ts";
import { watchGiven } from "./given.ts";
import { collectGarbage } from "./heap.ts";
import { lockFolder } from "./lock.ts";
import { StartError } from "./start.ts";
import { openDatabase } from "./store/database.ts";
import { databaseFault } from "./store/fault.ts";
import { STORE_MIGRATIONS } from "./store/schema.ts";

export interface ConsoleOptions {
  readonly folder: string;
  /** Port 0: any that is free. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Names and addresses that the console is reached at, the best one first. */
  readonly names: readonly string[];
  /** Instead of one from the console's own authority. */
  readonly certificate?: GivenCertificate;
  /** Reads it again; absent: it stays as it is. @throws StartError certificate */
  readonly reread?: () => GivenCertificate;
  /** Plain HTTP, on this machine only; no agents then. */
  readonly http?: boolean;
  readonly keep?: Keep;
  /** Of password hashes; default: what OWASP asks for. */
  readonly cost?: Cost;
  readonly log: Log;
}

export interface OpenConsole {
  readonly url: string;
  /** SHA-256 of the root of the console's own certificates; null: it uses none. */
  readonly fingerprint: string | null;
  /** Of the user `admin`, at the very first start: to be shown once. */
  readonly firstPassword: string | undefined;
  /** Looks now whether the given certificate was renewed, rather than within a minute. */
  reread(): Promise<void>;
  close(): Promise<void>;
}

const DATABASE = "console.sqlite";

const MIGRATIONS = [...STORE_MIGRATIONS, ...AUTH_MIGRATIONS, ...FLEET_MIGRATIONS];

/** Milliseconds in which a request must have come in whole; an `apply` has 16 MB. */
const REQUEST_TIMEOUT = 120_000;

/** Connections that wait to be accepted: ten thousand agents come back in a few seconds. Linux takes net.core.somaxconn at most. */
const BACKLOG = 4096;

/** Routers that a change must concern to leave much garbage; devices that make a start take a while. */
const MANY = 1000;

/** Says before a long silence what it is for. */
function slowly(say: (line: string) => void): (devices: number) => void {
  return (devices) => devices >= MANY && say(`working out the configurations of ${devices} devices`);
}

/** @throws StartError, AuthorityError: nothing is left behind. */
export async function openConsole(options: ConsoleOptions): Promise<OpenConsole> {
  const { folder, listen, certificate, http = false, keep, cost, log } = options;
  // What was opened is closed in reverse order, also when the start fails half-way.
  const closers: (() => unknown)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    closers.push(lockFolder(folder));
    const database = openStore(folder);
    closers.push(() => database.close());
    const names = namesOf(options.names, listen.host);
    const authority = await authorityFor(database, folder, log);
    const desk = openDesk(database, {
      keep,
      onFault: (error) => log.error({ err: error }, "a fault in the program"),
      onCompile: slowly((line) => log.info(line)),
      // What they were before is garbage now; the next change is not to wait for that.
      onQuiet: (routers) => routers >= MANY && collectGarbage(),
    });
    closers.push(() => desk.close());
    const server = certificate ? rootsOf(certificate) : undefined;
    const fleet = openFleet(database, { desk, authority, log, ...(server === undefined ? {} : { server }) });
    closers.push(watchFleet(desk, fleet));
    const auth = openAuth(database, {
      audit: auditOf(desk),
      secure: !http,
      cost,
      onFault: (error) => log.error({ err: error }, "failed logins could not be written down"),
    });

    let reread = async () => log.info("no certificate was given: there is nothing to read again");
    const app = http ? plainApp() : secureApp(await httpsOptions(authority, names, certificate));
    closers.push(() => app.close());
    // Before the server, which waits for its connections to end.
    closers.push(() => fleet.close());
    await prepareApi(app, { log });
    await auth.register(app);
    await fleet.register(app);
    const shown = { root: server?.[0] ?? authority.root };
    await buildApi(app, { desk, fleet, authority: shown, log });
    await app.ready();
    if (!http) {
      const secure = app.server as unknown as Server;
      fleet.attach(secure);
      if (certificate) {
        const watch = watchGiven({
          given: certificate,
          reread: options.reread,
          // Devices hear of other roots while they are still connected.
          async take(renewed) {
            const tls = await httpsOptions(authority, names, renewed);
            const roots = rootsOf(renewed);
            await fleet.trust(roots);
            secure.setSecureContext(tls);
            shown.root = roots?.[0] ?? authority.root;
          },
          event: (one) => desk.event(one),
          log,
        });
        closers.push(() => watch.stop());
        reread = watch.look;
      } else
        closers.push(
          keepFresh(secure, authority, names, (error) => log.error({ err: error }, "the certificate was not renewed")),
        );
    }
    await listenAt(app, listen);
    const firstPassword = await auth.first();
    const { port } = app.server.address() as AddressInfo;
    return {
      url: urlOf(http, bestName(options, names), port),
      fingerprint: http || certificate ? null : authority.fingerprint,
      firstPassword,
      reread: () => reread(),
      close,
    };
  } catch (error) {
    await close();
    throw refused(folder, error);
  }
}

/** For whoever holds the folder, while no console runs in it: a new one-time password for a user. @throws StartError, ConsoleError */
export async function resetPasswordIn(
  folder: string,
  user: string,
  cost?: Cost,
  progress: (line: string) => void = () => undefined,
): Promise<string> {
  const unlock = lockFolder(folder);
  try {
    const database = openStore(folder);
    try {
      const desk = openDesk(database, { onCompile: slowly(progress) });
      const password = await resetPassword(database, user, { audit: auditOf(desk), cost });
      desk.close();
      return password;
    } finally {
      database.close();
    }
  } catch (error) {
    throw refused(folder, error);
  } finally {
    unlock();
  }
}

/** A database that does not serve is told as such; anything else is as it was. */
function refused(folder: string, error: unknown): unknown {
  const fault = databaseFault(error, join(folder, DATABASE));
  return fault ? new StartError("database", fault.message, fault.next, error) : error;
}

/** A folder that was restored without its keys gets new ones, which no device knows: told, as nothing else would show it. */
async function authorityFor(database: DatabaseSync, folder: string, log: Log): Promise<Authority> {
  const place = join(folder, "ca");
  const isNew = !existsSync(join(place, "device-root.key"));
  const authority = await openAuthority(place);
  const orphans = new Book(database).issued().size;
  if (isNew && orphans > 0)
    log.warn(
      { devices: orphans },
      `${place} was not there, so the console has a new CA, and the devices that joined under the former one cannot connect. Stop the console and put ca/ back from the back-up; where it is lost, reset the key of each device and join again.`,
    );
  return authority;
}

function openStore(folder: string): DatabaseSync {
  return openDatabase(join(folder, DATABASE), MIGRATIONS);
}

/** Users and tokens are no part of the intent: what happens to them stands in the record by its words. */
function auditOf(desk: Desk): Audit {
  return ({ author, action, subject, outcome, detail, stranger }) => {
    const more = Object.entries(detail).map(([key, value]) => ` ${key}=${value}`);
    const words = `${action} ${subject}${outcome === "refused" ? " refused" : ""}${more.join("")}`;
    desk.audit.add(desk.now(), author, words, desk.revision, [], stranger);
  };
}

function secureApp(tls: ServerOptions): FastifyInstance {
  return Fastify({
    ...SERVER_OPTIONS,
    requestTimeout: REQUEST_TIMEOUT,
    forceCloseConnections: true,
    serverFactory: (handler) => createServer({ ...tls, ALPNProtocols: ["http/1.1"] }, handler),
  }) as unknown as FastifyInstance;
}

function plainApp(): FastifyInstance {
  return Fastify({ ...SERVER_OPTIONS, requestTimeout: REQUEST_TIMEOUT, forceCloseConnections: true });
}

async function listenAt(app: FastifyInstance, { host, port }: ConsoleOptions["listen"]): Promise<void> {
  try {
    await app.listen({ host, port, backlog: BACKLOG });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const next =
      code === "EADDRINUSE"
        ? "Another program listens there; stop it, or choose another port: --listen"
        : code === "EACCES"
          ? "Ports below 1024 need root; choose another: --listen"
          : "Check the address: --listen";
    throw new StartError("listen", `the console cannot listen at ${host}:${port} (${code})`, next, error);
  }
}

function bestName({ names, listen, http }: ConsoleOptions, all: readonly string[]): string {
  if (http) return listen.host;
  if (names.length > 0) return names[0];
  // Of "localhost" and what this machine is called the latter says more to others.
  return listen.host === "0.0.0.0" || listen.host === "::" ? (all[1] ?? all[0]) : listen.host;
}

function urlOf(http: boolean, name: string, port: number): string {
  const shown = name.includes(":") ? `[${name}]` : name;
  return `${http ? "http" : "https"}://${shown}:${port}`;
}
