import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { folderOf } from "../../../src/agent/folder.ts";
import { makeFolder, makePrivate, writeDurably } from "../../../src/router/durable.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vcpe-durable-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a durable file", () => {
  it("is of its owner alone, and takes the place of the one before", () => {
    const file = join(folder, "f");
    writeFileSync(file, "old");
    chmodSync(file, 0o644);
    writeDurably(file, "new");
    expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777]).toEqual(["new", 0o600]);
    expect(readdirSync(folder)).toEqual(["f"]);
  });

  it("is not written through what somebody has put beside it", () => {
    const [file, trap] = [join(folder, "f"), join(folder, "trap")];
    writeFileSync(trap, "mine");
    symlinkSync(trap, `${file}.new`);
    writeDurably(file, "secret");
    expect(readFileSync(trap, "utf8")).toBe("mine");
    writeFileSync(`${file}.new`, "", { mode: 0o644 });
    writeDurably(file, "secret");
    expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777]).toEqual(["secret", 0o600]);
  });

  it("leaves nothing behind when it cannot be", () => {
    const file = join(folder, "f");
    mkdirSync(join(file, "in the way"), { recursive: true });
    expect(() => writeDurably(file, "new")).toThrow();
    expect(readdirSync(folder)).toEqual(["f"]);
  });
});

describe("a private folder", () => {
  it("leaves the one above open to the owners of others in it: /var/lib/vcpe has the console's", () => {
    const before = process.umask(0o022);
    try {
      makePrivate(join(folder, "vcpe/agent"));
      makePrivate(join(folder, "vcpe/agent/vcpe0"));
      folderOf("vcpe0", join(folder, "lib/agent")).writeIdentity("{}");
    } finally {
      process.umask(before);
    }
    const modes = ["vcpe", "vcpe/agent", "vcpe/agent/vcpe0", "lib", "lib/agent"].map(
      (name) => statSync(join(folder, name)).mode & 0o777,
    );
    expect(modes).toEqual([0o755, 0o700, 0o700, 0o755, 0o700]);
  });
});

describe("a folder", () => {
  it("is made with those above it, and may be there already", () => {
    const deep = join(folder, "a/b/../c");
    makeFolder(deep, 0o700);
    makeFolder(deep, 0o700);
    expect(statSync(join(folder, "a/c")).mode & 0o777).toBe(0o700);
  });

  it("is refused where it cannot be: no folders there, a file, a link to nowhere", () => {
    const [file, link] = [join(folder, "file"), join(folder, "link")];
    writeFileSync(file, "");
    symlinkSync(join(folder, "nowhere"), link);
    expect(() => makeFolder(file, 0o700)).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
    expect(() => makeFolder(join(file, "x"), 0o700)).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
    expect(() => makeFolder(link, 0o700)).toThrow(expect.objectContaining({ code: "EEXIST" }));
    for (const path of ["/proc/x", "/proc/x/y/z"])
      expect(() => makeFolder(path, 0o700)).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });
});
