/** One worker of the scaling test: binds itself to a CPU, waits at the gate for the other, and sends for as long as it is told. */
import { execFileSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { type Regions, viewMemory } from "../../src/datapath/memory.ts";
import { instantiate } from "../../src/datapath/module.ts";
import { Roads, SIZES } from "./road.ts";

export interface LaneData {
  readonly worker: number;
  readonly memory: WebAssembly.Memory;
  readonly regions: Regions;
  readonly module: WebAssembly.Module;
  /** IPv4 address that is routed to the first tunnel. */
  readonly destination: number;
  /** [0]: lanes that have not arrived yet. */
  readonly gate: Int32Array;
}

const { worker, memory, regions, module, destination, gate } = workerData as LaneData;
// The link is read on this very thread, so it names this thread: PID/task/TID.
const thread = basename(readlinkSync("/proc/thread-self"));
execFileSync("taskset", ["-c", "-p", String(worker), thread], { stdio: "ignore" });
const fast = instantiate(module, memory);
fast.attach(worker);
const roads = new Roads(viewMemory(memory, regions), fast, worker);
roads.lay(SIZES["1024"]!);
roads.aim(() => destination);
for (let i = 0; i < 400; i++) roads.out(false);

parentPort!.on("message", (ms: number) => {
  if (Atomics.sub(gate, 0, 1) > 1) while (Atomics.load(gate, 0) > 0);
  const begun = performance.now();
  let batches = 0;
  let elapsed = 0;
  for (; elapsed < ms; elapsed = performance.now() - begun) {
    roads.out(false);
    batches++;
  }
  parentPort!.postMessage((batches * 128 * 1000) / elapsed);
});
parentPort!.postMessage(0);
