/** The module of assembly/kernels.ts, compiled when it is first needed, on a memory of its own. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  ARENA_SIZE,
  EPOCH_IDLE,
  G_ARENAS_BASE,
  G_EPOCH,
  G_FIB_BASE,
  G_FIB_SIZE,
  G_WORKERS,
} from "../../assembly/layout.ts";
import { Fib, type FibExports } from "../../src/datapath/fib.ts";
import { hostAddress } from "../../src/linux/ffi.ts";
import { adviseHugePages } from "../../src/linux/hugepages.ts";

export interface Kernels extends FibExports {
  fibMany4(vrf: number, addresses: number, count: number, answers: number): void;
  fibMany6(vrf: number, addresses: number, count: number, answers: number): void;
  fibBeside4(vrf: number, addresses: number, count: number, answers: number): void;
  fibBeside6(vrf: number, addresses: number, count: number, answers: number): void;
  replayMany(sa: number, first: bigint, count: number): number;
  checksumMany(at: number, length: number, count: number): number;
}

function compiled(): WebAssembly.Module {
  let root = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(root, "asconfig.json"))) root = dirname(root);
  const file = join(root, "build/kernels.wasm");
  const sources = readdirSync(join(root, "assembly"), { recursive: true, encoding: "utf8" });
  const newest = Math.max(...sources.map((name) => statSync(join(root, "assembly", name)).mtimeMs));
  if (!existsSync(file) || statSync(file).mtimeMs < newest) {
    mkdirSync(join(root, "build"), { recursive: true });
    const own = `build/kernels-${process.pid}`;
    const asc = [
      join(root, "node_modules/assemblyscript/bin/asc.js"),
      "assembly/kernels.ts",
      "--config",
      "asconfig.json",
    ];
    const out = ["--target", "release", "--outFile", `${own}.wasm`, "--textFile", `${own}.wat`];
    execFileSync(process.execPath, [...asc, ...out], { cwd: root, stdio: ["ignore", 2, 2] });
    renameSync(join(root, `${own}.wat`), join(root, "build/kernels.wat"));
    renameSync(join(root, `${own}.wasm`), file);
  }
  return new WebAssembly.Module(readFileSync(file));
}

const BASE = 0x100000;
const FIB_SIZE = 160 << 20;
/** Bytes for addresses, answers, packets. */
const SPARE = 64 << 20;

export function kernels(): { wasm: Kernels; fib: Fib; spare: number; memory: WebAssembly.Memory } {
  const arenas = BASE + FIB_SIZE + SPARE;
  const memory = new WebAssembly.Memory({
    initial: (arenas >> 16) + Math.ceil(ARENA_SIZE / 65536),
    maximum: 65536,
    shared: true,
  });
  const words = new Uint32Array(memory.buffer);
  adviseHugePages(hostAddress(words), hostAddress(words) + arenas);
  words[G_EPOCH / 4] = 1;
  words[G_WORKERS / 4] = 1;
  words[G_FIB_BASE / 4] = BASE;
  words[G_FIB_SIZE / 4] = FIB_SIZE;
  words[G_ARENAS_BASE / 4] = arenas;
  // One worker that waits: what leaves the tree can be freed at once.
  words[arenas / 4] = EPOCH_IDLE;
  const wasm = new WebAssembly.Instance(compiled(), { env: { memory } }).exports as unknown as Kernels;
  return { wasm, fib: new Fib(memory, wasm), spare: BASE + FIB_SIZE, memory };
}
