/** /tokens: everyone makes and revokes their own; administrators see and revoke those of others. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import Type from "typebox";
import { described } from "../../api/operation.ts";
import type { Author } from "../../author.ts";
import { ConsoleError } from "../../error.ts";
import { covers } from "../author.ts";
import { bearerOf } from "../guard.ts";
import { noToken, type Token } from "../tokens.ts";
import { iso, param, type RouteParts } from "./parts.ts";
import { Gone, NewToken, Owner, TokenList, TokenReply } from "./schema.ts";

const common = { tag: "tokens", role: "viewer" } as const;

export function tokenRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { users, tokens, together, now } = parts;
  const audit = (request: FastifyRequest, action: string, { id, user, role }: Token) =>
    parts.audit({ author: request.author, action, subject: `token ${id}`, outcome: "done", detail: { user, role } });

  app.get<{ Querystring: { user?: string } }>(
    "/tokens",
    described({
      ...common,
      id: "listTokens",
      summary: "Lists one's own tokens; an admin may ask for those of others",
      query: Owner,
      replies: { 200: TokenList },
      refusals: [404],
    }),
    async ({ author, query }) => {
      const owner = query.user ?? author.user;
      mayTouch(author, owner);
      return { items: tokens.list(owner === "*" ? undefined : users.get(owner).name).map(shown), next: null };
    },
  );

  app.post<{ Body: NewToken }>(
    "/tokens",
    described({
      ...common,
      id: "createToken",
      summary:
        "Makes a token, shown this once; one that a token makes has at most its role and its end, and goes with it",
      body: NewToken,
      replies: { 201: TokenReply },
      refusals: [409, 422],
    }),
    async (request, reply) => {
      const { author, body } = request;
      const { name, role = author.role } = body;
      const parent = bearerOf(request, parts);
      const { token, text } = together(() => {
        const made = tokens.make(author, parent, { name, role, expires: expiry(body.expires, now()) }, now());
        audit(request, "token-created", made.token);
        return made;
      });
      return reply.code(201).send({ ...shown(token), token: text });
    },
  );

  const revoke = {
    ...common,
    id: "revokeToken",
    summary: "Revokes a token",
    params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) }),
    replies: { 204: Gone },
    refusals: [404],
  };
  app.delete("/tokens/:id", described(revoke), async (request, reply) => {
    const token = tokens.get(param(request, "id"));
    const { author } = request;
    // To others the token does not exist.
    if (token.user !== author.user && author.role !== "admin") throw noToken(token.id);
    const own = bearerOf(request, parts);
    if (own && own.id !== token.id && !covers(own.role, token.role)) {
      throw new ConsoleError(
        403,
        "role",
        `A token with the role "${own.role}" cannot revoke one with "${token.role}"`,
        "Log in with the password, or use a token with that role",
      );
    }
    together(() => {
      tokens.revoke(token.id);
      audit(request, "token-revoked", token);
    });
    return reply.code(204).send();
  });
}

function mayTouch(author: Author, owner: string): void {
  if (owner === author.user || author.role === "admin") return;
  throw new ConsoleError(403, "role", "Tokens of others are for administrators", "Leave out user to see your own");
}

/** Milliseconds since the Unix epoch; null: never. @throws ConsoleError expires */
function expiry(text: string | null | undefined, now: number): number | null | undefined {
  if (text === undefined || text === null) return text;
  const time = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (time > now) return time;
  throw new ConsoleError(
    422,
    "expires",
    `"${text}" is not a time to come`,
    "Write it as 2027-01-31T00:00:00Z, or null for never",
    { path: "expires" },
  );
}

function shown({ created, expires, used, ...rest }: Token) {
  return { ...rest, created: iso(created), expires: expires && iso(expires), used: used && iso(used) };
}
