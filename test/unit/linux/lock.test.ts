import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tryLock } from "../../../src/linux/lock.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-lock-"));
const path = join(folder, "lock");
afterAll(() => rmSync(folder, { recursive: true }));

describe("a file lock", () => {
  it("is held by one at a time", () => {
    const first = tryLock(path);
    expect(first).toBeDefined();
    expect(tryLock(path)).toBeUndefined();
    first?.release();
    const second = tryLock(path);
    expect(second).toBeDefined();
    second?.release();
  });

  it("ends with a process that is killed", async () => {
    const door = new URL("../../../src/linux/lock.ts", import.meta.url).pathname;
    const script = `import { tryLock } from ${JSON.stringify(door)};
      console.log(tryLock(${JSON.stringify(path)}) ? "held" : "refused"); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [said] = await once(child.stdout, "data");
      expect(String(said)).toBe("held\n");
      expect(tryLock(path)).toBeUndefined();
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    const mine = tryLock(path);
    expect(mine).toBeDefined();
    mine?.release();
  });

  it("needs a folder", () => {
    expect(() => tryLock(join(folder, "absent", "lock"))).toThrow(/ENOENT/);
  });
});
