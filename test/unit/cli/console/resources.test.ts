/** Commands that make, show, change and remove, one at a time. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { act, bind } from "../../../../src/cli/act.ts";
import type { ClientError } from "../../../../src/cli/client/error.ts";
import { get } from "../../../../src/cli/get.ts";
import { login } from "../../../../src/cli/login.ts";
import { whoami } from "../../../../src/cli/people.ts";
import { create, remove, update } from "../../../../src/cli/write.ts";
import { fakeTerminal } from "../client/terminal.ts";
import { env, firstLogin, folder, run, site, words } from "./commandrig.ts";

describe("who is not logged in", () => {
  it("is told so", async () => {
    await expect(run((t) => get(t, "areas", undefined, {}))).rejects.toMatchObject({ reason: "not-logged-in" });
  });
});

describe("a login", () => {
  it("changes the one-time password and keeps a token, for its owner only", async () => {
    const { out, err } = await firstLogin();
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
    await expect(login(fakeTerminal(elsewhere), { ...flags, ca: "5C:0B" })).rejects.toMatchObject({
      reason: "usage",
      message: expect.stringContaining("64 hexadecimal digits"),
    });
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
    expect((await run((t) => bind(t, "unbind", ["ccn", "corp"], {}))).out).toBe("ccn corp is bound to no cen\n");
    // What is made by other means has no keys to write; a change needs none.
    await expect(run((t) => create(t, words("device --help")))).rejects.toMatchObject({ reason: "usage" });
    expect((await run((t) => update(t, words("rule --help")))).out).not.toContain("needed");
    expect((await run((t) => update(t, words("rule --help")))).out).toContain("--name NAME ");
    expect((await run((t) => create(t, words("rule --help")))).out).toContain("(needed)");
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
        carrierKnownBy   –
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

  it("that are devices come and go with their instance", async () => {
    for (const act of [
      run((t) => create(t, words("device vcpe0"))),
      run((t) => update(t, words("device vcpe0 --role standby"))),
      run((t) => remove(t, "device", "vcpe0", {})),
    ])
      await expect(act).rejects.toMatchObject({ reason: "usage", message: expect.stringMatching(/^(a )?device/) });
  });

  it("are unbound by name", async () => {
    await run((t) => create(t, words("ccn loose --area east --cen net")));
    expect((await run((t) => bind(t, "unbind", ["ccn", "loose"], {}))).out).toBe("ccn loose unbound from cen net\n");
    // What is so already is no error.
    expect((await run((t) => bind(t, "unbind", ["ccn", "loose"], {}))).out).toBe("ccn loose is bound to no cen\n");
    await run((t) => bind(t, "unbind", ["ccn", "loose", "cen", "net"], {}));
    await run((t) => remove(t, "ccn", "loose", {}));
  });

  it("that cannot be bound are told so without keys of a request, nor flags that there are not", async () => {
    await run((t) => create(t, words("ccn loose --area east")));
    const refusal = async (act: Promise<unknown>) =>
      act.then(
        () => [],
        (error: ClientError) => error.lines(),
      );
    expect(await refusal(run((t) => bind(t, "bind", ["instance", "hz", "ccn", "loose"], {})))).toEqual([
      "vcpe: Instance hz is bound to CCN corp. Unbind it first.",
    ]);
    expect(await refusal(run((t) => bind(t, "unbind", ["instance", "hz", "ccn", "loose"], {})))).toEqual([
      "vcpe: Instance hz is not bound to CCN loose. It is bound to CCN corp.",
    ]);
    expect((await refusal(run((t) => create(t, words("ccn x --area east")))))[0]).toMatch(/^vcpe: name: "x" is not/);
    expect((await refusal(run((t) => update(t, words("ccn loose --name x")))))[0]).toMatch(/^vcpe: --name: "x" is not/);
    await run((t) => remove(t, "ccn", "loose", {}));
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
    const dry = { json: true, dryRun: true, keysFile: join(folder, "never") };
    const would = await run((t) => act(t, "reset-key", "device", id, dry));
    expect(JSON.parse(would.out)).toMatchObject({ dryRun: true, resource: { kind: "device" } });
    expect(existsSync(dry.keysFile)).toBe(false);
    expect((await run((t) => act(t, "reset-key", "device", id, {}))).out).toBe(
      "device vcpeSERIALNUMBER has a new key; the old one and the identity it gave are void\ndevice vcpeSERIALNUMBER    key KEY\n",
    );
    expect((await run((t) => act(t, "release", "device", id, {}))).out).toContain("released");
  });
});
