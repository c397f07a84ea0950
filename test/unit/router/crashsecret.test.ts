import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { crashSecret } from "../../../src/router/crashsecret.ts";

let root: string;
let said: string[];
const log = { warn: ((line: string) => said.push(line)) as never };
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "vcpe-crash-"));
  said = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const hex = (secret: Uint8Array | undefined) => Buffer.from(secret!).toString("hex");
const file = (name: string) => join(root, name, "crash.key");

describe("the secret that proves a crash", () => {
  it("is made once, is the same ever after, and of its owner alone", () => {
    const first = crashSecret(join(root, "a"), log);
    expect(first).toHaveLength(32);
    expect(new Set(first).size).toBeGreaterThan(8);
    const again = crashSecret(join(root, "a"), log);
    expect(hex(again)).toBe(hex(first));
    expect(statSync(file("a")).mode & 0o777).toBe(0o600);
    expect(statSync(join(root, "a")).mode & 0o777).toBe(0o700);
    // Who wipes his copy wipes no other.
    first!.fill(0);
    expect(hex(crashSecret(join(root, "a"), log))).toBe(hex(again));
    expect(said).toEqual([]);
  });

  it("is another one for each router", () => {
    expect(hex(crashSecret(join(root, "a"), log))).not.toBe(hex(crashSecret(join(root, "b"), log)));
  });

  it.each([
    ["others may have read", "may be read by others", () => chmodSync(file("a"), 0o640)],
    ["is cut", "is damaged", () => writeFileSync(file("a"), readFileSync(file("a"), "utf8").slice(0, 40))],
    ["is empty", "is damaged", () => writeFileSync(file("a"), "")],
  ])("that %s is made anew", (_, why, spoil) => {
    const old = hex(crashSecret(join(root, "a"), log));
    spoil();
    const now = hex(crashSecret(join(root, "a"), log));
    expect(now).not.toBe(old);
    expect(hex(crashSecret(join(root, "a"), log))).toBe(now);
    expect(statSync(file("a")).mode & 0o777).toBe(0o600);
    expect(said).toEqual([`${file("a")} ${why}: it is made anew`]);
    expect(said.join()).not.toContain(old);
  });

  it("is done without where nothing can be kept, and that is said", () => {
    writeFileSync(join(root, "a"), "in the way");
    expect(crashSecret(join(root, "a"), log)).toBeUndefined();
    expect(said).toHaveLength(1);
    expect(said[0]).toContain("its peers notice later");
  });
});
