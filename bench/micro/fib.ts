/** The FIB on a whole Internet's table: load, look-ups, updates, and many small VRFs. In WASM, on a memory of its own. */
import { round } from "../median.ts";
import { generated, realTable, sequence } from "../path/routes.ts";
import { kernels } from "./kernels.ts";

/** Look-ups in one call. */
const COUNT = 1 << 18;
const VRFS = 1000;
const ROUTES_EACH = 100;

export interface FibKernels {
  /** Where the table is from, and its size. */
  readonly table: string;
  readonly fibMiB: number;
  readonly loadSeconds: number;
  /** Each does `each` operations. */
  readonly timed: readonly { readonly kernel: string; readonly each: number; work(): void }[];
}

export function fibKernels(): FibKernels {
  const { wasm, fib, spare, memory } = kernels();
  const real = realTable();
  const list = real ?? generated(900_000);
  const from = real === undefined ? "generated prefixes" : "prefixes of the real Internet";
  const begun = performance.now();
  list.forEach((prefix, i) => {
    fib.set(0, prefix, 1 + (i % 1000));
  });
  const loadSeconds = (performance.now() - begun) / 1000;
  const next = sequence(0x2545f491);
  const timed: { kernel: string; each: number; work(): void }[] = [];
  const answers = spare + 4 * COUNT * 16;
  /** Addresses in the spare memory: u32 for IPv4; u64 high, u64 low, each little-endian, for IPv6. */
  const lookup = (family: 4 | 6, index: number, kernel: string, fill: (quarter: Uint32Array) => void) => {
    const at = spare + index * COUNT * 16;
    const words = new Uint32Array(memory.buffer, at, COUNT * 4);
    const quarter = new Uint32Array(4);
    for (let i = 0; i < COUNT; i++) {
      fill(quarter);
      if (family === 4) words[i] = quarter[0]!;
      else words.set([quarter[1]!, quarter[0]!, quarter[3]!, quarter[2]!], i * 4);
    }
    for (const [how, many] of [
      ["one by one", family === 4 ? wasm.fibMany4 : wasm.fibMany6],
      ["side by side", family === 4 ? wasm.fibBeside4 : wasm.fibBeside6],
    ] as const) {
      timed.push({ kernel: `${kernel}, ${how}`, each: COUNT, work: () => many(0, at, COUNT, answers) });
    }
  };
  for (const family of [4, 6] as const) {
    const own = list.filter((prefix) => prefix.address.length === (family === 4 ? 4 : 16));
    if (own.length === 0) continue;
    const where = family === 4 ? "uniformly random" : "uniformly random in 2000::/3";
    lookup(family, family - 4, `fib: IPv${family} lookup, ${where}`, (quarter) => {
      for (let j = 0; j < 4; j++) quarter[j] = next();
      if (family === 6) quarter[0] = (quarter[0]! & 0x1fffffff) | 0x20000000;
    });
    lookup(family, family - 3, `fib: IPv${family} lookup, random announced prefixes`, (quarter) => {
      const { address, length } = own[next() % own.length]!;
      for (let j = 0; j < (family === 4 ? 1 : 4); j++) {
        let word = 0;
        for (let k = 0; k < 4; k++) word = (word << 8) | (address[j * 4 + k] ?? 0);
        const fixed = Math.min(32, Math.max(0, length - j * 32));
        quarter[j] = fixed === 32 ? word : word | (next() & (0xffffffff >>> fixed));
      }
    });
  }
  const some = Array.from({ length: 1000 }, () => list[next() % list.length]!);
  let turn = 0;
  timed.push({
    kernel: "fib: update (withdraw and announce are two)",
    each: 2 * some.length,
    work: () => {
      turn++;
      for (const prefix of some) {
        fib.remove(0, prefix);
        fib.set(0, prefix, 1 + (turn % 1000));
      }
    },
  });
  return {
    table: `${list.length} ${from}`,
    fibMiB: round(fib.stats().bytes / 2 ** 20, 1),
    loadSeconds,
    timed,
  };
}

/** MiB of a FIB with 1,000 VRFs of 100 routes each, IPv4, scattered over the address space. */
export function manyVrfsMiB(): number {
  const { fib } = kernels();
  const prefixes = generated(VRFS * ROUTES_EACH);
  prefixes.forEach((prefix, i) => {
    fib.set(Math.floor(i / ROUTES_EACH), prefix, 1 + (i % ROUTES_EACH));
  });
  return round(fib.stats().bytes / 2 ** 20, 1);
}
