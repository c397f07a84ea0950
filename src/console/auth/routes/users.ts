/** /users: administrators make, change and remove users. Passwords are made here, for one login, and shown once. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import Type from "typebox";
import { described } from "../../api/operation.ts";
import { ConsoleError } from "../../error.ts";
import type { AuditEntry } from "../audit.ts";
import { oneTimePassword } from "../password.ts";
import type { User } from "../users.ts";
import { demandStill, iso, param, type RouteParts } from "./parts.ts";
import { Gone, NewUser, UserChange, UserList, UserReply } from "./schema.ts";

const common = { tag: "users", role: "admin" } as const;
const params = Type.Object({ name: Type.String({ minLength: 1, maxLength: 64 }) });

/** Names that the audit uses for no user. */
const RESERVED = new Set(["anonymous", "system", "unknown"]);

export function userRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { users, sessions, tokens, passwords, together, now } = parts;
  const audit = (request: FastifyRequest, action: string, name: string, detail: AuditEntry["detail"] = {}) =>
    parts.audit({ author: request.author, action, subject: `user ${name}`, outcome: "done", detail });

  app.get(
    "/users",
    described({ ...common, id: "listUsers", summary: "Lists users", replies: { 200: UserList } }),
    async () => ({ items: users.list().map(shown), next: null }),
  );

  app.get(
    "/users/:name",
    described({
      ...common,
      id: "getUser",
      summary: "Gives one user",
      params,
      replies: { 200: UserReply },
      refusals: [404],
    }),
    async (request) => shown(users.get(param(request, "name"))),
  );

  app.post<{ Body: NewUser }>(
    "/users",
    described({
      ...common,
      id: "createUser",
      summary: "Makes a user with a one-time password, shown this once",
      body: NewUser,
      replies: { 201: UserReply },
      refusals: [409, 422, 503],
    }),
    async (request, reply) => {
      const { name, role } = request.body;
      if (RESERVED.has(name))
        throw new ConsoleError(422, "name-reserved", `"${name}" means nobody here`, "Choose another name", {
          path: "name",
        });
      const password = oneTimePassword();
      const hash = await passwords.hash(password);
      demandStill(request);
      const user = together(() => {
        audit(request, "user-created", name, { role });
        return users.add(name, role, hash, true, now());
      });
      return reply
        .code(201)
        .header("location", `/v1/users/${encodeURIComponent(name)}`)
        .send({ ...shown(user), password });
    },
  );

  app.patch<{ Body: UserChange }>(
    "/users/:name",
    described({
      ...common,
      id: "updateUser",
      summary: "Changes a user's role, lets it in or not, or resets its password",
      params,
      body: UserChange,
      replies: { 200: UserReply },
      refusals: [404, 409, 503],
    }),
    async (request) => {
      const { role, disabled, resetPassword } = request.body;
      const { name } = users.get(param(request, "name"));
      const password = resetPassword ? oneTimePassword() : undefined;
      const hash = password === undefined ? undefined : await passwords.hash(password);
      demandStill(request);
      together(() => {
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
      });
      return { ...shown(users.get(name)), ...(password === undefined ? {} : { password }) };
    },
  );

  const remove = {
    ...common,
    id: "deleteUser",
    summary: "Deletes a user with its sessions and tokens",
    params,
    replies: { 204: Gone },
    refusals: [404, 409],
  };
  app.delete("/users/:name", described(remove), async (request, reply) => {
    const name = param(request, "name");
    together(() => {
      users.remove(name);
      audit(request, "user-deleted", name);
    });
    return reply.code(204).send();
  });
}

function shown({ name, role, disabled, mustChange, created, lastLogin }: User) {
  return { name, role, disabled, mustChange, created: iso(created), lastLogin: lastLogin && iso(lastLogin) };
}
