/** `vcpe bench micro`: the kernels one by one, with the package `benchmark`. */
import Benchmark from "benchmark";
import { SA_STRIDE } from "../../assembly/layout.ts";
import type { Cipher } from "../../src/datapath/plane.ts";
import { BenchFault } from "../fault.ts";
import { type Machine, machine } from "../machine.ts";
import { median, round } from "../median.ts";
import { aeadKernels, BATCH } from "./aead.ts";
import { fibKernels, manyVrfsMiB } from "./fib.ts";
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
  /** What only the part "fib" finds out is missing without it. */
  readonly machine: Machine & {
    readonly table?: string;
    readonly fibMiB?: number;
    /** 1,000 VRFs of 100 routes each. */
    readonly vrfsMiB?: number;
    readonly quick: boolean;
  };
  readonly rows: MicroRow[];
}

export interface MicroOptions {
  readonly quick: boolean;
  /** Parts to measure; default: all of PARTS. */
  readonly only?: readonly string[];
  readonly say: (line: string) => void;
}

const CIPHERS: readonly Cipher[] = ["chacha20poly1305", "aes128gcm16", "aes256gcm16"];
const SIZES = [64, 512, 1024, 1400, 9000];
const SUITES = ["chacha20poly1305-sha256-x25519", "aes128gcm16-sha256-ecp256", "aes256gcm16-sha384-ecp384"];
/** Names of the parts, as `--only` takes them. */
const PARTS = ["aead", "fib", "replay", "checksum", "ike"] as const;
type Part = (typeof PARTS)[number];

/** @throws BenchFault unknown-part */
export function parts(only: readonly string[] | undefined): ReadonlySet<Part> {
  const astray = (only ?? []).filter((word) => !(PARTS as readonly string[]).includes(word));
  if (astray.length === 0) return new Set((only ?? PARTS) as Part[]);
  throw new BenchFault("unknown-part", `There is no part ${astray.join(", ")}.`, `There are: ${PARTS.join(", ")}.`);
}

export async function benchMicro({ quick, only, say }: MicroOptions): Promise<MicroResult> {
  const chosen = parts(only);
  const about = { ...machine(), quick };
  const rows: MicroRow[] = [];
  /** Seconds an operation takes; `each`: how many one call does. */
  const time = (work: () => void, each = 1): number => {
    let failure: unknown;
    const bench = new Benchmark("kernel", work, {
      maxTime: quick ? 0.05 : 0.2,
      minSamples: quick ? 3 : 5,
      onError: (event: Benchmark.Event) => {
        failure = (event.target as { error?: unknown }).error;
      },
    });
    bench.run();
    if (failure !== undefined) throw failure;
    return median(bench.stats.sample) / each;
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
  if (chosen.has("aead")) {
    for (const cipher of CIPHERS) for (const size of SIZES) aead(cipher, size, time, add);
  }
  const found: { table?: string; fibMiB?: number; vrfsMiB?: number } = {};
  if (chosen.has("fib")) {
    const { table, fibMiB, loadSeconds, timed } = fibKernels();
    Object.assign(found, { table, fibMiB, vrfsMiB: manyVrfsMiB() });
    say(`fib: ${table}: ${fibMiB} MiB; 1,000 VRFs of 100 routes: ${found.vrfsMiB} MiB`);
    add(`fib: load of ${table}`, { vcpe: loadSeconds });
    for (const { kernel, each, work } of timed) add(kernel, { vcpe: time(work, each) });
  }
  if (chosen.has("replay") || chosen.has("checksum")) {
    const { wasm, spare, memory } = kernels();
    let first = 1n;
    // The SA slot begins as an empty one.
    new Uint8Array(memory.buffer, spare, SA_STRIDE).fill(0);
    const replay = () => {
      if (wasm.replayMany(spare, first, 4096) !== 4096) throw new Error("a fresh number was refused");
      first += 4096n;
    };
    if (chosen.has("replay")) add("replay: look up and take, in order", { vcpe: time(replay, 4096) });
    for (const size of chosen.has("checksum") ? [20, 1400] : []) {
      add(`checksum ${size} B`, { vcpe: time(() => void wasm.checksumMany(spare, size, 1024), 1024) });
    }
  }
  if (chosen.has("ike")) {
    for (const suite of SUITES) add(`ike handshake, both sides, ${suite}`, { vcpe: time(() => handshake(suite)) });
  }
  return { machine: { ...about, ...found }, rows };
}

/** Sealing and opening by all who can: our two engines, node:crypto, @noble/ciphers. */
function aead(
  cipher: Cipher,
  size: number,
  time: (work: () => void, each?: number) => number,
  add: (kernel: string, times: Readonly<Record<string, number>>) => void,
): void {
  const work = aeadKernels(cipher, size);
  const seal = time(work.wasmSeal, BATCH);
  const both = time(work.wasmBoth, BATCH);
  const { native } = work;
  const nativeSeal = native && time(native.seal, BATCH);
  const nativeBoth = native && time(native.both, BATCH);
  /** What is left of seal-and-open for opening; noise must not make it less than a quarter. */
  const open = (whole: number, part: number) => Math.max(whole - part, whole / 4);
  add(`seal ${cipher} ${size} B`, {
    vcpe: seal,
    ...(nativeSeal === undefined ? {} : { "vcpe native": nativeSeal }),
    "node:crypto": time(work.nodeSeal),
    "@noble/ciphers": time(work.nobleSeal),
  });
  add(`open ${cipher} ${size} B`, {
    vcpe: open(both, seal),
    ...(nativeSeal === undefined || nativeBoth === undefined ? {} : { "vcpe native": open(nativeBoth, nativeSeal) }),
    "node:crypto": time(work.nodeOpen),
    "@noble/ciphers": time(work.nobleOpen),
  });
}
