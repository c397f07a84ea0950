/** `vcpe bench micro`: the kernels one by one, with the package `benchmark`. */
import Benchmark from "benchmark";
import { SA_STRIDE } from "../../assembly/layout.ts";
import type { Cipher } from "../../src/datapath/plane.ts";
import { type Machine, machine } from "../machine.ts";
import { round } from "../net/measure.ts";
import { generated, realTable, sequence } from "../path/routes.ts";
import { aeadKernels, BATCH } from "./aead.ts";
import { handshake } from "./handshake.ts";
import { kernels } from "./kernels.ts";

export interface MicroRow {
  readonly kernel: string;
  /** Which of several that do the same; "vcpe" is ours. */
  readonly by: string;
  /** Operations a second. */
  readonly perSecond: number;
  readonly nsEach: number;
  /** How many times as long as ours; null: nothing to compare with. */
  readonly ratio: number | null;
}

export interface MicroResult {
  readonly machine: Machine & { readonly table: string; readonly fibMiB: number };
  readonly rows: MicroRow[];
}

export interface MicroOptions {
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

const CIPHERS: readonly Cipher[] = ["chacha20poly1305", "aes128gcm16", "aes256gcm16"];
const SIZES = [64, 512, 1024, 1400, 9000];
const SUITES = ["chacha20poly1305-sha256-x25519", "aes128gcm16-sha256-ecp256", "aes256gcm16-sha384-ecp384"];

export async function benchMicro({ quick, say }: MicroOptions): Promise<MicroResult> {
  const about = machine();
  const rows: MicroRow[] = [];
  /** Seconds an operation takes; `each`: how many one call does. */
  const time = (work: () => void, each = 1): number => {
    let failure: unknown;
    const bench = new Benchmark("kernel", work, {
      maxTime: quick ? 0.05 : 0.3,
      minSamples: quick ? 3 : 5,
      onError: (event: Benchmark.Event) => {
        failure = (event.target as { error?: unknown }).error;
      },
    });
    bench.run();
    if (failure !== undefined) throw failure;
    return bench.stats.mean / each;
  };
  const add = (kernel: string, times: Readonly<Record<string, number>>) => {
    const ours = times.vcpe;
    for (const [by, seconds] of Object.entries(times)) {
      const ratio = ours === undefined || by === "vcpe" ? null : round(seconds / ours, 2);
      const row = { kernel, by, perSecond: Math.round(1 / seconds), nsEach: round(seconds * 1e9, 2), ratio };
      rows.push(row);
      say(`${kernel} · ${by}: ${row.nsEach} ns${ratio === null ? "" : `, ${ratio} × ours`}`);
    }
  };
  for (const cipher of CIPHERS) {
    for (const size of SIZES) {
      const work = aeadKernels(cipher, size);
      const seal = time(work.wasmSeal, BATCH);
      const both = time(work.wasmBoth, BATCH);
      add(`seal ${cipher} ${size} B`, {
        vcpe: seal,
        "node:crypto": time(work.nodeSeal),
        "@noble/ciphers": time(work.nobleSeal),
      });
      add(`open ${cipher} ${size} B`, {
        vcpe: Math.max(both - seal, both / 4),
        "node:crypto": time(work.nodeOpen),
        "@noble/ciphers": time(work.nobleOpen),
      });
    }
  }
  const { wasm, fib, spare, memory } = kernels();
  const real = realTable();
  const list = real ?? generated(900_000);
  const table =
    real === undefined ? `${list.length} generated prefixes` : `${list.length} prefixes of the real Internet`;
  const begun = performance.now();
  list.forEach((prefix, i) => {
    fib.set(0, prefix, 1 + (i % 1000));
  });
  add(`fib: load of ${table}`, { vcpe: (performance.now() - begun) / 1000 });
  const fibMiB = round(fib.stats().bytes / 2 ** 20, 1);
  const next = sequence(0x2545f491);
  const count = 1 << 18;
  for (const family of [4, 6] as const) {
    const own = list.filter((prefix) => prefix.address.length === (family === 4 ? 4 : 16));
    if (own.length === 0) continue;
    const words = new Uint32Array(memory.buffer, spare);
    for (let i = 0; i < count; i++) {
      const { address, length } = own[next() % own.length]!;
      const bits = (at: number) => {
        let word = 0;
        for (let j = 0; j < 4; j++) word = (word << 8) | address[at + j]!;
        const kept = Math.min(32, Math.max(0, length - at * 8));
        return kept === 32 ? word >>> 0 : (word | (next() & (0xffffffff >>> kept))) >>> 0;
      };
      if (family === 4) words[i] = bits(0);
      // u64 high, u64 low, each little-endian.
      else words.set([bits(4), bits(0), bits(12), bits(8)], i * 4);
    }
    const answers = spare + count * 16;
    for (const [how, many] of [
      ["one by one", family === 4 ? wasm.fibMany4 : wasm.fibMany6],
      ["side by side", family === 4 ? wasm.fibBeside4 : wasm.fibBeside6],
    ] as const) {
      add(`fib: IPv${family} lookup, random over announced space, ${how}`, {
        vcpe: time(() => many(0, spare, count, answers), count),
      });
    }
  }
  const some = Array.from({ length: 1000 }, () => list[next() % list.length]!);
  let turn = 0;
  add("fib: update (withdraw and announce are two)", {
    vcpe: time(() => {
      turn++;
      for (const prefix of some) {
        fib.remove(0, prefix);
        fib.set(0, prefix, 1 + (turn % 1000));
      }
    }, 2 * some.length),
  });
  let first = 1n;
  // The SA slot begins as an empty one.
  new Uint8Array(memory.buffer, spare, SA_STRIDE).fill(0);
  add("replay: look up and take, in order", {
    vcpe: time(() => {
      if (wasm.replayMany(spare, first, 4096) !== 4096) throw new Error("a fresh number was refused");
      first += 4096n;
    }, 4096),
  });
  for (const size of [20, 1400]) {
    add(`checksum ${size} B`, { vcpe: time(() => void wasm.checksumMany(spare, size, 1024), 1024) });
  }
  for (const suite of SUITES) add(`ike handshake, both sides, ${suite}`, { vcpe: time(() => handshake(suite)) });
  return { machine: { ...about, table, fibMiB }, rows };
}
