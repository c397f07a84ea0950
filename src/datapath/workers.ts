/** The worker threads: started, known to be ready, stopped. */

import { Worker } from "node:worker_threads";
import type { Commands } from "./commands.ts";
import type { Engines, NativeFrom } from "./engine.ts";
import { PlaneError } from "./error.ts";
import type { PlaneMemory } from "./memory.ts";
import type { SocketSet } from "./sockets.ts";
import type { WorkerData, WorkerMessage } from "./worker.ts";

/** Milliseconds that a worker may take to be ready: a thread and a compiled module, about 40 on an idle machine. */
const START = 20_000;
/** Milliseconds that a worker may take to end. */
const END = 3_000;

/** What the workers tell of themselves. */
export interface WorkerNews {
  /** A worker that was ready ended by itself. */
  readonly failed: (error: Error) => void;
  /** TUN device `tun` is no longer there. */
  readonly tunGone: (tun: number) => void;
}

export class Workers {
  readonly #threads: Worker[] = [];
  readonly #ready: Promise<void>[] = [];
  readonly #commands: readonly Commands[];
  #stopping = false;

  /**
   * One thread for each of `commands`. `cpus`: worker n stays on the nth of them; undefined: where the kernel puts it. `pause`: see
   * LoopParts.
   */
  constructor(
    memory: PlaneMemory,
    module: WebAssembly.Module,
    sockets: readonly SocketSet[],
    commands: readonly Commands[],
    engines: Engines,
    nativeFrom: NativeFrom,
    cpus: readonly number[] | undefined,
    pause: number,
    on: WorkerNews,
  ) {
    this.#commands = commands;
    const entry = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);
    commands.forEach((command, worker) => {
      const workerData: WorkerData = {
        worker,
        memory: memory.memory,
        regions: memory.regions,
        module,
        sockets: sockets[worker].map((socket) => socket?.fd ?? -1),
        commands: command.part,
        engines,
        nativeFrom,
        cpu: cpus?.[worker % cpus.length],
        pause,
      };
      const thread = new Worker(entry, { workerData, name: `vcpe-${worker}`, execArgv: [] });
      this.#threads.push(thread);
      this.#ready.push(this.#watch(thread, worker, on));
    });
  }

  /** Resolves when every worker is in its loop. @throws PlaneError worker */
  async ready(): Promise<void> {
    await Promise.all(this.#ready);
  }

  #watch(thread: Worker, worker: number, on: WorkerNews): Promise<void> {
    let isReady = false;
    let cause: Error | undefined;
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(late);
        const did = isReady ? "has ended" : "did not start";
        const error = new PlaneError("worker", `Worker ${worker} of the datapath ${did}: ${why}`, cause);
        if (!isReady) reject(error);
        else if (!this.#stopping) on.failed(error);
      };
      const late = setTimeout(() => fail(`no answer within ${START / 1000} s.`), START);
      thread.on("message", (message: WorkerMessage) => {
        if (message !== "ready") {
          on.tunGone(message.tunGone);
          return;
        }
        clearTimeout(late);
        isReady = true;
        resolve();
      });
      thread.on("error", (error) => {
        cause = error instanceof Error ? error : new Error(String(error));
      });
      thread.on("exit", () => fail(cause?.message ?? "it said no reason."));
    });
  }

  /** Tells every worker to leave its loop; does not wait. */
  tellStop(): void {
    this.#stopping = true;
    for (const commands of this.#commands) commands.stop();
  }

  /** Resolves when every worker has ended. */
  async stop(): Promise<void> {
    this.tellStop();
    await Promise.all(this.#threads.map((thread) => ended(thread)));
  }
}

async function ended(thread: Worker): Promise<void> {
  // A thread that has ended says −1.
  if (thread.threadId < 0) return;
  const exit = new Promise<void>((resolve) => thread.once("exit", () => resolve()));
  const late = setTimeout(() => void thread.terminate(), END);
  await exit;
  clearTimeout(late);
}
