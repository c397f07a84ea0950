/** The commands against a console in this process, over plain HTTP on the loopback. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { act, bind } from "../../../../src/cli/act.ts";
import { apply } from "../../../../src/cli/apply.ts";
import { get } from "../../../../src/cli/get.ts";
import { changePassword, login, logout } from "../../../../src/cli/login.ts";
import { addToken, addUser, listTokens, listUsers, setUser, whoami } from "../../../../src/cli/people.ts";
import { ready } from "../../../../src/cli/ready.ts";
import { audit, events, routes } from "../../../../src/cli/watch.ts";
import { create, remove, update } from "../../../../src/cli/write.ts";
import { type OpenConsole, openConsole } from "../../../../src/console/console.ts";
import { CHEAP } from "../../console/auth/site.ts";
import { type FakeTerminal, fakeTerminal } from "../client/terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-commands-"));
const env = { VCPE_CREDENTIALS: join(folder, "credentials.json"), HOME: folder };
const faults: unknown[] = [];
const log = { level: "info", debug() {}, info() {}, warn() {}, error: (context: object) => void faults.push(context) };
let site: OpenConsole;

const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};

/** What a command wrote; ids, serial numbers, keys and times are made alike. */
async function run(
  act: (terminal: FakeTerminal) => Promise<unknown>,
): Promise<{ out: string; err: string; gave: unknown }> {
  const terminal = fakeTerminal(env);
  const gave = await act(terminal);
  await new Promise((resolve) => setImmediate(resolve));
  const plain = (text: string) =>
    text
      .replaceAll(/vcpe[a-z0-9]{12}/g, "vcpeSERIALNUMBER")
      .replaceAll(/\b(area|ap|cen|ccn|ins|vpc|tok)-[a-z0-9]{10}\b/g, "$1-ID")
      .replaceAll(/key [A-Z0-9-]{20,}/g, "key KEY")
      .replaceAll(/\d{4}-\d\d-\d\d[T ][\d:.]+Z/g, "TIME");
  return { out: plain(terminal.written.out), err: plain(terminal.written.err), gave };
}

const words = (text: string) => text.split(" ");

beforeAll(async () => {
  site = await openConsole({
    folder: join(folder, "console"),
    listen: { host: "127.0.0.1", port: 0 },
    names: [],
    http: true,
    cost: CHEAP,
    log,
  } as Parameters<typeof openConsole>[0]);
});
afterAll(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
  expect(faults).toEqual([]);
});

describe("who is not logged in", () => {
  it("is told so", async () => {
    await expect(run((t) => get(t, "areas", undefined, {}))).rejects.toMatchObject({ reason: "not-logged-in" });
  });
});

describe("a login", () => {
  it("changes the one-time password and keeps a token, for its owner only", async () => {
    const flags = {
      console: site.url,
      user: "admin",
      passwordFile: file("once", `${site.firstPassword}\n`),
      newPasswordFile: file("password", "a few plain words\n"),
    };
    const { out, err } = await run((t) => login(t, flags));
    expect(out).toMatch(/^logged in at http:\/\/127\.0\.0\.1:\d+ as admin \(admin\) until /);
    expect(err).toContain("one-time password");
    expect(statSync(env.VCPE_CREDENTIALS).mode & 0o777).toBe(0o600);
    expect(readFileSync(env.VCPE_CREDENTIALS, "utf8")).not.toContain("plain words");
    expect((await run((t) => whoami(t, {}))).out).toMatch(/^admin \(admin\) at http/);
  });

  it("with a wrong password, or where nobody can be asked, keeps nothing", async () => {
    const elsewhere = { ...env, VCPE_CREDENTIALS: join(folder, "other.json") };
    const flags = { console: site.url, user: "admin" };
    await expect(login(fakeTerminal({ ...elsewhere, VCPE_PASSWORD: "wrong" }), flags)).rejects.toMatchObject({
      reason: "not-logged-in",
      code: "login-failed",
    });
    await expect(login(fakeTerminal(elsewhere), flags)).rejects.toMatchObject({ code: "no-terminal" });
    expect(existsSync(elsewhere.VCPE_CREDENTIALS)).toBe(false);
  });
});

describe("resources", () => {
  it("are created, and keys of devices shown once or put into a file", async () => {
    expect((await run((t) => create(t, words("area east --description East")))).out).toBe(
      "area east created, area-ID\n",
    );
    const keys = join(folder, "keys");
    const point = await run((t) =>
      create(t, words(`access-point sh-1 --area east --region shanghai --ipv4 192.0.2.7 --keys-file ${keys}`)),
    );
    expect(point.out).toBe("access-point sh-1 created, ap-ID\ndevice vcpeSERIALNUMBER  gateway of sh-1\n");
    expect(readFileSync(keys, "utf8")).toMatch(/^vcpe[a-z0-9]{12} [A-Z0-9-]+\n$/);
    expect(statSync(keys).mode & 0o777).toBe(0o600);
    const made = await run((t) =>
      create(t, words("instance hz --area east --peak-bandwidth 20 --cidrs 172.16.0.0/24,172.16.1.0/24")),
    );
    expect(made.out).toBe(
      "instance hz created, ins-ID\ndevice vcpeSERIALNUMBER  active of hz  key KEY\ndevice vcpeSERIALNUMBER  standby of hz  key KEY\n",
    );
    expect(made.err).toContain("shown this once");
    await run((t) => create(t, words("ccn corp --area east")));
    await run((t) => create(t, words("cen net --area east")));
  });

  it("are bound, activated, and tell what would change", async () => {
    expect((await run((t) => bind(t, "bind", ["instance", "hz", "ccn", "corp"], {}))).out).toBe(
      "instance hz bound to ccn corp\n",
    );
    expect((await run((t) => bind(t, "bind", ["ccns", "corp", "cens", "net"], { json: true }))).out).toContain(
      '"cen": "cen-ID"',
    );
    const dry = await run((t) => act(t, "activate", "instance", "hz", { dryRun: true }));
    expect(dry.out).toMatch(/^dry run: instance hz activated\nrouter vcpeSERIALNUMBER, /);
    expect(dry.out).toMatch(/ {2}\+ tunnel\//);
    expect((await run((t) => act(t, "activate", "instance", "hz", {}))).out).toBe("instance hz activated\n");
    await expect(run((t) => bind(t, "bind", ["instance", "hz", "cen", "net"], {}))).rejects.toThrow(
      "is bound to a ccn",
    );
    await expect(run((t) => act(t, "lock", "ccn", "corp", {}))).rejects.toMatchObject({ reason: "usage" });
  });

  it("are shown as tables with names, not ids", async () => {
    expect((await run((t) => get(t, "instances", undefined, {}))).out).toMatchInlineSnapshot(`
      "NAME  STATUS                    MBIT/S  CIDRS                        CCN   ACCESS POINT  DEVICES
      hz    No device has joined yet      20  172.16.0.0/24 172.16.1.0/24  corp  –             vcpeSERIALNUMBER vcpeSERIALNUMBER
      "
    `);
    expect((await run((t) => get(t, "device", undefined, { filter: ["instance=hz"] }))).out).toMatchInlineSnapshot(`
      "SERIAL            ROLE     OF  CONTROLLER  VPN   TUNNELS UP  SYNC            VERSION  LAST SEEN
      vcpeSERIALNUMBER  active   hz  abnormal    none  –           unsynchronized  –        –
      vcpeSERIALNUMBER  standby  hz  abnormal    none  –           unsynchronized  –        –
      "
    `);
    expect((await run((t) => get(t, "access-points", undefined, {}))).out).toMatchInlineSnapshot(`
      "NAME  AREA  REGION    IPV4       IPV6  CONTROLLER  SYNC            DEVICE
      sh-1  east  shanghai  192.0.2.7  –     abnormal    unsynchronized  vcpeSERIALNUMBER
      "
    `);
    expect((await run((t) => get(t, "vpcs", undefined, {}))).out).toBe("no vpc is there\n");
    expect((await run((t) => get(t, "instance", "hz", {}))).out).toMatchInlineSnapshot(`
      "name             hz
      description      –
      area             east
      accessPoint      –
      peakBandwidth    20
      haType           warm_backup
      routingStrategy  static
      cidrs            172.16.0.0/24 172.16.1.0/24
      withdrawn        –
      ccn              corp
      activated        yes
      locked           no
      id               ins-ID
      version          3
      created          TIME
      updated          TIME
      device           vcpeSERIALNUMBER  active  controller abnormal  VPN none  unsynchronized
      device           vcpeSERIALNUMBER  standby  controller abnormal  VPN none  unsynchronized

      status
        status           Unconfirmed
        text             No device has joined yet
        carrier          –
      "
    `);
    expect(JSON.parse((await run((t) => get(t, "ccns", undefined, { json: true }))).out)).toMatchObject([
      { name: "corp" },
    ]);
    await expect(run((t) => get(t, "instance", "none", {}))).rejects.toMatchObject({ status: 404, reason: "refused" });
  });

  it("are updated, and a refusal names the flag", async () => {
    expect((await run((t) => update(t, words("instance hz --peak-bandwidth 50 --no-locked")))).out).toBe(
      "instance hz changed\n  peakBandwidth: 20 → 50\n",
    );
    await expect(run((t) => update(t, words("instance hz --peak-bandwidth 5000")))).rejects.toMatchObject({
      path: "--peak-bandwidth",
    });
    await expect(run((t) => update(t, words("instance hz --cidrs 172.16.0.0/24,172.16.0.0/16")))).rejects.toMatchObject(
      {
        reason: "refused",
        path: expect.stringMatching(/^--cidrs/),
      },
    );
    await expect(run((t) => update(t, words("instance hz")))).rejects.toMatchObject({ reason: "usage" });
  });

  it("that somebody else changed in between are not overwritten", async () => {
    const terminal = fakeTerminal(env);
    const both = await Promise.allSettled([
      update(terminal, words("instance hz --description mine")),
      update(terminal, words("instance hz --description yours")),
    ]);
    const lost = both.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    // The two may also have come one after the other.
    for (const { reason } of lost) {
      expect(reason).toMatchObject({ code: "stale", status: 412 });
      expect(reason.message).toMatch(/description: (\(none\))? ?→ (mine|yours)/);
    }
    expect(lost.length).toBeLessThan(2);
  });

  it("are not deleted while they are used", async () => {
    await expect(run((t) => remove(t, "ccn", "corp", {}))).rejects.toMatchObject({ status: 409 });
    await run((t) => create(t, words("ccn spare --area east")));
    expect((await run((t) => remove(t, "ccn", "spare", {}))).out).toBe("ccn spare deleted\n");
  });

  it("get a new key", async () => {
    const [{ id }] = JSON.parse(
      await (async () => {
        const terminal = fakeTerminal(env);
        await get(terminal, "devices", undefined, { json: true, filter: ["instance=hz"] });
        return terminal.written.out;
      })(),
    );
    expect((await run((t) => act(t, "reset-key", "device", id, {}))).out).toBe(
      "device vcpeSERIALNUMBER has a new key; the old one and the identity it gave are void\ndevice vcpeSERIALNUMBER    key KEY\n",
    );
    expect((await run((t) => act(t, "release", "device", id, {}))).out).toContain("released");
  });
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
    const waited = await run((t) => ready(t, "hz", { wait: true, timeout: "600ms", json: true }));
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
