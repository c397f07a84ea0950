/** One operation of the API as Fastify takes it: what it is called, who may, what comes in, what goes out. */
import type { RouteShorthandOptions } from "fastify";
import Type, { type TSchema } from "typebox";
import type { RouteRole } from "../auth/author.ts";
import type { Kind } from "../model/resources.ts";
import { ROUTERS_TOLD } from "./difference.ts";

/** The least that a user must be. */
type Role = Exclude<RouteRole, "device">;

/** The least that a user must be to write resources of a kind. */
export function writer(kind: Kind): "admin" | "operator" {
  return kind === "area" || kind === "access-point" ? "admin" : "operator";
}

declare module "fastify" {
  interface FastifyContextConfig {
    role?: RouteRole;
  }
}

export interface Operation {
  /** listInstances; unique. */
  readonly id: string;
  readonly summary: string;
  readonly tag: string;
  readonly role: Role;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  readonly ifMatch?: "required" | "optional";
  /** Takes an Idempotency-Key. */
  readonly repeatable?: boolean;
  readonly replies: Readonly<Record<number, TSchema>>;
  /** Statuses of refusals, besides those that every operation has. */
  readonly refusals?: readonly number[];
  /** Octets of the body. */
  readonly bodyLimit?: number;
}

const REFUSALS: Readonly<Record<number, string>> = {
  400: "It is malformed; `violations` lists all that is wrong.",
  401: "Log in, or send a token.",
  403: "The user's role does not allow it.",
  404: "There is no such resource.",
  409: "It is in conflict with what is there; `violations` names the other side.",
  412: "The resource has another version by now.",
  413: "The body is too large.",
  415: "The body is no JSON.",
  422: "It breaks a rule of the field.",
  428: "If-Match is missing.",
  429: "Too many requests; see Retry-After.",
  503: "Not now; try again later.",
};

const entityTag = (maxLength: number, description: string) => Type.Optional(Type.String({ maxLength, description }));
const IF_MATCH = {
  // One that is missing is answered by 428, not by the check of the form.
  required: entityTag(256, "Needed: the ETag of the resource as it was read, or *."),
  optional: entityTag(256, "The ETag of the resource as it was read."),
} as const;
const IfNoneMatch = entityTag(1024, "An ETag: 304 if it is still that.");
const IdempotencyKey = Type.Optional(
  Type.String({
    pattern: "^[!-~]{1,128}$",
    description: "1–128 visible ASCII characters; the same request repeated with it within a day is not done twice.",
  }),
);

/** What an operation does not know it does not take: nobody shall think that he has tried a write which was done (`?dryRun=true`). */
const NoQuery = Type.Object({}, { additionalProperties: false });

/** To be completed by the handler. */
export function described(operation: Operation): RouteShorthandOptions {
  const { id, summary, tag, role, params, query, body, ifMatch, repeatable, replies, bodyLimit } = operation;
  const headers: Record<string, TSchema> = {};
  if (ifMatch) headers["if-match"] = IF_MATCH[ifMatch];
  if (repeatable) headers["idempotency-key"] = IdempotencyKey;
  if (replies[304]) headers["if-none-match"] = IfNoneMatch;
  const always = role === "public" ? [400, 429] : [400, 401, 403, 429];
  const writes = body ? [413, 415] : [];
  const statuses = [...new Set([...always, ...writes, ...(operation.refusals ?? [])])].sort();
  return {
    ...(bodyLimit !== undefined && { bodyLimit }),
    schema: {
      operationId: id,
      summary,
      tags: [tag],
      ...(params && { params }),
      querystring: query ?? NoQuery,
      ...(body && { body }),
      ...(Object.keys(headers).length > 0 && { headers: Type.Object(headers) }),
      response: {
        ...replies,
        ...Object.fromEntries(statuses.map((status) => [status, { description: REFUSALS[status], $ref: "Error#" }])),
      },
    },
    config: { role },
  };
}

/** A shared schema by its name. */
export function shared(name: string, description: string): TSchema {
  return Type.Unsafe({ description, $ref: `${name}#` });
}

/** One of several; for replies that dry runs change. */
export function either(description: string, ...names: string[]): TSchema {
  return Type.Unsafe({ description, anyOf: names.map((name) => ({ $ref: `${name}#` })) });
}

export const DryRun = Type.Object(
  {
    dryRun: Type.Optional(Type.Boolean({ description: "true: say what would change, and change nothing." })),
    routers: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 50_000,
        description: `Of at most so many routers the difference is told, of fewer where it is more than 4 MB. Default ${ROUTERS_TOLD}.`,
      }),
    ),
  },
  { additionalProperties: false },
);
