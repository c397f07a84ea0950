import Fastify from "fastify";
import { beforeAll, describe, expect, it } from "vitest";
import { prepareApi } from "../../../../src/console/api/server.ts";
import { covers, ROLES, type Role } from "../../../../src/console/auth/author.ts";
import { addUser, ask, bearer, headers, makeToken, openSite, ROUTES, type Session, type Site, settle } from "./site.ts";

let site: Site;
const sessions = {} as Record<Role, Session>;
const tokens = {} as Record<Role, string>;

beforeAll(async () => {
  site = await openSite();
  sessions.admin = await settle(site.app, "admin", site.first);
  sessions.operator = await addUser(site.app, sessions.admin, "olga", "operator");
  sessions.viewer = await addUser(site.app, sessions.admin, "vera", "viewer");
  for (const role of ROLES) tokens[role] = await makeToken(site.app, sessions[role]);
});

describe("the guard", () => {
  for (const needs of ROUTES) {
    for (const has of ROLES) {
      const expected = needs === "public" || needs === "device" || covers(has, needs) ? 200 : 403;
      it(`${expected === 200 ? "lets" : "keeps"} a ${has} ${expected === 200 ? "use" : "from"} a ${needs} route`, async () => {
        const { app } = site;
        const url = `/v1/${needs}`;
        const replies = [
          await ask(app, "GET", url, { headers: headers(sessions[has]) }),
          await ask(app, "POST", url, { headers: headers(sessions[has]) }),
          await ask(app, "GET", url, { headers: bearer(tokens[has]) }),
          await ask(app, "POST", url, { headers: bearer(tokens[has]) }),
          await ask(app, "HEAD", url, { headers: bearer(tokens[has]) }),
        ];
        expect(replies.map(({ status }) => status)).toEqual(replies.map(() => expected));
        if (expected === 403) expect(replies[0].body).toMatchObject({ code: "role" });
      });
    }
    it(`asks for a login on a ${needs} route`, async () => {
      const expected = needs === "public" || needs === "device" ? 200 : 401;
      expect((await ask(site.app, "GET", `/v1/${needs}`)).status).toBe(expected);
      expect((await ask(site.app, "POST", `/v1/${needs}`)).status).toBe(expected);
    });
  }

  it("says who makes a request", async () => {
    const { app } = site;
    expect((await ask(app, "GET", "/v1/viewer", { headers: headers(sessions.operator) })).body).toEqual({
      user: "olga",
      role: "operator",
      via: "session",
      address: "127.0.0.1",
    });
    expect((await ask(app, "GET", "/v1/viewer", { headers: bearer(tokens.viewer) })).body).toMatchObject({
      user: "vera",
      via: "token",
    });
    expect((await ask(app, "GET", "/v1/public", { headers: bearer(tokens.viewer) })).body.user).toBe("anonymous");
  });

  it("lets no route start that does not say its role", async () => {
    const app = Fastify();
    await prepareApi(app, { log: { error: (_context, message) => expect.fail(message) } });
    await site.auth.register(app);
    expect(() => app.get("/v1/open", async () => "")).toThrow("route GET /v1/open does not say in config.role");
    const bad = { role: "everyone" } as unknown as { role: "public" };
    expect(() => app.get("/v1/bad", { config: bad }, async () => "")).toThrow("/v1/bad");
  });

  it("answers 404 for what does not exist, without a login", async () => {
    expect((await ask(site.app, "GET", "/v1/nothing")).status).toBe(404);
  });

  it("puts its headers on every reply", async () => {
    for (const url of ["/v1/public", "/v1/admin", "/v1/nothing"]) {
      const { headers } = await ask(site.app, "GET", url);
      expect(headers).toMatchObject({
        "strict-transport-security": "max-age=31536000",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cache-control": "no-store",
      });
      expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
    }
  });
});

describe("users and tokens", () => {
  it.each(["operator", "viewer"] as const)("are kept from a %s", async (role) => {
    const { app } = site;
    for (const [method, url] of [
      ["GET", "/v1/users"],
      ["POST", "/v1/users"],
      ["GET", "/v1/users/admin"],
      ["PATCH", "/v1/users/admin"],
      ["DELETE", "/v1/users/admin"],
      ["GET", "/v1/tokens?user=admin"],
      ["GET", "/v1/tokens?user=*"],
    ] as const) {
      expect((await ask(app, method, url, { headers: headers(sessions[role]) })).status).toBe(403);
      expect((await ask(app, method, url, { headers: bearer(tokens[role]) })).status).toBe(403);
    }
  });
});
