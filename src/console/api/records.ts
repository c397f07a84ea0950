/** What happened: events of the field, and the audit record. */
import type { FastifyInstance } from "fastify";
import Type, { type TSchema } from "typebox";
import type { Level } from "../store/events.ts";
import type { Page } from "../store/page.ts";
import { described } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";
import { AuditReply, EventReply } from "./replies.ts";

const Line = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const PAGE = {
  after: Type.Optional(Type.Integer({ ...Line, description: "What follows this line, oldest first." })),
  before: Type.Optional(
    Type.Integer({ ...Line, description: "The newest before this line. Default: the newest of all." }),
  ),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 500, description: "Default 100. Fewer come where they are more than 4 MB." }),
  ),
};

const Text = Type.Optional(Type.String({ maxLength: 128 }));

function pageQuery(filters: Readonly<Record<string, TSchema>>) {
  return Type.Object({ ...filters, ...PAGE }, { additionalProperties: false });
}

function items(item: TSchema): TSchema {
  const next = Type.Union([Type.Integer(), Type.Null()], {
    description: "`after` for what comes next; null: none yet.",
  });
  return Type.Object({ items: Type.Array(item), next }, { description: "Oldest first." });
}

type Query<T> = Partial<Page> & T;

export function recordRoutes(app: FastifyInstance, { desk }: ConsoleParts): void {
  app.get<{ Querystring: Query<{ readonly level?: Level; readonly code?: string; readonly subject?: string }> }>(
    "/events",
    described({
      id: "listEvents",
      summary: "Lists events of the field",
      tag: "events",
      role: "viewer",
      query: pageQuery({
        level: Type.Optional(Type.Enum(["INFO", "WARN", "CRITICAL"])),
        code: Text,
        subject: Type.Optional(Type.String({ maxLength: 128, description: "Id of a resource." })),
      }),
      replies: { 200: items(EventReply) },
    }),
    async ({ query: { level, code, subject, ...page } }) =>
      paged(desk.events.list({ level, code, subject }, { limit: 100, ...page })),
  );
  app.get<{ Querystring: Query<{ readonly user?: string; readonly action?: string }> }>(
    "/audit",
    described({
      id: "listAudit",
      summary: "Lists who changed what",
      tag: "audit",
      role: "admin",
      query: pageQuery({ user: Text, action: Text }),
      replies: { 200: items(AuditReply) },
    }),
    async ({ query: { user, action, ...page } }) => paged(desk.audit.list({ user, action }, { limit: 100, ...page })),
  );
}

function paged<T extends { readonly id: number }>(found: readonly T[]): { items: readonly T[]; next: number | null } {
  return { items: found, next: found.at(-1)?.id ?? null };
}
