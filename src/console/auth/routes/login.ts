/** POST /login, /logout and /password, GET /whoami. */
import type { FastifyInstance } from "fastify";
import type { Author } from "../author.ts";
import { AuthError } from "../error.ts";
import { sessionOf } from "../guard.ts";
import { addressKey } from "../limit.ts";
import { checkNew } from "../password.ts";
import { csrfOf } from "../sessions.ts";
import { clearSession, countTry, goodTry, type RouteParts, setSession } from "./parts.ts";
import { LoginReply, LoginRequest, PasswordRequest, Refused, Whoami } from "./schema.ts";

const refusals = { "4xx": Refused, "5xx": Refused };

/** Every login costs a hash. This bounds the good ones too, for each address in a minute. */
const rateLimit = { max: 60, timeWindow: 60_000 };

export function loginRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { users, sessions, passwords, audit, now } = parts;

  app.post<{ Body: LoginRequest }>(
    "/login",
    {
      config: { role: "public", rateLimit },
      schema: { body: LoginRequest, response: { 200: LoginReply, ...refusals } },
    },
    async (request, reply) => {
      const { user: name, password } = request.body;
      const address = addressKey(request.ip);
      countTry(parts, name, address);
      // The same work and the same answer, whether the name, the password or the user's being enabled is what is wrong.
      const stored = users.passwordOf(name);
      const right = await passwords.verify(password, stored);
      const user = users.find(name);
      // Whoever changed the password or removed the user while the hash was made has the last word.
      const good = right && user !== undefined && !user.disabled && users.passwordOf(name) === stored;
      const author: Author = {
        // People type their password where the name belongs; what is no user's name is not written down.
        user: user?.name ?? "unknown",
        role: user?.role ?? "viewer",
        via: "session",
        address: request.ip,
      };
      const entry = { author, subject: `user ${author.user}`, detail: {} };
      if (!good) {
        audit({ ...entry, action: "login-failed", outcome: "refused" });
        throw new AuthError(
          401,
          "login-failed",
          "There is no such user, or the password is wrong",
          "Check both; an administrator can reset the password",
        );
      }
      goodTry(parts, name, address);
      if (passwords.outdated(stored as string))
        users.setPassword(name, await passwords.hash(password), user.mustChange);
      const id = sessions.begin(name, now());
      users.loggedIn(name, now());
      audit({ ...entry, action: "login", outcome: "done" });
      setSession(reply, id);
      return { user: name, role: user.role, csrf: csrfOf(id), mustChange: user.mustChange };
    },
  );

  app.post("/logout", { config: { role: "viewer" } }, async (request, reply) => {
    const id = sessionOf(request);
    if (request.author.via === "session" && id !== undefined) {
      sessions.end(id);
      clearSession(reply);
      audit({
        author: request.author,
        action: "logout",
        subject: `user ${request.author.user}`,
        outcome: "done",
        detail: {},
      });
    }
    return reply.code(204).send();
  });

  app.post<{ Body: PasswordRequest }>(
    "/password",
    {
      config: { role: "viewer", rateLimit },
      schema: { body: PasswordRequest, response: { 200: LoginReply, ...refusals } },
    },
    async (request, reply) => {
      const { user: name, via } = request.author;
      if (via !== "session") {
        throw new AuthError(403, "session-needed", "A token cannot change its owner's password", "Log in first");
      }
      const { old, new: fresh } = request.body;
      const address = addressKey(request.ip);
      const subject = `user ${name}`;
      countTry(parts, name, address);
      const stored = users.passwordOf(name);
      if (!(await passwords.verify(old, stored)) || users.passwordOf(name) !== stored) {
        audit({ author: request.author, action: "password-changed", subject, outcome: "refused", detail: {} });
        throw new AuthError(403, "password-wrong", "The old password is wrong", "Type it again", { path: "old" });
      }
      goodTry(parts, name, address);
      checkNew(fresh, name);
      if (fresh === old) {
        throw new AuthError(422, "password-weak", "The new password is the old one", "Choose another", {
          path: "new",
        });
      }
      users.setPassword(name, await passwords.hash(fresh), false);
      sessions.endAll(name);
      const id = sessions.begin(name, now());
      audit({ author: request.author, action: "password-changed", subject, outcome: "done", detail: {} });
      setSession(reply, id);
      return { user: name, role: request.author.role, csrf: csrfOf(id), mustChange: false };
    },
  );

  app.get(
    "/whoami",
    { config: { role: "viewer" }, schema: { response: { 200: Whoami, ...refusals } } },
    async (request) => {
      const { user, role, via } = request.author;
      const id = sessionOf(request);
      const { mustChange } = users.get(user);
      return { user, role, via, mustChange, ...(via === "session" && id !== undefined ? { csrf: csrfOf(id) } : {}) };
    },
  );
}
