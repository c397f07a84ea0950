/** Resources of all kinds: list, get, create, change, delete. */
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { Draft, type OwnKind } from "../desk/draft.ts";
import { ConsoleError, refusal } from "../error.ts";
import { type Kind, type Resource, SPECS, type Written } from "../model/resources.ts";
import { article, WORDS } from "../model/word.ts";
import { checkIfMatch, etagOf, matches } from "./etag.ts";
import { type ListQuery, list, listQuery } from "./list.ts";
import { statusOf } from "./observe.ts";
import { DryRun, described, either, shared, writer } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";
import { perform } from "./perform.ts";
import { pascal, RESOURCES } from "./replies.ts";
import { BODIES, checkSpec, merged, OWN_KINDS, PATCHES } from "./specs.ts";
import { faultOf } from "./validation.ts";

export const Params = Type.Object({ id: Type.String({ minLength: 1, maxLength: 128, description: "Id or name." }) });

/** @throws ConsoleError 404 */
export function existing<K extends Kind>({ desk }: ConsoleParts, kind: K, idOrName: string): Resource<K> {
  const resource = desk.find(kind, idOrName);
  if (resource) return resource;
  throw new ConsoleError(
    404,
    "not-found",
    `there is no ${WORDS[kind].one} "${idOrName}"`,
    `GET /v1/${WORDS[kind].many} lists those that exist`,
  );
}

export function resourceRoutes(app: FastifyInstance, parts: ConsoleParts): void {
  for (const kind of Object.keys(SPECS) as Kind[]) readRoutes(app, parts, kind);
  for (const kind of OWN_KINDS) writeRoutes(app, parts, kind);
}

function readRoutes(app: FastifyInstance, parts: ConsoleParts, kind: Kind): void {
  const { one, many } = WORDS[kind];
  const Kinds = pascal(many);
  app.get<{ Querystring: ListQuery }>(
    `/${many}`,
    described({
      id: `list${Kinds}`,
      summary: `Lists ${many.replaceAll("-", " ")} by name`,
      tag: many,
      role: "viewer",
      query: listQuery(kind),
      replies: {
        200: Type.Object(
          { items: Type.Array(RESOURCES[kind]), next: Type.Union([Type.String(), Type.Null()]) },
          { description: "`next` is the cursor of the next page; null: this is the last." },
        ),
      },
      refusals: [422],
    }),
    async (request) => list(parts, kind, request.query),
  );
  app.get<{ Params: { id: string } }>(
    `/${many}/:id`,
    described({
      id: `get${pascal(kind)}`,
      summary: `Shows one ${one}`,
      tag: many,
      role: "viewer",
      params: Params,
      replies: {
        200: shared(pascal(kind), `The ${one}; ETag: its version.`),
        304: Type.Null({ description: "Unchanged." }),
      },
      refusals: [404],
    }),
    async (request, reply) => {
      const resource = existing(parts, kind, request.params.id) as Resource;
      const status = statusOf(parts, resource, true);
      const etag = etagOf(resource.version, status);
      reply.header("ETag", etag);
      if (matches(request.headers["if-none-match"], etag)) return reply.code(304).send();
      return reply.send(status ? { ...resource, status } : resource);
    },
  );
}

function writeRoutes(app: FastifyInstance, parts: ConsoleParts, kind: OwnKind): void {
  const { one, many } = WORDS[kind];
  const { desk } = parts;
  const role = writer(kind);
  const bearsDevices = kind === "instance" || kind === "access-point";
  const reply = shared(
    bearsDevices ? `New${pascal(kind)}` : pascal(kind),
    "Created; keys of devices are shown this once.",
  );
  app.post<{ Body: Written<OwnKind> }>(
    `/${many}`,
    described({
      id: `create${pascal(kind)}`,
      summary: `Creates ${bearsDevices ? `${article(one)} with its devices` : article(one)}`,
      tag: many,
      role,
      query: DryRun,
      body: BODIES[kind],
      repeatable: true,
      replies: { 201: reply, 200: either("A dry run.", "DryRun") },
      refusals: [409, 422],
    }),
    (request, reply) =>
      perform(parts, request, reply, {
        action: `create ${kind}`,
        plan: (intent) => {
          const draft = new Draft(desk, intent);
          draft.create(kind, request.body);
          return draft.changes();
        },
        answer: ({ changes, devices }) => {
          const resource = changes[0].after!;
          return {
            status: 201,
            body: { ...resource, ...(bearsDevices && { devices }) },
            location: `/v1/${many}/${resource.id}`,
            etag: etagOf(resource.version),
          };
        },
      }),
  );
  app.patch<{ Params: { id: string }; Body: object }>(
    `/${many}/:id`,
    described({
      id: `update${pascal(kind)}`,
      summary: `Changes ${article(one)}`,
      tag: many,
      role,
      params: Params,
      query: DryRun,
      body: PATCHES[kind],
      ifMatch: "required",
      replies: { 200: either("Changed; or a dry run.", pascal(kind), "DryRun") },
      refusals: [404, 409, 412, 422, 428],
    }),
    (request, reply) => {
      let after: Resource;
      return perform(parts, request, reply, {
        action: `update ${kind}`,
        plan: (intent) => {
          const before = existing(parts, kind, request.params.id) as Resource<OwnKind>;
          checkIfMatch(request.headers["if-match"], before, true);
          const written = merged(specOf(before), request.body);
          const findings = checkSpec(kind, written);
          if (findings.length > 0) throw refusal(findings.map(faultOf), 400);
          const draft = new Draft(desk, intent);
          after = draft.update(before, written as Written<OwnKind>);
          return draft.changes();
        },
        preview: () => ({ resource: after }),
        answer: () => ({ status: 200, body: after, etag: etagOf(after.version) }),
      });
    },
  );
  app.delete<{ Params: { id: string } }>(
    `/${many}/:id`,
    described({
      id: `delete${pascal(kind)}`,
      summary: `Deletes ${article(one)}${bearsDevices ? " and its devices" : kind === "security-group" ? " and its rules" : ""}`,
      tag: many,
      role,
      params: Params,
      query: DryRun,
      ifMatch: "required",
      replies: { 204: Type.Null({ description: "Deleted." }), 200: either("A dry run.", "DryRun") },
      refusals: [404, 409, 412, 422, 428],
    }),
    (request, reply) =>
      perform(parts, request, reply, {
        action: `delete ${kind}`,
        plan: (intent) => {
          const before = existing(parts, kind, request.params.id) as Resource;
          checkIfMatch(request.headers["if-match"], before, true);
          const draft = new Draft(desk, intent);
          draft.remove(before);
          return draft.changes();
        },
        answer: () => ({ status: 204 }),
      }),
  );
}

/** What an operator could have written of it. */
export function specOf(resource: Resource): object {
  const { kind: _k, id: _i, version: _v, created: _c, updated: _u, ...spec } = resource;
  return spec;
}
