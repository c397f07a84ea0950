import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { attempt, run } from "../../../src/lab/command.ts";
import { aptSystem, missing } from "../../../src/lab/prerequisites.ts";
import { table } from "../../../src/lab/report.ts";

describe("a command", () => {
  it("gives its output, its input is what it is told", async () => {
    expect(await run(["cat"], { input: "hello" })).toBe("hello");
    expect((await attempt(["sh", "-c", "echo no >&2; exit 3"])).code).toBe(3);
  });

  it("that fails says what it said", async () => {
    await expect(run(["sh", "-c", "echo broken >&2; exit 3"])).rejects.toMatchObject({
      code: "command-failed",
      message: expect.stringContaining("broken"),
    });
  });

  it("that hangs is ended in time", async () => {
    const begun = performance.now();
    await expect(run(["sleep", "20"], { timeoutMs: 100 })).rejects.toMatchObject({ code: "command-timeout" });
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  it("ends when it is interrupted", async () => {
    const stopping = new AbortController();
    const running = run(["sleep", "20"], { signal: stopping.signal });
    stopping.abort();
    await expect(running).rejects.toMatchObject({ code: "interrupted" });
    await expect(run(["true"], { signal: stopping.signal })).rejects.toMatchObject({ code: "interrupted" });
  });

  it("that is not installed is named", async () => {
    await expect(run(["no-such-program-here"])).rejects.toMatchObject({ code: "missing-program" });
  });
});

describe("prerequisites", () => {
  it("are looked for on PATH and as files", () => {
    const there = { name: "sh", debian: "dash", why: "" };
    const file = { name: "/bin/sh", debian: "dash", why: "" };
    const absent = { name: "no-such-program-here", debian: "none", why: "" };
    const absentFile = { name: "/usr/lib/no-such-file.so", debian: "none", why: "" };
    expect(missing([there, file, absent, absentFile])).toEqual([absent, absentFile]);
  });

  it("are installed on Debian and its kin only", () => {
    const folder = mkdtempSync(join(tmpdir(), "lab-"));
    try {
      const file = join(folder, "os-release");
      expect(aptSystem(file)).toBe(false);
      writeFileSync(file, 'NAME="Fedora Linux"\nID=fedora\n');
      expect(aptSystem(file)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("a table", () => {
  it("is as wide as its widest cells", () => {
    expect(
      table(
        [
          ["a", "1"],
          ["bbb", "22"],
        ],
        [1],
      ),
    ).toBe("  a     1\n  bbb  22");
  });
});
