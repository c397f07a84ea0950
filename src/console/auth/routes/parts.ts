/** What the routes of this folder share. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { formatPath } from "../../../router/config/problem.ts";
import { checkStructure } from "../../../router/config/structure.ts";
import type { Audit } from "../audit.ts";
import { AuthError } from "../error.ts";
import { COOKIE, refuse } from "../guard.ts";
import type { Limiter } from "../limit.ts";
import type { Passwords } from "../password.ts";
import { ABSOLUTE, type Sessions } from "../sessions.ts";
import type { Tokens } from "../tokens.ts";
import type { Users } from "../users.ts";

export interface RouteParts {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly passwords: Passwords;
  readonly byUser: Limiter;
  readonly byAddress: Limiter;
  readonly audit: Audit;
  readonly now: () => number;
  readonly fault: (error: unknown) => void;
}

/** Bodies are held against the schemas as they are written: nothing is converted, nothing left out. */
export function addErrors(app: FastifyInstance, fault: (error: unknown) => void): void {
  app.setValidatorCompiler(({ schema }) => (value: unknown) => {
    const [first] = checkStructure(schema as Parameters<typeof checkStructure>[0], value);
    if (!first) return { value };
    const path = formatPath(first.path);
    const message = `${path === "" ? "The body" : path}: ${first.message}`;
    return { error: new AuthError(400, "malformed", message, first.next, path === "" ? {} : { path }) };
  });
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof AuthError) return refuse(reply, error);
    const { statusCode = 500, message } = error as Error & { statusCode?: number };
    if (statusCode < 500) {
      const code = statusCode === 415 ? "media-type" : statusCode === 413 ? "too-large" : "malformed";
      return refuse(reply, new AuthError(statusCode, code, message.replace(/\.$/, ""), "Send a JSON object"));
    }
    fault(error);
    return refuse(
      reply,
      new AuthError(500, "internal", "A fault in the console", "Please report it; the console's log says more"),
    );
  });
}

/** Counts a try at a password. @throws AuthError too-many-tries */
export function countTry({ byUser, byAddress, now }: RouteParts, user: string, address: string): void {
  const at = now();
  const wait = Math.max(byUser.wait(user, at), byAddress.wait(address, at));
  if (wait > 0) {
    const seconds = Math.ceil(wait / 1000);
    throw new AuthError(
      429,
      "too-many-tries",
      "There were too many tries with a wrong password",
      `Try again in ${seconds} s`,
      { retryAfter: seconds },
    );
  }
  byUser.count(user, at);
  byAddress.count(address, at);
}

export function goodTry({ byUser, byAddress }: RouteParts, user: string, address: string): void {
  byUser.forget(user);
  byAddress.uncount(address);
}

export function setSession(reply: FastifyReply, id: string): void {
  reply.setCookie(COOKIE, id, {
    path: "/",
    httpOnly: true,
    secure: true,
    sameSite: "strict",
    maxAge: ABSOLUTE / 1000,
  });
}

export function clearSession(reply: FastifyReply): void {
  reply.clearCookie(COOKIE, { path: "/", httpOnly: true, secure: true, sameSite: "strict" });
}

export function iso(time: number): string {
  return new Date(time).toISOString();
}

/** The names in a path. */
export function param(request: FastifyRequest, name: string): string {
  return (request.params as Readonly<Record<string, string>>)[name];
}
