import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const FILE = fileURLToPath(new URL("../../../src/linux/files.ts", import.meta.url));

/** What a process of its own, that may have `soft` files open, gets when it asks for `wanted`. */
function raised(soft: number, wanted: number): { told: number; limit: number } {
  const program = `
    import { readFileSync } from "node:fs";
    const { raiseFiles } = await import(${JSON.stringify(FILE)});
    const told = raiseFiles(${wanted});
    const limit = Number(/Max open files\\s+(\\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))[1]);
    console.log(JSON.stringify({ told, limit }));`;
  const argv = ["-c", `ulimit -n ${soft}; exec "$0" --input-type=module -e "$1"`, process.execPath, program];
  return JSON.parse(execFileSync("sh", argv, { encoding: "utf8" }));
}

/** CAP_SYS_RESOURCE, capability 24 of this process and so of its children. */
function mayRaise(): boolean {
  const [, set] = /CapEff:\s*([0-9a-f]+)/.exec(readFileSync("/proc/self/status", "utf8")) as RegExpExecArray;
  return ((BigInt(`0x${set}`) >> 24n) & 1n) === 1n;
}

test("what is enough already is left alone", () => {
  expect(raised(700, 600)).toEqual({ told: 700, limit: 700 });
});

test("as many files as are wanted, or as many as there may be", () => {
  const { told, limit } = raised(700, 900);
  expect(told).toBe(limit);
  expect(limit).toBe(mayRaise() ? 900 : 700);
});
