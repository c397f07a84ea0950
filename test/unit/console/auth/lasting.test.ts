import { beforeEach, describe, expect, it } from "vitest";
import { IDLE } from "../../../../src/console/auth/sessions.ts";
import { admin, freshSite, site } from "./fresh.ts";
import { addUser, ask, bearer, headers, makeToken, type Session } from "./site.ts";

let bob: Session;
freshSite();
beforeEach(async () => {
  bob = await addUser(site.app, admin, "bob", "operator");
});

/** May a request of bob's that was let in go on? */
async function begun(with_: Record<string, string> = headers(bob)): Promise<() => boolean> {
  expect((await ask(site.app, "GET", "/v1/lasting", { headers: with_ })).status).toBe(200);
  const request = site.lasting.at(-1)!;
  expect(request.stillAllowed()).toBe(true);
  return () => request.stillAllowed();
}

const change = (payload: object) =>
  ask(site.app, "PATCH", "/v1/users/bob", { headers: headers(admin), payload: payload as never });

describe("a request that lasts", () => {
  it.each([
    ["disabled", { disabled: true }],
    ["a lesser role", { role: "viewer" }],
    ["a password that was reset", { resetPassword: true }],
  ])("ends with %s, of a session and of a token", async (_, what) => {
    const [session, token] = [await begun(), await begun(bearer(await makeToken(site.app, bob)))];
    expect((await change(what)).status).toBe(200);
    expect([session(), token()]).toEqual([false, false]);
  });

  it("ends with its session, and with its token", async () => {
    const text = await makeToken(site.app, bob);
    const [session, token] = [await begun(), await begun(bearer(text))];
    await ask(site.app, "POST", "/v1/logout", { headers: headers(bob) });
    expect([session(), token()]).toEqual([false, true]);
    const { body } = await ask(site.app, "GET", "/v1/tokens", { headers: bearer(text) });
    await ask(site.app, "DELETE", `/v1/tokens/${body.items[0].id}`, { headers: bearer(text) });
    expect(token()).toBe(false);
  });

  it("does not keep its session from ending when nobody uses it", async () => {
    const allowed = await begun();
    site.clock.now += IDLE - 1;
    expect(allowed()).toBe(true);
    site.clock.now += 1;
    expect(allowed()).toBe(false);
  });
});
