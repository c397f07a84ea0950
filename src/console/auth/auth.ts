/**
 * Who may do what: users, sessions, API tokens, and the guard in front of every route of the console.
 *
 *   request ── headers ── limits ── guard: token, or cookie + Origin + CSRF ── config.role ── handler(request.author)
 */
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import cookie from "@fastify/cookie";
import rateLimit from "@fastify/rate-limit";
import type { FastifyInstance } from "fastify";
import { clientKey } from "../address.ts";
import { SYSTEM } from "../author.ts";
import { inTransaction } from "../store/database.ts";
import { Admission } from "./admission.ts";
import type { Audit } from "./audit.ts";
import { FailedLogins } from "./failures.ts";
import { addGuard } from "./guard.ts";
import { addHeaders } from "./headers.ts";
import { TryLater } from "./later.ts";
import { COST, type Cost, oneTimePassword, Passwords } from "./password.ts";
import { loginRoutes } from "./routes/login.ts";
import { type RouteParts, tellWhen } from "./routes/parts.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { userRoutes } from "./routes/users.ts";
import { Sessions } from "./sessions.ts";
import { Tokens } from "./tokens.ts";
import { Users } from "./users.ts";
import { Watches } from "./watches.ts";

export { AUTH_MIGRATIONS } from "./tables.ts";

export interface Auth {
  /**
   * Adds headers, cookies, limits, the guard and the routes /v1/login, logout, password, whoami, users and tokens, to an app after
   * `prepareApi` and before any other route: those that are there already are not guarded. `config.rateLimit` ({ max, timeWindow }) of a
   * route is kept.
   */
  register(app: FastifyInstance): Promise<void>;
  /**
   * At the very first start makes the user FIRST_USER and gives its one-time password, which is nowhere else and is to be shown once: so it
   * is made when nothing more can keep the console from starting. Else undefined.
   */
  first(): Promise<string | undefined>;
}

export interface AuthOptions {
  readonly audit: Audit;
  /** Is it served over TLS? Default true. */
  readonly secure?: boolean;
  readonly now?: () => number;
  /** Of new password hashes. Default: what OWASP asks for. */
  readonly cost?: Cost;
  /** Told when failed logins cannot be written down. Default: the program ends with it. */
  readonly onFault?: (error: unknown) => void;
  /** Waits so many milliseconds before a password is looked at. */
  readonly pause?: (milliseconds: number) => Promise<void>;
}

/** The user of the very first start. */
const FIRST_USER = "admin";

const V1 = "/v1";

const BY_SYSTEM = { author: SYSTEM, outcome: "done" } as const;

export function openAuth(
  database: DatabaseSync,
  { audit, secure = true, now = Date.now, cost = COST, onFault = rethrow, pause = sleep }: AuthOptions,
): Auth {
  const parts: RouteParts = {
    users: new Users(database),
    sessions: new Sessions(database),
    tokens: new Tokens(database),
    passwords: new Passwords(cost),
    admission: new Admission(database, now, pause),
    audit,
    failures: new FailedLogins(audit, onFault),
    together: (act) => inTransaction(database, act),
    now,
  };
  return {
    first: async () => (parts.users.count() === 0 ? makeFirst(parts) : undefined),
    async register(app) {
      addHeaders(app, secure);
      app.addHook("onClose", async () => parts.failures.flush());
      await app.register(cookie);
      await app.register(rateLimit, {
        global: false,
        cache: 10_000,
        keyGenerator: ({ ip }) => clientKey(ip),
        errorResponseBuilder: tooMany,
      });
      const watches = new Watches();
      addGuard(app, {
        ...parts,
        watches,
        beforeChange: new Set([`${V1}/password`, `${V1}/logout`, `${V1}/whoami`]),
      });
      await app.register(
        async (routes) => {
          tellWhen(routes);
          // Before the answer is out whatever it takes away has ended.
          routes.addHook("onSend", async ({ method }) => {
            if (method !== "GET") watches.check();
          });
          loginRoutes(routes, parts);
          userRoutes(routes, parts);
          tokenRoutes(routes, parts);
        },
        { prefix: V1 },
      );
    },
  };
}

/**
 * Gives a user a new one-time password, ends its sessions, revokes its tokens and enables it: for whoever holds the console's files, when
 * nobody can log in any more. @throws ConsoleError not-found
 */
export async function resetPassword(
  database: DatabaseSync,
  name: string,
  { audit, cost = COST }: Pick<AuthOptions, "audit" | "cost">,
): Promise<string> {
  const users = new Users(database);
  users.get(name);
  const password = oneTimePassword();
  const hash = await new Passwords(cost).hash(password);
  inTransaction(database, () => {
    users.setPassword(name, hash, true);
    users.change(name, { disabled: false });
    new Sessions(database).endAll(name);
    new Tokens(database).revokeAll(name);
    audit({
      ...BY_SYSTEM,
      action: "user-changed",
      subject: `user ${name}`,
      detail: { resetPassword: true, disabled: false },
    });
  });
  return password;
}

async function makeFirst({ users, passwords, audit, together, now }: RouteParts): Promise<string> {
  const password = oneTimePassword();
  const hash = await passwords.hash(password);
  together(() => {
    users.add(FIRST_USER, "admin", hash, true, now());
    audit({ ...BY_SYSTEM, action: "user-created", subject: `user ${FIRST_USER}`, detail: { role: "admin" } });
  });
  return password;
}

function tooMany(_request: unknown, { ttl }: { readonly ttl: number }): TryLater {
  return new TryLater(429, "too-many-requests", "Too many requests came from this address", ttl);
}

function rethrow(error: unknown): never {
  throw error;
}
