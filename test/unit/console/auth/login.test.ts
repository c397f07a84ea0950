import { describe, expect, it } from "vitest";
import { KnownAddresses } from "../../../../src/console/auth/addresses.ts";
import { Passwords } from "../../../../src/console/auth/password.ts";
import { ABSOLUTE, IDLE } from "../../../../src/console/auth/sessions.ts";
import { admin, freshSite, site } from "./fresh.ts";
import {
  addUser,
  ask,
  bearer,
  CHEAP,
  cookieOf,
  headers,
  login,
  makeToken,
  openSite,
  PASSWORD,
  type Session,
  settle,
} from "./site.ts";

freshSite();

const attempt = (user: string, password: string, remoteAddress = "192.0.2.1") =>
  ask(site.app, "POST", "/v1/login", { payload: { user, password }, remoteAddress });
const get = (session: Session) => ask(site.app, "GET", "/v1/viewer", { headers: headers(session) });

describe("the first start", () => {
  it("makes a one-time password, once, that must be changed before all else", async () => {
    const fresh = await openSite();
    expect(fresh.first).toMatch(/^([2-9a-hjkmnp-z]{5}-){3}[2-9a-hjkmnp-z]{5}$/);
    const session = await login(fresh.app, "admin", fresh.first);
    expect(session.mustChange).toBe(true);
    for (const url of ["/v1/viewer", "/v1/users", "/v1/tokens"]) {
      expect(await ask(fresh.app, "GET", url, { headers: headers(session) })).toMatchObject({
        status: 403,
        body: { code: "password-change-needed" },
      });
    }
    const { body } = await ask(fresh.app, "GET", "/v1/whoami", { headers: headers(session) });
    expect(body).toEqual({ user: "admin", role: "admin", via: "session", mustChange: true, csrf: session.csrf });
    await settle(fresh.app, "admin", fresh.first);
    expect(
      (await ask(fresh.app, "POST", "/v1/login", { payload: { user: "admin", password: fresh.first } })).status,
    ).toBe(401);
    expect(JSON.stringify(fresh.entries)).not.toContain(fresh.first);
    const kept = fresh.database.prepare("SELECT password FROM user").get() as { password: string };
    expect(kept.password).toMatch(/^\$scrypt\$ln=10,r=8,p=1\$[\w-]{22}\$[\w-]{43}$/);
  });
});

describe("a login", () => {
  it("gives a cookie that only the console's own pages send", async () => {
    const { headers } = await attempt("admin", PASSWORD);
    const cookie = String(headers["set-cookie"]);
    expect(cookie).toMatch(/^__Host-vcpe=[\w-]{43}; /);
    for (const part of ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"]) expect(cookie).toContain(part);
    expect(cookie).not.toContain("Domain");
    const kept = site.database.prepare("SELECT hex(hash) AS hash FROM session").all();
    expect(JSON.stringify(kept)).not.toContain(cookieOf(cookie).slice(12));
  });

  it("gives one answer for an unknown user, a wrong password and a disabled user", async () => {
    await addUser(site.app, admin, "vera", "viewer");
    await ask(site.app, "PATCH", "/v1/users/vera", { headers: headers(admin), payload: { disabled: true } });
    const replies = [
      await attempt("nobody", PASSWORD),
      await attempt("admin", "wrong"),
      await attempt("vera", PASSWORD),
      await attempt("vera", "wrong"),
    ];
    for (const { status, body, headers } of replies) {
      expect({ status, body }).toEqual({ status: replies[0].status, body: replies[0].body });
      expect(Object.keys(headers)).toEqual(Object.keys(replies[0].headers));
    }
    expect(replies[0]).toMatchObject({ status: 401, body: { code: "login-failed" } });
  });

  it("takes a hash's time for an unknown user too", async () => {
    // At a cost that stands out from everything else that a login does.
    const passwords = new Passwords({ ln: 14, r: 8, p: 1 });
    const stored = await passwords.hash(PASSWORD);
    const time = async (hash: string | undefined) => {
      const times = [];
      for (let i = 0; i < 5; i++) {
        const start = performance.now();
        expect(await passwords.verify("wrong", hash, false)).toBe(false);
        times.push(performance.now() - start);
      }
      return Math.min(...times);
    };
    const known = await time(stored);
    const unknown = await time(undefined);
    // A way without the hash would be a hundred times shorter.
    expect(unknown).toBeGreaterThan(known / 5);
    expect(known).toBeGreaterThan(unknown / 5);
    expect(await passwords.verify(PASSWORD, undefined, true)).toBe(false);
  });

  it("is limited for each name at each address, and says for how long", async () => {
    for (let i = 0; i < 5; i++) expect((await attempt("admin", "wrong")).status).toBe(401);
    const { status, headers, body } = await attempt("admin", PASSWORD);
    expect({ status, code: body.code, after: headers["retry-after"] }).toEqual({
      status: 429,
      code: "too-many-tries",
      after: "60",
    });
    // A name that nobody has is treated no better.
    for (let i = 0; i < 5; i++) await attempt("nobody", "wrong");
    expect(await attempt("nobody", "wrong")).toMatchObject({ status, body });
    expect((await get(admin)).status).toBe(200);
    expect((await attempt("admin", PASSWORD, "192.0.2.9")).status).toBe(200);
    site.clock.now += 60_000;
    expect((await attempt("admin", PASSWORD)).status).toBe(200);
  });

  it("is limited for each address, whatever the names", async () => {
    for (let i = 0; i < 20; i++) expect((await attempt(`user${i}`, "wrong", "2001:db8::1")).status).toBe(401);
    expect((await attempt("admin", PASSWORD, "2001:db8::ffff")).status).toBe(429);
    expect((await attempt("admin", PASSWORD, "2001:db8:0:1::1")).status).toBe(200);
  });

  it("costs a hash, so good ones are limited for each address too: of IPv6 a /64", async () => {
    for (let i = 0; i < 60; i++) expect((await attempt("admin", PASSWORD, `2001:db8::${i}`)).status).toBe(200);
    expect(await attempt("admin", PASSWORD, "2001:db8::ffff")).toMatchObject({
      status: 429,
      body: { code: "too-many-requests" },
    });
    expect((await attempt("admin", PASSWORD, "2001:db8:0:1::1")).status).toBe(200);
  });

  it("is kept from nobody by strangers who try under the same name", async () => {
    // From an office in which somebody has logged in.
    expect((await attempt("admin", PASSWORD, "198.51.100.7")).status).toBe(200);
    for (let i = 0; i < 200; i++) await attempt("admin", "wrong", `203.0.${i >>> 2}.${i & 3}`);
    expect((await attempt("admin", "wrong", "203.0.113.1")).status).toBe(401);
    site.pauses.length = 0;
    expect((await attempt("admin", PASSWORD, "198.51.100.7")).status).toBe(200);
    expect(site.pauses).toEqual([]);
    // And elsewhere it takes a while.
    expect((await attempt("admin", PASSWORD, "192.0.2.200")).status).toBe(200);
    expect(site.pauses).toEqual([20_000]);
    // From there it is known, also after a restart.
    expect((await attempt("admin", PASSWORD, "192.0.2.200")).status).toBe(200);
    expect(site.pauses).toHaveLength(1);
    expect(new KnownAddresses(site.database).has("192.0.2.200", site.clock.now + 29 * 86_400_000)).toBe(true);
    expect(new KnownAddresses(site.database).has("192.0.2.200", site.clock.now + 31 * 86_400_000)).toBe(false);
  });

  it("waits no longer and no shorter for a name that nobody has", async () => {
    const waits = async (name: string) => {
      site.pauses.length = 0;
      const answers = [];
      for (let i = 0; i < 30; i++) {
        const { status, headers, body } = await attempt(name, "wrong", `203.0.${i}.${name.length}`);
        answers.push([status, body, headers["retry-after"]]);
      }
      return { answers, pauses: [...site.pauses] };
    };
    const known = await waits("admin");
    expect(await waits("nobody")).toEqual(known);
    expect(known.pauses).toEqual([1000, 2000, 4000, 8000, 16_000, ...Array(15).fill(20_000)]);
  });

  it("does not count good tries", async () => {
    for (let i = 0; i < 25; i++) expect((await attempt("admin", PASSWORD)).status).toBe(200);
  });

  it("refuses what is no login", async () => {
    for (const payload of [{}, { user: 1, password: "x" }, { user: "a", password: "b", more: 1 }, [], "text"]) {
      const { status, body } = await ask(site.app, "POST", "/v1/login", {
        payload: JSON.stringify(payload),
        headers: { "content-type": "application/json" },
      });
      expect(status).toBe(400);
      expect(body.next).toMatch(/\S/);
    }
    const broken = await site.app.inject({
      method: "POST",
      url: "/v1/login",
      payload: "{",
      headers: { "content-type": "application/json" },
    });
    expect(broken.json().code).toBe("malformed");
    const other = await site.app.inject({
      method: "POST",
      url: "/v1/login",
      payload: "a=b",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    expect(other.json().code).toBe("media-type");
  });

  it("makes an old hash anew at today's cost", async () => {
    const old = await new Passwords({ ...CHEAP, ln: 9 }).hash(PASSWORD);
    site.database.prepare("UPDATE user SET password = ?").run(old);
    expect((await attempt("admin", PASSWORD)).status).toBe(200);
    const { password } = site.database.prepare("SELECT password FROM user").get() as { password: string };
    expect(password).toContain("$ln=10,");
    expect((await attempt("admin", PASSWORD)).status).toBe(200);
  });
});

describe("a session", () => {
  it("ends when it was idle for 8 hours, and after 7 days at the latest", async () => {
    site.clock.now += IDLE - 1;
    expect((await get(admin)).status).toBe(200);
    site.clock.now += IDLE;
    expect(await get(admin)).toMatchObject({ status: 401, body: { code: "session-ended" } });

    const busy = await login(site.app, "admin", PASSWORD);
    for (let age = 0; age < ABSOLUTE; age += IDLE / 2) {
      expect((await get(busy)).status).toBe(200);
      site.clock.now += IDLE / 2;
    }
    expect((await get(busy)).status).toBe(401);
  });

  it("ends with the logout", async () => {
    const reply = await ask(site.app, "POST", "/v1/logout", { headers: headers(admin) });
    expect(reply.status).toBe(204);
    expect(String(reply.headers["set-cookie"])).toMatch(/^__Host-vcpe=;.*(Max-Age=0|1970)/);
    expect((await get(admin)).status).toBe(401);
  });

  it("writes only with its CSRF token and from the console's own page", async () => {
    const post = (more: Record<string, string>) =>
      ask(site.app, "POST", "/v1/viewer", { headers: { cookie: admin.cookie, host: "console:8443", ...more } });
    const csrf = { "x-csrf-token": admin.csrf };
    const other = await login(site.app, "admin", PASSWORD);
    expect(await post({})).toMatchObject({ status: 403, body: { code: "csrf" } });
    expect((await post({ "x-csrf-token": other.csrf })).status).toBe(403);
    expect((await post({ "x-csrf-token": `${admin.csrf}x` })).status).toBe(403);
    expect((await post(csrf)).status).toBe(200);
    expect((await post({ ...csrf, origin: "https://console:8443" })).status).toBe(200);
    for (const origin of ["https://evil.example", "null", "https://console:8444", "https://console"])
      expect(await post({ ...csrf, origin })).toMatchObject({ status: 403, body: { code: "origin" } });
    expect((await post({ ...csrf, "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await post({ ...csrf, "sec-fetch-site": "same-origin" })).status).toBe(200);
    const evil = { origin: "https://evil.example" };
    const payload = { user: "admin", password: PASSWORD };
    expect((await ask(site.app, "POST", "/v1/login", { payload, headers: evil })).status).toBe(403);
  });

  it("is no session when the cookie is anything else", async () => {
    for (const value of ["", "x", "x".repeat(43), "'; DROP TABLE session; --", "../..", "ü"]) {
      const cookie = `__Host-vcpe=${encodeURIComponent(value)}`;
      expect((await ask(site.app, "GET", "/v1/viewer", { headers: { cookie } })).status).toBe(401);
    }
  });

  it("is one of at most fifty of a user", async () => {
    for (let i = 0; i < 55; i++) {
      site.clock.now += 1000;
      await login(site.app, "admin", PASSWORD);
    }
    const { n } = site.database.prepare("SELECT count(*) AS n FROM session").get() as { n: number };
    expect(n).toBe(50);
    expect((await get(admin)).status).toBe(401);
  });
});

describe("a change of password", () => {
  const change = (session: Session, old: string, fresh: string) =>
    ask(site.app, "POST", "/v1/password", { headers: headers(session), payload: { old, new: fresh } });

  it("ends all other sessions and keeps the tokens", async () => {
    const other = await login(site.app, "admin", PASSWORD);
    const token = await makeToken(site.app, admin);
    const { status, headers: given, body } = await change(admin, PASSWORD, "some other words");
    expect(status).toBe(200);
    const fresh = { cookie: cookieOf(given["set-cookie"]), csrf: body.csrf, mustChange: false };
    expect((await get(other)).status).toBe(401);
    expect((await get(admin)).status).toBe(401);
    expect((await get(fresh)).status).toBe(200);
    expect((await ask(site.app, "GET", "/v1/viewer", { headers: bearer(token) })).status).toBe(200);
    expect((await attempt("admin", PASSWORD)).status).toBe(401);
    expect((await attempt("admin", "some other words")).status).toBe(200);
  });

  it("asks for the old one, and for a good new one", async () => {
    expect(await change(admin, "wrong", "some other words")).toMatchObject({
      status: 403,
      body: { code: "password-wrong" },
    });
    for (const weak of ["short", "aaaaaaaaaaaaaaaa", "the admin of all", PASSWORD, "x1y2".repeat(65)])
      expect(await change(admin, PASSWORD, weak)).toMatchObject({ status: 422, body: { code: "password-weak" } });
    const token = await makeToken(site.app, admin);
    const reply = await ask(site.app, "POST", "/v1/password", {
      headers: bearer(token),
      payload: { old: PASSWORD, new: "some other words" },
    });
    expect(reply).toMatchObject({ status: 403, body: { code: "session-needed" } });
  });

  it("is limited like a login", async () => {
    for (let i = 0; i < 5; i++) await change(admin, "wrong", "some other words");
    expect((await change(admin, PASSWORD, "some other words")).status).toBe(429);
  });
});
