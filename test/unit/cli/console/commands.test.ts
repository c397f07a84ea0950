/** A whole site at once; what is seen of it; and the people who may. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { bind } from "../../../../src/cli/act.ts";
import { apply } from "../../../../src/cli/apply.ts";
import { get } from "../../../../src/cli/get.ts";
import { changePassword, login, logout } from "../../../../src/cli/login.ts";
import { addToken, addUser, listTokens, listUsers, setUser, whoami } from "../../../../src/cli/people.ts";
import { ready } from "../../../../src/cli/ready.ts";
import { audit, events, routes } from "../../../../src/cli/watch.ts";
import { create } from "../../../../src/cli/write.ts";
import { fakeTerminal } from "../client/terminal.ts";
import { env, file, firstLogin, folder, run, site, words } from "./commandrig.ts";

beforeAll(async () => {
  await firstLogin();
  const wrong = fakeTerminal({ VCPE_CREDENTIALS: join(folder, "other.json"), VCPE_PASSWORD: "wrong" });
  await expect(login(wrong, { console: site.url, user: "admin" })).rejects.toMatchObject({ code: "login-failed" });
  for (const what of [
    "area east",
    "instance hz --area east --peak-bandwidth 20 --cidrs 172.16.0.0/24,172.16.1.0/24",
    "ccn corp --area east",
    "cen net --area east",
  ])
    await run((t) => create(t, words(what)));
  await run((t) => bind(t, "bind", ["instance", "hz", "ccn", "corp"], {}));
  await run((t) => bind(t, "bind", ["ccn", "corp", "cen", "net"], {}));
});

describe("a site", () => {
  const text = `areas:
  - name: west
access-points:
  - name: xa-1
    area: west
    region: xian
    ipv4: 192.0.2.9
ccns:
  - name: branches
    area: west
instances:
  - name: xian-branch
    area: west
    peakBandwidth: 2
    cidrs: [10.9.0.0/24]
    ccn: branches
    activated: true
`;

  it("is tried, made, and the second time unchanged", async () => {
    const path = file("site.yaml", text);
    const dry = await run((t) => apply(t, { file: path, dryRun: true }));
    expect(dry.out).toContain("+ instance xian-branch would be created\n0 unchanged\nrouter vcpeSERIALNUMBER");
    expect(dry.out).not.toContain("key KEY");
    const made = await run((t) => apply(t, { file: path }));
    expect(made.out).toMatch(/^\+ area west created\n\+ access-point xa-1 created\n/);
    expect(made.out.match(/key KEY/g)).toHaveLength(3);
    expect((await run((t) => apply(t, { file: path }))).out).toBe("4 unchanged\n");
    const grown = file("grown.yaml", text.replace("peakBandwidth: 2", "peakBandwidth: 5"));
    expect((await run((t) => apply(t, { file: grown }))).out).toBe("~ instance xian-branch changed\n3 unchanged\n");
  });

  it("that breaks a rule is refused whole, at its line", async () => {
    const path = file(
      "bad.yaml",
      text
        .replace("cidrs: [10.9.0.0/24]", "cidrs: [10.9.0.0/24, 10.9.0.0/16]")
        .replace("name: west", "name: wild-west")
        .replaceAll("area: west", "area: wild-west"),
    );
    await expect(run((t) => apply(t, { file: path }))).rejects.toMatchObject({
      name: "ConfigError",
      message: expect.stringMatching(/bad\.yaml:\d+:\d+: (instances|access-points|ccns)\[0\]/),
    });
    await expect(run((t) => get(t, "area", "wild-west", {}))).rejects.toMatchObject({ status: 404 });
  });

  it("in the documentation is one that the console takes", async () => {
    const page = readFileSync(new URL("../../../../docs/operate.md", import.meta.url), "utf8");
    const [, example] = /```yaml\n([^`]+)```/.exec(page) as RegExpExecArray;
    // A name of its own for what stands here already.
    const own = example.replaceAll(/\b(net|corp|east)$/gm, "$1-2");
    const { out } = await run((t) => apply(t, { file: file("example.yaml", own), dryRun: true }));
    expect(out).toContain("+ rule http-from-hangzhou would be created\n0 unchanged\n");
  });

  it("has a schema", async () => {
    expect(JSON.parse((await run((t) => apply(t, { schema: true }))).out)).toMatchObject({
      title: "vcpe site",
      type: "object",
    });
    await expect(run((t) => apply(t, {}))).rejects.toMatchObject({ reason: "usage" });
  });
});

describe("what is seen", () => {
  it("is one verdict with the link that is broken", async () => {
    const { out, gave } = await run((t) => ready(t, "hz", { timeout: "1s" }));
    expect(gave).toBe(1);
    expect(out).toMatch(/^hz is not ready\n {2}✗ device +no device of instance hz/);
    expect(out.match(/→/g)).toHaveLength(1);
    const waited = await run((t) => ready(t, "hz", { wait: true, timeout: "2s", json: true }));
    expect(JSON.parse(waited.out)).toMatchObject({ ready: false });
    expect(waited.err).toMatch(/^waiting \(\d+m?s\): device: no device/);
    await expect(run((t) => ready(t, "hz", { timeout: "soon" }))).rejects.toMatchObject({ reason: "usage" });
  });

  it("are routes, and the record of who did what", async () => {
    expect((await run((t) => routes(t, { cen: "net" }))).out).toMatchInlineSnapshot(`
      "PREFIX         FROM         STATE      NETWORK  CONFLICTS
      172.16.0.0/24  instance hz  published  net      –
      172.16.1.0/24  instance hz  published  net      –
      "
    `);
    await expect(run((t) => routes(t, { cen: "net", ccn: "corp" }))).rejects.toMatchObject({ reason: "usage" });
    const { out } = await run((t) => audit(t, { limit: "500" }));
    for (const action of [
      "user-created user admin",
      "login-failed user admin refused",
      "create area",
      "bind instance",
      "apply",
    ])
      expect(out).toContain(action);
    expect(out).not.toContain(String(site.firstPassword));
  });

  it("are events, by level", async () => {
    const { signal } = new AbortController();
    expect((await run((t) => events(t, { limit: "10", level: "warn" }, signal))).out).toBe("no events\n");
    await expect(run((t) => events(t, { limit: "10", level: "loud" }, signal))).rejects.toMatchObject({
      reason: "usage",
    });
  });
});

describe("people", () => {
  it("are added with a one-time password, and changed", async () => {
    expect((await run((t) => addUser(t, "olga", { role: "operator" }))).out).toMatch(
      /^user olga \(operator\), one-time password: ([a-z0-9]{5}-){3}[a-z0-9]{5}\n$/,
    );
    expect((await run((t) => setUser(t, "olga", { role: "viewer", disable: true }))).out).toBe(
      "user olga: viewer, disabled\n",
    );
    expect((await run((t) => listUsers(t, {}))).out).toMatchInlineSnapshot(`
      "NAME   ROLE    STATE     LAST LOGIN
      admin  admin   active    TIME
      olga   viewer  disabled  –
      "
    `);
    await expect(run((t) => setUser(t, "admin", { disable: true }))).rejects.toMatchObject({ code: "last-admin" });
    await expect(run((t) => setUser(t, "olga", {}))).rejects.toMatchObject({ reason: "usage" });
  });

  it("make tokens and change their password", async () => {
    const passwordFile = join(folder, "password");
    // For longer than the token that `login` keeps is good.
    expect((await run((t) => addToken(t, "backup", { role: "viewer", days: "365", passwordFile }))).out).toMatch(
      /^token tok-ID \(viewer, until TIME\): vcpe_/,
    );
    await expect(run((t) => addToken(t, "backup", {}))).rejects.toMatchObject({ code: "no-terminal" });
    expect((await run((t) => listTokens(t, {}))).out).toMatch(/viewer +TIME +– +backup\n/);
    const flags = { passwordFile, newPasswordFile: file("next", "some other words\n") };
    expect((await run((t) => changePassword(t, flags))).out).toContain("is changed");
    await expect(run((t) => changePassword(t, flags))).rejects.toMatchObject({ code: "login-failed" });
  });

  it("log out, and their token is void", async () => {
    const kept = readFileSync(env.VCPE_CREDENTIALS, "utf8");
    expect((await run((t) => logout(t))).out).toMatch(/^logged out of/);
    expect(existsSync(env.VCPE_CREDENTIALS)).toBe(false);
    writeFileSync(env.VCPE_CREDENTIALS, kept, { mode: 0o600 });
    await expect(run((t) => whoami(t, {}))).rejects.toMatchObject({ reason: "not-logged-in", code: "token-invalid" });
    expect((await run((t) => logout(t))).out).toMatch(/^logged out of/);
  });
});
