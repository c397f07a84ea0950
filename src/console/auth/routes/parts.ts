/** What the routes of this folder share. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Admission } from "../admission.ts";
import type { Audit } from "../audit.ts";
import type { FailedLogins } from "../failures.ts";
import { COOKIE, endedMeanwhile } from "../guard.ts";
import { TryLater } from "../later.ts";
import type { Passwords } from "../password.ts";
import { ABSOLUTE, type Sessions } from "../sessions.ts";
import type { Tokens } from "../tokens.ts";
import type { Users } from "../users.ts";

export interface RouteParts {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly passwords: Passwords;
  readonly admission: Admission;
  readonly audit: Audit;
  readonly failures: FailedLogins;
  /** What is done and its line in the record: both are on the disk, or neither. */
  readonly together: <T>(act: () => T) => T;
  readonly now: () => number;
}

/** Says after how many seconds it is worth trying again. What else is to be said of an error is said as everywhere. */
export function tellWhen(app: FastifyInstance): void {
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof TryLater) reply.header("retry-after", String(error.seconds));
    throw error;
  });
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

/** After a hash was made: whoever may not do it any more does not. @throws ConsoleError session-ended */
export function demandStill(request: FastifyRequest): void {
  if (!request.stillAllowed()) throw endedMeanwhile();
}

export function iso(time: number): string {
  return new Date(time).toISOString();
}

/** The names in a path. */
export function param(request: FastifyRequest, name: string): string {
  return (request.params as Readonly<Record<string, string>>)[name];
}
