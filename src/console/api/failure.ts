/** Turns whatever was thrown into the one form of error replies. What a client sends never becomes a 500. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ConsoleError } from "../error.ts";
import { databaseFault, unavailable } from "../store/fault.ts";

/** Where faults of the program are written down. */
export interface FaultLog {
  error(context: object, message: string): void;
}

/** Fastify's own refusals in our words: status → code, message, next. */
const REFUSALS: Readonly<Record<number, readonly [string, string, string]>> = {
  400: ["malformed", "the request cannot be read", "Correct it; GET /v1/openapi.json describes what is expected"],
  404: ["not-found", "there is nothing at this path", "GET /v1/openapi.json lists all paths"],
  413: ["too-large", "the body is too large", "At most 1 MB; 16 MB for POST /v1/apply"],
  415: ["media-type", "the body is of a type that is not understood", "Send it as application/json"],
};

export function answerFailures(app: FastifyInstance, log: FaultLog): void {
  app.setErrorHandler((thrown: FastifyError | ConsoleError, request, reply) => {
    const fault = databaseFault(thrown);
    const error = fault ? unavailable(fault, thrown) : thrown;
    if (error instanceof ConsoleError) {
      if (error.status >= 500) log.error({ err: error.cause ?? error, route: request.routeOptions.url }, error.message);
      return reply.code(error.status).send(error.body());
    }
    const status = error.statusCode ?? 500;
    if (status === 429) return reply.send(error);
    if (status >= 400 && status < 500) return refuse(reply, status);
    log.error({ err: error, route: request.routeOptions.url }, "a fault in the program");
    return reply
      .code(500)
      .send({ code: "internal", message: "a fault in the program", next: "Report it with the console's log" });
  });
  app.setNotFoundHandler((_request, reply) => refuse(reply, 404));
}

/** For what Fastify refuses before it has looked for a route: addresses that cannot be read or are too long. */
export function answerUnrouted(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  refuse(reply, error.statusCode === 414 ? 404 : 400);
}

function refuse(reply: FastifyReply, status: number): FastifyReply {
  const [code, message, next] = REFUSALS[status] ?? REFUSALS[400];
  return reply.code(status).send({ code, message, next });
}
