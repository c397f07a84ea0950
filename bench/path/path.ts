/** `vcpe bench path`: nanoseconds a packet on the WASM roads, and what a second worker brings. */
import { Worker } from "node:worker_threads";
import type { Cipher } from "../../src/datapath/plane.ts";
import { type Machine, machine } from "../machine.ts";
import { median, round } from "../net/measure.ts";
import { PathBed } from "./bed.ts";
import type { LaneData } from "./lane.ts";
import { Roads, SIZES } from "./road.ts";
import { realTable, sequence } from "./routes.ts";

export interface PathRow {
  readonly cipher: Cipher;
  /** Bytes of the inner packet, or "imix". */
  readonly size: string;
  readonly sas: number;
  readonly routes: number;
  /** Medians of the samples. */
  readonly outNs: number;
  readonly inNs: number;
  readonly hubNs: number;
}

export interface PathResult {
  readonly machine: Machine & { readonly table: string };
  readonly rows: PathRow[];
  /** Packets a second out, 1024 bytes, ChaCha20-Poly1305; null on a machine with one core. */
  readonly scaling: { readonly one: number; readonly two: number; readonly ratio: number } | null;
}

export interface PathOptions {
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

const CIPHERS: readonly Cipher[] = ["chacha20poly1305", "aes128gcm16", "aes256gcm16"];
const BATCH = 128;

export async function benchPath({ quick, say }: PathOptions): Promise<PathResult> {
  const real = realTable();
  const table = real === undefined ? "generated prefixes" : `${real.length} prefixes of the real Internet, filled up`;
  const about = { ...machine(), table };
  const rows: PathRow[] = [];
  const one = (cipher: Cipher, size: string, bed: PathBed, sas: number, routes: number) => {
    const row = { cipher, size, sas, routes, ...measure(bed, size, quick) };
    rows.push(row);
    say(`${cipher} ${size} B, ${sas} SAs, ${routes} routes: out ${row.outNs}, in ${row.inNs}, hub ${row.hubNs} ns`);
  };
  for (const cipher of CIPHERS) {
    const bed = new PathBed({ cipher, sas: 1, routes: 10 });
    for (const size of Object.keys(SIZES)) one(cipher, size, bed, 1, 10);
  }
  const many = 10_000;
  const million = 1_000_000;
  for (const [sas, routes] of [
    [many, many],
    [1, million],
    [many, million],
  ] as const) {
    const bed = new PathBed({ cipher: "chacha20poly1305", sas, routes });
    one("chacha20poly1305", "1024", bed, sas, routes);
  }
  const scaling = about.cores < 2 ? null : await scale(quick, say);
  return { machine: about, rows, scaling };
}

function measure(bed: PathBed, size: string, quick: boolean): { outNs: number; inNs: number; hubNs: number } {
  const roads = new Roads(bed.memory, bed.fast);
  roads.lay(SIZES[size]!);
  const next = sequence(0x9e3779b9);
  const { destinations } = bed;
  const aim = () => roads.aim(() => destinations[next() % destinations.length]!);
  const batches = quick ? 60 : 300;
  const sample = (hub: boolean) => {
    bed.hub(hub);
    let out = 0;
    let into = 0;
    for (let i = 0; i < batches; i++) {
      aim();
      out += roads.out();
      into += roads.arrive();
    }
    const ns = (ms: number) => (ms * 1e6) / (batches * BATCH);
    return [ns(out), ns(into)] as const;
  };
  // V8 compiles anew what runs often; the first packets are not what a router does all day.
  sample(false);
  sample(true);
  const times = Array.from({ length: quick ? 1 : 3 }, () => [sample(false), sample(true)] as const);
  const dropped = bed.drops();
  if (dropped !== "") throw new Error(`packets were dropped while they were measured: ${dropped}`);
  return {
    outNs: round(median(times.flatMap(([plain, hub]) => [plain[0], hub[0]])), 0),
    inNs: round(median(times.map(([plain]) => plain[1])), 0),
    hubNs: round(median(times.map(([, hub]) => hub[1])), 0),
  };
}

/** Two workers on one memory, each with an SA of its own and bound to its own CPU. */
async function scale(quick: boolean, say: (line: string) => void): Promise<PathResult["scaling"]> {
  const bed = new PathBed({ cipher: "chacha20poly1305", sas: 2, routes: 10, workers: 2 });
  const gate = new Int32Array(new SharedArrayBuffer(8));
  const lanes = [0, 1].map((worker) => {
    const { module, memory, destinations } = bed;
    const workerData: LaneData = {
      worker,
      memory: memory.memory,
      regions: memory.regions,
      module,
      destination: destinations[0]!,
      gate,
    };
    const file = new URL(import.meta.url.endsWith(".ts") ? "./lane.ts" : "./lane.js", import.meta.url);
    return new Worker(file, { workerData });
  });
  const answer = (lane: Worker) =>
    new Promise<number>((resolve, reject) => {
      lane.once("message", resolve);
      lane.once("error", reject);
    });
  try {
    await Promise.all(lanes.map(answer));
    const ms = quick ? 300 : 1000;
    const run = async (which: readonly Worker[]) => {
      Atomics.store(gate, 0, which.length);
      const done = Promise.all(which.map(answer));
      for (const lane of which) lane.postMessage(ms);
      return (await done).reduce((all, rate) => all + rate, 0);
    };
    const ratios: number[] = [];
    const ones: number[] = [];
    const twos: number[] = [];
    for (let i = 0; i < (quick ? 1 : 3); i++) {
      const alone = ((await run([lanes[0]!])) + (await run([lanes[1]!]))) / 2;
      const both = await run(lanes);
      ones.push(alone);
      twos.push(both);
      ratios.push(both / alone);
    }
    const scaling = { one: round(median(ones), 0), two: round(median(twos), 0), ratio: round(median(ratios), 2) };
    say(`two workers against one, pinned: ${scaling.ratio} × (${scaling.two} against ${scaling.one} packets/s)`);
    return scaling;
  } finally {
    await Promise.all(lanes.map((lane) => lane.terminate()));
  }
}
