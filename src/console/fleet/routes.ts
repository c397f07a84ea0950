/** The HTTP doors of enrolment, and of who does not trust the console's certificate any more: public, small bodies, one answer for whatever is wrong with a request. */
// Adds `summary` to the schemas of routes.
import type {} from "@fastify/swagger";
import type { FastifyInstance, FastifyReply } from "fastify";
import {
  BEGIN_PATH,
  BeginReply,
  BeginRequest,
  EnrolmentRefusal,
  FINISH_PATH,
  FinishReply,
  FinishRequest,
} from "../../protocol/enrol.ts";
import { ROOTS_PATH, RootsRequest, SignedRoots } from "../../protocol/roots.ts";
import type { Answer, Enrolment } from "./enrolment.ts";
import type { RootsDesk } from "./roots.ts";

/** Bytes; a request has about 1,000. */
const LARGEST_BODY = 16 * 1024;

/** No JSON, not as the schema has it; too large; of another type. */
const MALFORMED = new Set([400, 413, 415]);

export async function enrolmentRoutes(app: FastifyInstance, enrolment: Enrolment, roots: RootsDesk): Promise<void> {
  await app.register(async (scope) => {
    scope.setErrorHandler((error, _request, reply) => {
      const { statusCode = 500 } = error as { statusCode?: number };
      // The rest (a fault of ours, a limit of the console's) is for the console's own handler.
      if (!MALFORMED.has(statusCode)) throw error;
      return reply.code(statusCode).send({
        code: "malformed",
        message: "This is no request of a device",
        next: "Run vcpe join, in the version of the console",
      } satisfies EnrolmentRefusal);
    });
    const config = { role: "public" } as object;
    const refusals = { "4xx": EnrolmentRefusal };
    scope.post<{ Body: BeginRequest }>(
      BEGIN_PATH,
      {
        config,
        bodyLimit: LARGEST_BODY,
        schema: {
          summary: "A device begins to enrol.",
          body: BeginRequest,
          response: { 200: BeginReply, ...refusals },
        },
      },
      (request, reply) => answer(reply, enrolment.begin(request.body, request.ip)),
    );
    scope.post<{ Body: FinishRequest }>(
      FINISH_PATH,
      {
        config,
        bodyLimit: LARGEST_BODY,
        schema: {
          summary: "A device proves its key and gets its certificate.",
          body: FinishRequest,
          response: { 200: FinishReply, ...refusals },
        },
      },
      async (request, reply) => answer(reply, await enrolment.finish(request.body, request.ip)),
    );
    scope.post<{ Body: RootsRequest }>(
      ROOTS_PATH,
      {
        config,
        bodyLimit: LARGEST_BODY,
        schema: {
          summary: "Which roots the console's HTTPS certificate comes from, signed for devices.",
          body: RootsRequest,
          response: { 200: SignedRoots, ...refusals },
        },
      },
      async (request, reply) => reply.header("cache-control", "no-store").send(await roots.answer(request.body.nonce)),
    );
  });
}

function answer(reply: FastifyReply, given: Answer<BeginReply | FinishReply>): FastifyReply {
  if ("retryAfter" in given && given.retryAfter !== undefined) reply.header("retry-after", given.retryAfter);
  return reply.code(given.status).header("cache-control", "no-store").send(given.body);
}
