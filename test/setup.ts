import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;

/** Newest change in a folder, milliseconds since the Unix epoch. */
function newest(folder: string): number {
  let latest = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) latest = Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return latest;
}

/** The tests run the TypeScript as it stands; the WASM modules are compiled when their sources are newer. */
export default function setup(): void {
  const builds = ["build/vcpe.wasm", "build/vcpe-plain.wasm"].map((file) => join(root, file));
  const sources = newest(join(root, "assembly"));
  if (builds.some((wasm) => !existsSync(wasm) || statSync(wasm).mtimeMs < sources)) {
    execFileSync("npm", ["run", "--silent", "build:wasm"], { cwd: root, stdio: "inherit" });
  }
}
