import fc from "fast-check";
import { expect, it } from "vitest";
import { ask, bearer, headers, makeToken, openSite, settle } from "./site.ts";

const ROUTES = [
  ["POST", "/v1/login"],
  ["POST", "/v1/logout"],
  ["POST", "/v1/password"],
  ["GET", "/v1/whoami"],
  ["GET", "/v1/users"],
  ["POST", "/v1/users"],
  ["GET", "/v1/users/:"],
  ["PATCH", "/v1/users/:"],
  ["DELETE", "/v1/users/:"],
  ["GET", "/v1/tokens"],
  ["GET", "/v1/tokens?user=:"],
  ["POST", "/v1/tokens"],
  ["DELETE", "/v1/tokens/:"],
] as const;

const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("admin", "viewer", "*", "null", "2027-01-01T00:00:00Z"),
);
const body = fc.oneof(
  fc.json(),
  fc.string(),
  fc
    .record(
      Object.fromEntries(
        ["user", "name", "password", "old", "new", "role", "disabled", "resetPassword", "expires"].map((key) => [
          key,
          fc.oneof(text, fc.boolean(), fc.integer(), fc.constant(null)),
        ]),
      ),
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
);

it("nothing that a client sends is a fault of the console, and every refusal says why", async () => {
  const { app, first, faults } = await openSite();
  const token = await makeToken(app, await settle(app, "admin", first), { expires: null });
  const who = fc.oneof(
    fc.constant(bearer(token)),
    fc.constant({}),
    fc.stringMatching(/^[ -~]{0,60}$/).map((authorization) => ({ authorization })),
    fc
      .stringMatching(/^[ -~]{0,60}$/)
      .map((value) => headers({ cookie: `__Host-vcpe=${value}`, csrf: value, mustChange: false })),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ROUTES), text, body, who, async ([method, url], name, payload, more) => {
      const reply = await ask(app, method, url.replace(":", encodeURIComponent(name.toWellFormed())), {
        headers: { "content-type": "application/json", ...more },
        ...(method === "GET" ? {} : { payload }),
      });
      expect(reply.status).not.toBe(500);
      if (reply.status >= 400) {
        expect(reply.body).toMatchObject({
          code: expect.stringMatching(/^[a-z][a-z-]*$/),
          message: expect.any(String),
        });
        expect(reply.body.next).toMatch(/\S/);
      }
      // Without credentials nothing but a login is looked at.
      if (Object.keys(more).length === 0 && url !== "/v1/login") expect([400, 401, 404]).toContain(reply.status);
    }),
    { numRuns: 400 },
  );
  expect(faults).toEqual([]);
});
