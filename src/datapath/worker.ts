/** The entry of a worker thread: its own instance of the fast path on the shared memory, then the loop. */

import { parentPort, workerData } from "node:worker_threads";
import { stayOn } from "../linux/affinity.ts";
import type { CommandsPart } from "./commands.ts";
import { type Engines, type NativeFrom, withEngines } from "./engine.ts";
import { Loop } from "./loop.ts";
import { type Regions, viewMemory } from "./memory.ts";
import { instantiate } from "./module.ts";

/** What a worker is born with. */
export interface WorkerData {
  readonly worker: number;
  readonly memory: WebAssembly.Memory;
  readonly regions: Regions;
  readonly module: WebAssembly.Module;
  readonly sockets: readonly number[];
  readonly commands: CommandsPart;
  readonly engines: Engines;
  readonly nativeFrom: NativeFrom;
  /** The CPU to stay on; undefined: where the kernel puts it. */
  readonly cpu: number | undefined;
  /** Microseconds that packets may gather under load; 0: never. */
  readonly pause: number;
}

/** All that a worker ever says by message: it is in its loop; a TUN device of its own was deleted by somebody. */
export type WorkerMessage = "ready" | { readonly tunGone: number };

function say(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

const data = workerData as WorkerData;
if (data.cpu !== undefined) stayOn([data.cpu]);
const memory = viewMemory(data.memory, data.regions);
const instance = instantiate(data.module, data.memory);
instance.attach(data.worker);
const { fast, sweep, close } = withEngines(instance, memory, data.worker, data.engines, data.nativeFrom);
const loop = new Loop({
  memory,
  fast,
  sweep,
  worker: data.worker,
  sockets: data.sockets,
  commands: data.commands,
  pause: data.pause,
  tunGone: (tun) => say({ tunGone: tun }),
});
say("ready");
try {
  loop.run();
} finally {
  close();
}
