/** The module of assembly/kernels.ts, compiled when it is first needed, on a memory of its own. */
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
import { compiled } from "../compiled.ts";

export interface Kernels extends FibExports {
  fibMany4(vrf: number, addresses: number, count: number, answers: number): void;
  fibMany6(vrf: number, addresses: number, count: number, answers: number): void;
  fibBeside4(vrf: number, addresses: number, count: number, answers: number): void;
  fibBeside6(vrf: number, addresses: number, count: number, answers: number): void;
  replayMany(sa: number, first: bigint, count: number): number;
  checksumMany(at: number, length: number, count: number): number;
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
  const wasm = new WebAssembly.Instance(compiled("kernels", "kernels"), { env: { memory } })
    .exports as unknown as Kernels;
  return { wasm, fib: new Fib(memory, wasm), spare: BASE + FIB_SIZE, memory };
}
