/** What happens while a request waits: for its body, or for a hash, the only thing that a request of users waits for. */
import { request as httpRequest } from "node:http";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { resetPassword } from "../../../../src/console/auth/auth.ts";
import { Passwords } from "../../../../src/console/auth/password.ts";
import { Users } from "../../../../src/console/auth/users.ts";
import { admin, freshSite, site } from "./fresh.ts";
import { addUser, ask, bearer, CHEAP, headers, makeToken, PASSWORD, type Session } from "./site.ts";

let bob: Session;
freshSite();
beforeEach(async () => {
  bob = await addUser(site.app, admin, "bob", "operator");
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** The next hash that is made takes as long as this. */
function meanwhile(act: () => Promise<unknown> | unknown): void {
  const { hash } = Passwords.prototype;
  vi.spyOn(Passwords.prototype, "hash").mockImplementationOnce(async function (this: Passwords, password) {
    await act();
    return hash.call(this, password);
  });
}

const users = () => new Users(site.database);
const reset = () => resetPassword(site.database, "bob", { audit: () => {}, cost: CHEAP });
const changes = () =>
  ask(site.app, "POST", "/v1/password", {
    headers: headers(bob),
    payload: { old: PASSWORD, new: "another few words" },
  });

it("a reset of the password wins over a change of it", async () => {
  meanwhile(reset);
  expect((await changes()).status).toBe(401);
  expect(users().get("bob").mustChange).toBe(true);
});

it("a user who is disabled or removed gets no new session", async () => {
  meanwhile(() => users().change("bob", { disabled: true }));
  expect((await changes()).status).toBe(401);
  users().change("bob", { disabled: false });
  meanwhile(() => users().remove("bob"));
  expect((await changes()).status).toBe(401);
  expect(site.faults).toEqual([]);
});

it("an administrator who is none any more makes no user and resets no password", async () => {
  const bea = await addUser(site.app, admin, "bea", "admin");
  const as = (method: "POST" | "PATCH", url: string, payload: object) =>
    ask(site.app, method, url, { headers: headers(bea), payload });
  meanwhile(() => users().change("bea", { role: "operator" }));
  expect(await as("POST", "/v1/users", { name: "eve", role: "admin" })).toMatchObject({
    status: 401,
    body: { code: "session-ended" },
  });
  users().change("bea", { role: "admin" });
  meanwhile(() => users().change("bea", { disabled: true }));
  expect((await as("PATCH", "/v1/users/admin", { resetPassword: true })).status).toBe(401);
  expect(users().find("eve")).toBeUndefined();
  expect(users().get("admin").mustChange).toBe(false);
});

it.each([
  ["is disabled", { disabled: true }],
  ["gets another role", { role: "viewer" }],
] as const)("a user who %s while the body comes does nothing", async (_, change) => {
  await site.app.listen({ host: "127.0.0.1", port: 0 });
  try {
    const { port } = site.app.server.address() as { port: number };
    for (const credentials of [headers(bob), bearer(await makeToken(site.app, bob))]) {
      const more = { "content-type": "application/json", "content-length": "2", ...credentials };
      const call = httpRequest({ port, method: "POST", path: "/v1/operator", headers: more });
      const answer = new Promise<number | undefined>((resolve) =>
        call.on("response", (got) => resolve(got.resume().statusCode)),
      );
      const begun = new Promise((resolve) => site.app.server.once("request", resolve));
      call.write("{");
      await begun;
      // Its headers have been looked at.
      await new Promise((resolve) => setImmediate(resolve));
      users().change("bob", change);
      call.end("}");
      expect(await answer).toBe(401);
      users().change("bob", { role: "operator", disabled: false });
    }
  } finally {
    await site.app.close();
  }
});

it("a hash at a new cost does not bring an old password back", async () => {
  users().setPassword("bob", await new Passwords({ ...CHEAP, ln: 9 }).hash(PASSWORD), false);
  meanwhile(reset);
  const payload = { user: "bob", password: PASSWORD };
  expect((await ask(site.app, "POST", "/v1/login", { payload })).status).toBe(401);
  expect(users().get("bob").mustChange).toBe(true);
});

it("what cannot be written into the record is not done", async () => {
  Object.freeze(site.entries);
  const as = headers(admin);
  const tries: readonly (readonly ["POST" | "PATCH" | "DELETE", string, object?])[] = [
    ["POST", "/v1/users", { name: "eve", role: "admin" }],
    ["PATCH", "/v1/users/bob", { role: "admin", resetPassword: true }],
    ["DELETE", "/v1/users/bob"],
    ["POST", "/v1/tokens", { name: "t" }],
  ];
  for (const [method, url, payload] of tries)
    expect(
      (await ask(site.app, method, url, { headers: as, ...(payload && { payload: payload as never }) })).status,
    ).toBe(500);
  expect((await ask(site.app, "POST", "/v1/logout", { headers: headers(bob) })).status).toBe(500);
  expect(
    users()
      .list()
      .map(({ name, role, mustChange }) => [name, role, mustChange]),
  ).toEqual([
    ["admin", "admin", false],
    ["bob", "operator", false],
  ]);
  expect((await ask(site.app, "GET", "/v1/tokens", { headers: headers(bob) })).body.items).toEqual([]);
  expect(site.faults.splice(0)).toHaveLength(5);
});
