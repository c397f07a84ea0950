import { execFile, execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { it } from "vitest";

/** Root with namespaces: what the tests that touch the kernel need. */
export const asRoot: boolean = (() => {
  if (process.getuid?.() !== 0) {
    console.log("skipped: tests with TUN devices, routes and namespaces need root");
    return false;
  }
  try {
    execFileSync("ip", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    console.log("skipped: tests with namespaces need iproute2 (apt-get install iproute2)");
    return false;
  }
})();

/** A test that runs only as root. */
export const itAsRoot = asRoot ? it : it.skip;

/** Makes namespaces with fresh names, runs `body` with them, and takes them away whatever happens. */
export async function withNamespaces(count: number, body: (...names: string[]) => Promise<void>): Promise<void> {
  const stem = `vcpe-t${randomBytes(3).toString("hex")}`;
  const names = Array.from({ length: count }, (_, i) => `${stem}-${i}`);
  try {
    for (const name of names) {
      execFileSync("ip", ["netns", "add", name]);
      execFileSync("ip", ["-n", name, "link", "set", "lo", "up"]);
    }
    await body(...names);
  } finally {
    for (const name of names) {
      try {
        execFileSync("ip", ["netns", "delete", name], { stdio: "ignore" });
      } catch {
        // It was not made.
      }
    }
  }
}

/** Runs a TypeScript file (relative to this folder) in the namespace; the JSON that it prints last. */
export function runInside(namespace: string, file: string, ...args: string[]): Promise<Record<string, unknown>> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const argv = ["netns", "exec", namespace, process.execPath, path, ...args];
  return new Promise((resolve, reject) => {
    execFile("ip", argv, { timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
      else reject(new Error(`${file} failed: ${stderr}${stdout}`));
    });
  });
}
