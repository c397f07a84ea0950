/** Parts of assembly/ as modules of their own, for benches and tests: compiled when a source is newer than what was kept. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The module of assembly/`entry`.ts, kept in build/`name`.wasm. @throws Error when the compiler refuses it */
export function compiled(entry: string, name: string): WebAssembly.Module {
  let root = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(root, "asconfig.json"))) root = dirname(root);
  const file = join(root, `build/${name}.wasm`);
  const sources = readdirSync(join(root, "assembly"), { recursive: true, encoding: "utf8" });
  const newest = Math.max(...sources.map((source) => statSync(join(root, "assembly", source)).mtimeMs));
  if (!existsSync(file) || statSync(file).mtimeMs < newest) {
    mkdirSync(join(root, "build"), { recursive: true });
    // Several processes may do this at once: each writes its own file and moves it into place.
    const own = `build/${name}-${process.pid}`;
    const asc = [
      join(root, "node_modules/assemblyscript/bin/asc.js"),
      `assembly/${entry}.ts`,
      "--config",
      "asconfig.json",
    ];
    const out = ["--target", "release", "--outFile", `${own}.wasm`, "--textFile", `${own}.wat`];
    // Standard output is the bench's, for JSON.
    execFileSync(process.execPath, [...asc, ...out], { cwd: root, stdio: ["ignore", 2, 2] });
    renameSync(join(root, `${own}.wat`), join(root, `build/${name}.wat`));
    renameSync(join(root, `${own}.wasm`), file);
  }
  return new WebAssembly.Module(readFileSync(file));
}
