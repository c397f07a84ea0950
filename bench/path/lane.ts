/**
 * One worker of the scaling test: binds itself to a CPU, waits at the gate for the other, and works for as long as it is told: on the
 * road out over the memory that both share, or at the AEAD alone on a memory of its own.
 */
import { parentPort, workerData } from "node:worker_threads";
import * as L from "../../assembly/layout.ts";
import { type Regions, viewMemory } from "../../src/datapath/memory.ts";
import { instantiate } from "../../src/datapath/module.ts";
import { stayOn } from "../../src/linux/affinity.ts";
import { PathBed } from "./bed.ts";
import { Roads, SIZES } from "./road.ts";

export interface LaneData {
  readonly worker: number;
  readonly cpu: number;
  readonly memory: WebAssembly.Memory;
  readonly regions: Regions;
  readonly module: WebAssembly.Module;
  /** IPv4 address that is routed to the first tunnel. */
  readonly destination: number;
  /** [0]: lanes that have not arrived yet. */
  readonly gate: Int32Array;
}

/** What a lane is asked for; it answers with packets a second. */
export interface LaneTask {
  readonly what: "road" | "aead";
  readonly ms: number;
}

const { worker, cpu, memory, regions, module, destination, gate } = workerData as LaneData;
stayOn([cpu]);
const fast = instantiate(module, memory);
fast.attach(worker);
const roads = new Roads(viewMemory(memory, regions), fast, worker);
roads.lay(SIZES["1024"]!);
roads.aim(() => destination);

const own = new PathBed({ cipher: "chacha20poly1305", sas: 1, routes: 10 });
const alone = new Roads(own.memory, own.fast);
alone.lay(SIZES["1024"]!);
alone.aim(() => own.destinations[0]!);
own.fast.outbound(0, 0, L.BATCH);

const work = {
  road: () => void roads.out(false),
  // The same ops again and again: nothing but the AEAD, and nothing that the other lane can see.
  aead: () => void own.fast.seal(L.BATCH),
};
for (let i = 0; i < 400; i++) {
  work.road();
  work.aead();
}

parentPort!.on("message", ({ what, ms }: LaneTask) => {
  const step = work[what];
  if (Atomics.sub(gate, 0, 1) > 1) while (Atomics.load(gate, 0) > 0);
  const begun = performance.now();
  let batches = 0;
  let elapsed = 0;
  for (; elapsed < ms; elapsed = performance.now() - begun) {
    step();
    batches++;
  }
  parentPort!.postMessage((batches * L.BATCH * 1000) / elapsed);
});
parentPort!.postMessage(0);
