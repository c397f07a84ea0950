/** Serves the status API on a Unix socket that only the router's own user may open. */
import { chmodSync, rmSync } from "node:fs";
import Fastify, { type FastifyInstance } from "fastify";
import { ConfigError, formatProblem } from "../config/problem.ts";
import { RouterError, sentenceOf } from "../error.ts";
import type { Log } from "../log.ts";
import { Accepted, Refusal, RekeyRequest, ReloadReply, RouterStatus } from "./schema.ts";

/** What the API lets its callers do. */
export interface StatusDoors {
  status(): RouterStatus;
  /** @throws ConfigError, RouterError: nothing has changed. */
  reload(): Promise<ReloadReply>;
  /** @throws RouterError unknown-tunnel, not-possible */
  rekey(tunnel: string, what: "child" | "ike", child?: string): void;
  terminate(tunnel: string): void;
  initiate(tunnel: string): void;
}

type TunnelParams = { Params: { name: string } };

/** Listens; closing the server removes the socket. */
export async function serveStatus(path: string, doors: StatusDoors, log: Log): Promise<FastifyInstance> {
  const server = Fastify({ logger: false, forceCloseConnections: true, bodyLimit: 64 * 1024 });

  // `rekey` may come without a body; an empty one is no JSON.
  server.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    try {
      done(null, body === "" ? {} : JSON.parse(body as string));
    } catch {
      done(Object.assign(new Error("the body is not JSON"), { statusCode: 400, code: "bad-request" }));
    }
  });

  const refusals = { "4xx": Refusal, "5xx": Refusal };
  server.get("/status", { schema: { response: { 200: RouterStatus, ...refusals } } }, () => doors.status());
  server.post("/reload", { schema: { response: { 200: ReloadReply, ...refusals } } }, () => doors.reload());
  server.post<TunnelParams & { Body: { what?: "child" | "ike"; child?: string } }>(
    "/tunnels/:name/rekey",
    { schema: { body: { ...RekeyRequest, required: [] }, response: { 200: Accepted, ...refusals } } },
    (request) => {
      doors.rekey(request.params.name, request.body?.what ?? "child", request.body?.child);
      return { ok: true as const };
    },
  );
  for (const what of ["terminate", "initiate"] as const) {
    server.post<TunnelParams>(
      `/tunnels/:name/${what}`,
      { schema: { response: { 200: Accepted, ...refusals } } },
      (request) => {
        doors[what](request.params.name);
        return { ok: true as const };
      },
    );
  }
  server.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ code: "no-such-path", message: `There is no ${request.method} ${request.url}.` }),
  );
  server.setErrorHandler((error, _request, reply) => {
    const { status, refusal } = refuse(error);
    if (status >= 500) log.error({ err: error }, "status API");
    return reply.code(status).send(refusal);
  });

  // What a killed router left; the lock says that no living one is there.
  rmSync(path, { force: true });
  await server.listen({ path });
  chmodSync(path, 0o600);
  return server;
}

function refuse(error: unknown): { status: number; refusal: Refusal } {
  if (error instanceof ConfigError) {
    const problems = error.problems.map((problem) => formatProblem(error.file, problem));
    return {
      status: 422,
      refusal: { code: error.code, message: `The configuration was not taken: ${problems[0]}`, problems },
    };
  }
  if (error instanceof RouterError) {
    const status = { "unknown-tunnel": 404, "not-possible": 409, "restart-needed": 409 }[error.code as string] ?? 500;
    return { status, refusal: { code: error.code, message: error.message } };
  }
  const { statusCode = 500, code = "internal" } = error as { statusCode?: number; code?: string };
  return { status: statusCode, refusal: { code: code.toLowerCase(), message: sentenceOf(error) } };
}
