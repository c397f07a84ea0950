import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { credentialsFile, readCredentials, writeCredentials } from "../../../../src/cli/client/credentials.ts";
import { checkKeysFile, showKeys } from "../../../../src/cli/client/keys.ts";
import { fakeTerminal } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-credentials-"));
afterAll(() => rmSync(folder, { recursive: true }));
const KEPT = { url: "https://c:8443", ca: null, user: "a", id: "tok-1", token: "vcpe_x", expires: null };

describe("credentials", () => {
  it("are in the user's own folder, or where the environment says", () => {
    expect(credentialsFile({ HOME: "/home/a" })).toBe("/home/a/.config/vcpe/credentials.json");
    expect(credentialsFile({ HOME: "/home/a", XDG_CONFIG_HOME: "/x" })).toBe("/x/vcpe/credentials.json");
    expect(credentialsFile({ HOME: "/home/a", VCPE_CREDENTIALS: "/c.json" })).toBe("/c.json");
  });

  it("are for their owner only, also over an open file, and leave nothing beside", () => {
    const file = join(folder, "deep", "er", "credentials.json");
    writeCredentials(file, KEPT);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "deep")).mode & 0o777).toBe(0o700);
    chmodSync(file, 0o644);
    expect(() => readCredentials(file)).toThrow("may be read by others");
    writeCredentials(file, KEPT);
    expect(readCredentials(file)).toEqual(KEPT);
    expect(readdirSync(join(folder, "deep", "er"))).toEqual(["credentials.json"]);
  });

  it("that are no credentials are refused, missing ones are none", () => {
    expect(readCredentials(join(folder, "none.json"))).toBeUndefined();
    const file = join(folder, "bad.json");
    for (const text of ["", "{", "null", "[]", '{"url":1}']) {
      writeFileSync(file, text, { mode: 0o600 });
      expect(() => readCredentials(file)).toThrow(expect.objectContaining({ code: "credentials" }));
    }
  });
});

describe("keys of devices", () => {
  const devices = [
    { serial: "vcpe000000000001", role: "active", instance: "hz", key: "KEY-1" },
    { serial: "vcpe000000000002", role: "standby", instance: "hz", key: "KEY-2" },
  ];

  it("are shown with a warning", () => {
    const terminal = fakeTerminal();
    showKeys(terminal, devices, undefined);
    expect(terminal.written.out).toBe(
      "device vcpe000000000001  active of hz  key KEY-1\ndevice vcpe000000000002  standby of hz  key KEY-2\n",
    );
    expect(terminal.written.err).toContain("shown this once");
  });

  it("go to a file for its owner only, and not over another", () => {
    const terminal = fakeTerminal();
    const file = join(folder, "keys");
    checkKeysFile(file);
    showKeys(terminal, devices, file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(terminal.written.out + terminal.written.err).not.toContain("KEY-");
    expect(() => checkKeysFile(file)).toThrow("is there already");
  });

  it("are not lost where the file cannot be written: that is said before anything is made, or they are shown", () => {
    const file = join(folder, "no-folder");
    writeFileSync(file, "");
    expect(() => checkKeysFile(join(file, "keys"))).toThrow("cannot be written (ENOTDIR)");
    const there = join(folder, "later", "keys");
    checkKeysFile(there);
    expect(existsSync(there)).toBe(false);

    const terminal = fakeTerminal();
    expect(() => showKeys(terminal, devices, join(file, "keys"))).toThrow("cannot be written (ENOTDIR)");
    expect(terminal.written.out).toContain("key KEY-1");
  });
});
