/** POST /login, /logout and /password, GET /whoami. */
import type { FastifyInstance, RouteShorthandOptions } from "fastify";
import { described, type Operation } from "../../api/operation.ts";
import type { Author } from "../../author.ts";
import { ConsoleError } from "../../error.ts";
import { endedMeanwhile, sessionOf } from "../guard.ts";
import { checkNew } from "../password.ts";
import { csrfOf } from "../sessions.ts";
import { clearSession, demandStill, type RouteParts, setSession } from "./parts.ts";
import { Gone, LoginReply, LoginRequest, PasswordRequest, Whoami } from "./schema.ts";

/** Every login costs a hash. This bounds the good ones too, for each address in a minute. */
const rateLimit = { max: 60, timeWindow: 60_000 };

const tag = "login";

function limited(operation: Operation): RouteShorthandOptions {
  const options = described(operation);
  return { ...options, config: { ...options.config, rateLimit } };
}

export function loginRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { users, sessions, passwords, admission, audit, failures, together, now } = parts;

  app.post<{ Body: LoginRequest }>(
    "/login",
    limited({
      id: "logIn",
      summary: "Begins a session: its cookie, and the token that its writes must carry",
      tag,
      role: "public",
      body: LoginRequest,
      replies: { 200: LoginReply },
      refusals: [401, 503],
    }),
    async (request, reply) => {
      const { user: name, password } = request.body;
      const admitted = await admission.admit(name, request.ip);
      // The same work and the same answer, whether the name, the password or the user's being enabled is what is wrong.
      const stored = users.passwordOf(name);
      const right = await passwords.verify(password, stored, admitted.known);
      const renewed = right && passwords.outdated(stored as string) ? await passwords.hash(password) : undefined;
      const user = users.find(name);
      // Whoever changed the password or removed the user while hashes were made has the last word.
      const good = right && user !== undefined && !user.disabled && users.passwordOf(name) === stored;
      const author: Author = {
        // People type their password where the name belongs; what is no user's name is not written down.
        user: user?.name ?? "unknown",
        role: user?.role ?? "viewer",
        via: "session",
        address: request.ip,
      };
      if (!good) {
        failures.add(author);
        throw new ConsoleError(
          401,
          "login-failed",
          "There is no such user, or the password is wrong",
          "Check both; an administrator can reset the password",
        );
      }
      const id = together(() => {
        admitted.good();
        if (renewed !== undefined) users.setPassword(name, renewed, user.mustChange);
        users.loggedIn(name, now());
        audit({ author, action: "login", subject: `user ${author.user}`, outcome: "done", detail: {} });
        return sessions.begin(name, now());
      });
      setSession(reply, id);
      return { user: name, role: user.role, csrf: csrfOf(id), mustChange: user.mustChange };
    },
  );

  const logOut = { id: "logOut", summary: "Ends the session", tag, role: "viewer", replies: { 204: Gone } } as const;
  app.post("/logout", described(logOut), async (request, reply) => {
    const id = sessionOf(request);
    if (request.author.via === "session" && id !== undefined) {
      const { author } = request;
      together(() => {
        sessions.end(id);
        audit({ author, action: "logout", subject: `user ${author.user}`, outcome: "done", detail: {} });
      });
      clearSession(reply);
    }
    return reply.code(204).send();
  });

  app.post<{ Body: PasswordRequest }>(
    "/password",
    limited({
      id: "changePassword",
      summary: "Changes one's own password; all sessions end, and a new one begins",
      tag,
      role: "viewer",
      body: PasswordRequest,
      replies: { 200: LoginReply },
      refusals: [422, 503],
    }),
    async (request, reply) => {
      const { user: name, via } = request.author;
      if (via !== "session") {
        throw new ConsoleError(403, "session-needed", "A token cannot change its owner's password", "Log in first");
      }
      const { old, new: fresh } = request.body;
      const subject = `user ${name}`;
      const admitted = await admission.admit(name, request.ip);
      const stored = users.passwordOf(name);
      if (!(await passwords.verify(old, stored, admitted.known)) || users.passwordOf(name) !== stored) {
        audit({ author: request.author, action: "password-changed", subject, outcome: "refused", detail: {} });
        throw new ConsoleError(403, "password-wrong", "The old password is wrong", "Type it again", { path: "old" });
      }
      together(() => admitted.good());
      checkNew(fresh, name);
      if (fresh === old) {
        throw new ConsoleError(422, "password-weak", "The new password is the old one", "Choose another", {
          path: "new",
        });
      }
      const hash = await passwords.hash(fresh);
      // Whoever reset the password, or disabled or removed the user, while the hash was made has the last word.
      demandStill(request);
      if (users.passwordOf(name) !== stored) throw endedMeanwhile();
      const id = together(() => {
        users.setPassword(name, hash, false);
        sessions.endAll(name);
        audit({ author: request.author, action: "password-changed", subject, outcome: "done", detail: {} });
        return sessions.begin(name, now());
      });
      setSession(reply, id);
      return { user: name, role: request.author.role, csrf: csrfOf(id), mustChange: false };
    },
  );

  app.get(
    "/whoami",
    described({ id: "whoami", summary: "Who makes this request", tag, role: "viewer", replies: { 200: Whoami } }),
    async (request) => {
      const { user, role, via } = request.author;
      const id = sessionOf(request);
      const { mustChange } = users.get(user);
      return { user, role, via, mustChange, ...(via === "session" && id !== undefined ? { csrf: csrfOf(id) } : {}) };
    },
  );
}
