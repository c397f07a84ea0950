/** Who may use which route. Nothing starts without a role, and nothing runs without someone who has it. */
import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Author } from "../author.ts";
import { ConsoleError } from "../error.ts";
import { covers, nobody, ROLES, type Role, type RouteRole } from "./author.ts";
import { csrfOf, type Sessions } from "./sessions.ts";
import type { Tokens } from "./tokens.ts";
import type { User, Users } from "./users.ts";
import type { Watches } from "./watches.ts";

/** `__Host-`: browsers take it over TLS only, from this host only, for all paths (RFC 6265bis). */
export const COOKIE = "__Host-vcpe";

/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/** Long replies are looked at so often, milliseconds. */
const LOOK_EVERY = 15_000;

/** Roles of routes that need nobody to be logged in. */
const OPEN = new Set<RouteRole | undefined>(["public", "device"]);
const KNOWN = new Set<RouteRole | undefined>([...OPEN, ...ROLES]);

export interface GuardParts {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly now: () => number;
  readonly watches: Watches;
  /** Paths that a user with a one-time password may use. */
  readonly beforeChange: ReadonlySet<string>;
}

/** @throws Error when a route without a known role is added to the app afterwards. */
export function addGuard(app: FastifyInstance, parts: GuardParts): void {
  app.decorateRequest("author", null as unknown as Author);
  app.decorateRequest("stillAllowed", function (this: FastifyRequest) {
    return stands(this, parts);
  });
  app.decorateRequest("watch", function (this: FastifyRequest, end: () => void) {
    return parts.watches.add(() => stands(this, parts), end);
  });
  // Sessions and tokens also run out, which no request tells.
  const timer = setInterval(() => parts.watches.check(), LOOK_EVERY).unref();
  app.addHook("onClose", async () => clearInterval(timer));
  app.addHook("onRoute", ({ method, url, config }) => {
    if (!KNOWN.has(config?.role)) throw new Error(`route ${method} ${url} does not say in config.role who may use it`);
  });
  app.addHook("onRequest", async (request, reply) => {
    request.author = nobody(request);
    if (request.is404) return;
    try {
      admit(request, parts);
    } catch (error) {
      if (!(error instanceof ConsoleError)) throw error;
      return refuse(reply, error);
    }
  });
  // Its body may have taken two minutes to come: what ended meanwhile lets nothing more be done.
  app.addHook("preHandler", async (request, reply) => {
    if (request.is404 || SAFE.has(request.method) || OPEN.has(request.routeOptions.config.role)) return;
    if (!stands(request, parts)) return refuse(reply, endedMeanwhile());
  });
}

/** The answer to a request that was let in, but would not be any more. */
export function endedMeanwhile(): ConsoleError {
  return new ConsoleError(
    401,
    "session-ended",
    "The session or the token has ended meanwhile, or its user has another role",
    "Nothing was done; log in again, and see what there is to do",
  );
}

/** Replies by itself: which error handler the app has, nobody needs to know here. */
function refuse(reply: FastifyReply, error: ConsoleError): FastifyReply {
  if (error.status === 401) reply.header("www-authenticate", 'Bearer realm="vcpe"');
  return reply.code(error.status).send(error.body());
}

/** The token that a request was let in with; undefined: a session it was. */
export function bearerOf({ headers }: FastifyRequest, { tokens, now }: Pick<GuardParts, "tokens" | "now">) {
  return headers.authorization === undefined ? undefined : tokens.look(textOf(headers.authorization), now());
}

/** The session id that a request carries; undefined: none. */
export function sessionOf(request: FastifyRequest): string | undefined {
  return request.cookies[COOKIE];
}

function admit(request: FastifyRequest, parts: GuardParts): void {
  const role = request.routeOptions.config.role;
  if (role === "device") return;
  if (role === "public") {
    // What a page of another origin sends must not even log its reader in.
    if (!SAFE.has(request.method)) checkOrigin(request);
    return;
  }
  request.author = authorOf(request, parts);
  if (role === undefined || !covers(request.author.role, role)) {
    throw new ConsoleError(
      403,
      "role",
      `This needs the role "${role}"; ${request.author.user} has "${request.author.role}" here`,
      "Ask an administrator of the console",
    );
  }
}

function authorOf(request: FastifyRequest, parts: GuardParts): Author {
  const { authorization } = request.headers;
  if (authorization !== undefined) return byToken(request, authorization, parts);
  const id = sessionOf(request);
  if (id === undefined) {
    throw new ConsoleError(401, "not-logged-in", "Nobody is logged in", "Log in: vcpe login, or POST /v1/login");
  }
  const name = parts.sessions.use(id, parts.now());
  const user = name === undefined ? undefined : parts.users.find(name);
  if (!user || user.disabled) {
    throw new ConsoleError(401, "session-ended", "The session has ended", "Log in again");
  }
  if (!SAFE.has(request.method)) {
    checkOrigin(request);
    checkCsrf(request, id);
  }
  if (mustChangeFirst(user, request, parts)) {
    throw new ConsoleError(
      403,
      "password-change-needed",
      "The password of this user is a one-time password",
      "Change it first: POST /v1/password",
    );
  }
  return author(user.name, user.role, "session", request);
}

function mustChangeFirst(
  { mustChange }: User,
  { routeOptions }: FastifyRequest,
  { beforeChange }: GuardParts,
): boolean {
  return mustChange && !beforeChange.has(routeOptions.url ?? "");
}

function byToken(request: FastifyRequest, authorization: string, { tokens, now }: GuardParts): Author {
  const token = tokens.use(textOf(authorization), now());
  if (token) return author(token.user, token.role, "token", request);
  throw new ConsoleError(
    401,
    "token-invalid",
    "The API token is unknown, has expired or was revoked",
    "Make a new one: vcpe login, or POST /v1/tokens",
  );
}

/** Would the request be let in today, as the same user with the same role? Looking is no use of a session or a token. */
function stands(request: FastifyRequest, parts: GuardParts): boolean {
  const { users, sessions, tokens, now } = parts;
  const { user, role } = request.author;
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const token = tokens.look(textOf(authorization), now());
    return token?.user === user && token.role === role;
  }
  const name = sessions.look(sessionOf(request) ?? "", now());
  const found = name === undefined ? undefined : users.find(name);
  if (found === undefined || found.disabled || mustChangeFirst(found, request, parts)) return false;
  return found.name === user && found.role === role;
}

/** "": it is no bearer token (RFC 6750 §2.1). */
function textOf(authorization: string): string {
  const [scheme, text = ""] = authorization.split(" ");
  return scheme.toLowerCase() === "bearer" ? text : "";
}

function author(user: string, role: Role, via: "session" | "token", request: FastifyRequest): Author {
  return { user, role, via, address: request.ip };
}

/** Browsers say on every write which page it came from; clients that are no browsers say nothing. */
function checkOrigin({ headers }: FastifyRequest): void {
  const { origin, host } = headers;
  const site = headers["sec-fetch-site"];
  const foreign =
    (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== normal(host))) ||
    (site !== undefined && site !== "same-origin" && site !== "none");
  if (foreign) {
    throw new ConsoleError(
      403,
      "origin",
      "The request comes from a page of another site",
      "Use the console's own page",
    );
  }
}

/** Without the default port, as URL has it. */
function normal(host: string | undefined): string | undefined {
  return host?.toLowerCase().replace(/:443$/, "");
}

function checkCsrf(request: FastifyRequest, id: string): void {
  const wanted = Buffer.from(csrfOf(id));
  const given = Buffer.from(String(request.headers["x-csrf-token"] ?? ""));
  if (given.length === wanted.length && timingSafeEqual(given, wanted)) return;
  throw new ConsoleError(
    403,
    "csrf",
    "The header X-CSRF-Token is missing or does not belong to this session",
    "Send what the login or GET /v1/whoami gave as csrf",
  );
}
