/** /users: administrators make, change and remove users. Passwords are made here, for one login, and shown once. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { AuditEntry } from "../audit.ts";
import { AuthError } from "../error.ts";
import { oneTimePassword } from "../password.ts";
import type { User } from "../users.ts";
import { iso, param, type RouteParts } from "./parts.ts";
import { NewUser, Refused, UserChange, UserList, UserReply } from "./schema.ts";

const refusals = { "4xx": Refused, "5xx": Refused };
const config = { role: "admin" as const };

/** Names that the audit uses for no user. */
const RESERVED = new Set(["anonymous", "system", "unknown"]);

export function userRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { users, sessions, tokens, passwords, now } = parts;
  const audit = (request: FastifyRequest, action: string, name: string, detail: AuditEntry["detail"] = {}) =>
    parts.audit({ author: request.author, action, subject: `user ${name}`, outcome: "done", detail });

  app.get("/users", { config, schema: { response: { 200: UserList, ...refusals } } }, async () => ({
    items: users.list().map(shown),
    next: null,
  }));

  app.get("/users/:name", { config, schema: { response: { 200: UserReply, ...refusals } } }, async (request) =>
    shown(users.get(param(request, "name"))),
  );

  app.post<{ Body: NewUser }>(
    "/users",
    { config, schema: { body: NewUser, response: { 201: UserReply, ...refusals } } },
    async (request, reply) => {
      const { name, role } = request.body;
      if (RESERVED.has(name))
        throw new AuthError(422, "name-reserved", `"${name}" means nobody here`, "Choose another name", {
          path: "name",
        });
      const password = oneTimePassword();
      const user = users.add(name, role, await passwords.hash(password), true, now());
      audit(request, "user-created", name, { role });
      return reply
        .code(201)
        .header("location", `/v1/users/${encodeURIComponent(name)}`)
        .send({ ...shown(user), password });
    },
  );

  app.patch<{ Body: UserChange }>(
    "/users/:name",
    { config, schema: { body: UserChange, response: { 200: UserReply, ...refusals } } },
    async (request) => {
      const { role, disabled, resetPassword } = request.body;
      const { name } = users.get(param(request, "name"));
      const password = resetPassword ? oneTimePassword() : undefined;
      const hash = password === undefined ? undefined : await passwords.hash(password);
      users.change(name, { role, disabled });
      if (hash !== undefined) {
        users.setPassword(name, hash, true);
        tokens.revokeAll(name);
      }
      if (hash !== undefined || disabled) sessions.endAll(name);
      audit(request, "user-changed", name, {
        ...(role === undefined ? {} : { role }),
        ...(disabled === undefined ? {} : { disabled }),
        ...(resetPassword ? { resetPassword } : {}),
      });
      return { ...shown(users.get(name)), ...(password === undefined ? {} : { password }) };
    },
  );

  app.delete("/users/:name", { config }, async (request, reply) => {
    const name = param(request, "name");
    users.remove(name);
    audit(request, "user-deleted", name);
    return reply.code(204).send();
  });
}

function shown({ name, role, disabled, mustChange, created, lastLogin }: User) {
  return { name, role, disabled, mustChange, created: iso(created), lastLogin: lastLogin && iso(lastLogin) };
}
