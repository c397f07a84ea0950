/** The console's HTTP API under /v1: all routes but those of users, sessions and devices, which other parts bring along. */
import type { FastifyInstance, FastifyServerOptions } from "fastify";
import Type from "typebox";
import { actRoutes } from "./acts.ts";
import { applyRoute } from "./apply.ts";
import { bindingRoutes } from "./bindings.ts";
import { documentApi } from "./document.ts";
import { answerFailures, answerUnrouted } from "./failure.ts";
import { BODY_LIMIT, readJson } from "./json.ts";
import { described } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";
import { readyRoute } from "./ready.ts";
import { recordRoutes } from "./records.ts";
import { resourceRoutes } from "./resources.ts";
import { routeRoutes } from "./routes.ts";
import { type StreamLimits, streamRoute } from "./stream.ts";
import { validatorCompiler } from "./validation.ts";

/** What the application that the API is built on must be made with. */
export const SERVER_OPTIONS = {
  bodyLimit: BODY_LIMIT,
  // Names have up to 128 characters, each of them up to three when it is escaped.
  routerOptions: { maxParamLength: 512 },
  frameworkErrors: answerUnrouted,
} as const satisfies FastifyServerOptions;

/**
 * What every route needs, also those of other parts: reading of bodies, checks of schemas, form of errors, and the document that
 * describes all. To be called first, once.
 */
export async function prepareApi(app: FastifyInstance, { log }: Pick<ConsoleParts, "log">): Promise<void> {
  readJson(app);
  answerFailures(app, log);
  app.setValidatorCompiler(validatorCompiler);
  // Schemas of replies describe; what is sent is what was made.
  app.setSerializerCompiler(() => JSON.stringify);
  await documentApi(app);
}

/** @param app after `prepareApi`, and after the guard that sets `request.author` and enforces `config.role` */
export async function buildApi(
  app: FastifyInstance,
  parts: ConsoleParts,
  options: { readonly stream?: StreamLimits } = {},
): Promise<void> {
  await app.register(
    async (v1) => {
      resourceRoutes(v1, parts);
      bindingRoutes(v1, parts);
      actRoutes(v1, parts);
      applyRoute(v1, parts);
      routeRoutes(v1, parts);
      readyRoute(v1, parts);
      recordRoutes(v1, parts);
      streamRoute(v1, parts, options.stream);
      publicRoutes(v1, parts);
    },
    { prefix: "/v1" },
  );
}

function publicRoutes(app: FastifyInstance, { authority }: ConsoleParts): void {
  const role = "public";
  let document: string | undefined;
  app.get(
    "/health",
    described({
      id: "getHealth",
      summary: "Is the console there?",
      tag: "console",
      role,
      replies: { 200: Type.Object({ status: Type.Literal("ok") }, { description: "It is." }) },
    }),
    async () => ({ status: "ok" }),
  );
  app.get(
    "/ca",
    described({
      id: "getRootCertificate",
      summary: "The certificate of the console's own authority; compare its fingerprint",
      tag: "console",
      role,
      replies: { 200: Type.String({ description: "PEM." }) },
    }),
    async (_request, reply) => reply.type("application/x-pem-file").send(authority.root),
  );
  app.get(
    "/openapi.json",
    described({
      id: "getDocument",
      summary: "This document",
      tag: "console",
      role,
      replies: { 200: Type.Unknown({ description: "OpenAPI 3.1." }) },
    }),
    // It is the same for everybody, and anybody may ask: its text is made once.
    async (_request, reply) => {
      document ??= JSON.stringify(app.swagger());
      return reply.type("application/json; charset=utf-8").send(document);
    },
  );
}
