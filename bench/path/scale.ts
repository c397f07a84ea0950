/** What a second worker brings, beside what a second thread can bring on this machine at all. */
import { Worker } from "node:worker_threads";
import { allowedCpus } from "../../src/linux/affinity.ts";
import { median, round } from "../median.ts";
import { PathBed } from "./bed.ts";
import type { LaneData, LaneTask } from "./lane.ts";

export interface Scaling {
  /** Packets a second out, 1024 bytes, ChaCha20-Poly1305: one worker, and two together. */
  readonly one: number;
  readonly two: number;
  readonly ratio: number;
  /** The ratio of two threads that only seal, each on a memory of its own: with nothing shared, no program gets beyond it. */
  readonly ceiling: number;
}

/** Packets a second in one round: each lane alone, then both at once. */
export interface Round {
  readonly alone: readonly number[];
  readonly both: readonly number[];
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

/** Medians over the rounds; the ratio is taken round by round, so that a slow moment falls on both of its sides. */
export function scaling(road: readonly Round[], aead: readonly Round[]): Scaling {
  const one = ({ alone }: Round) => sum(alone) / alone.length;
  const ratio = (each: Round) => sum(each.both) / one(each);
  return {
    one: round(median(road.map(one)), 0),
    two: round(median(road.map(({ both }) => sum(both))), 0),
    ratio: round(median(road.map(ratio)), 2),
    ceiling: round(median(aead.map(ratio)), 2),
  };
}

/** Two workers on one memory, each with an SA of its own and bound to its own CPU; undefined: there are no two CPUs. */
export async function scale(quick: boolean, say: (line: string) => void): Promise<Scaling | undefined> {
  const cpus = allowedCpus();
  if (cpus.length < 2) return undefined;
  const bed = new PathBed({ cipher: "chacha20poly1305", sas: 2, routes: 10, workers: 2 });
  const gate = new Int32Array(new SharedArrayBuffer(8));
  const lanes = [0, 1].map((worker) => {
    const { module, memory, destinations } = bed;
    const workerData: LaneData = {
      worker,
      cpu: cpus[worker]!,
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
      const done = (rate: number) => {
        lane.off("error", reject);
        resolve(rate);
      };
      lane.once("message", done);
      lane.once("error", reject);
    });
  try {
    await Promise.all(lanes.map(answer));
    const run = (what: LaneTask["what"], which: readonly Worker[]) => {
      Atomics.store(gate, 0, which.length);
      const done = Promise.all(which.map(answer));
      for (const lane of which) lane.postMessage({ what, ms: quick ? 150 : 400 } satisfies LaneTask);
      return done;
    };
    const round = async (what: LaneTask["what"]): Promise<Round> => ({
      alone: (await Promise.all([await run(what, [lanes[0]!]), await run(what, [lanes[1]!])])).flat(),
      both: await run(what, lanes),
    });
    // The compilers are done when the first round that counts begins.
    await round("road");
    await round("aead");
    const road: Round[] = [];
    const aead: Round[] = [];
    for (let i = 0; i < (quick ? 5 : 9); i++) {
      road.push(await round("road"));
      aead.push(await round("aead"));
    }
    const found = scaling(road, aead);
    say(
      `two workers against one, pinned: ${found.ratio} × (${found.two} against ${found.one} packets/s); ` +
        `ceiling of this machine: ${found.ceiling} ×`,
    );
    return found;
  } finally {
    await Promise.all(lanes.map((lane) => lane.terminate()));
  }
}
