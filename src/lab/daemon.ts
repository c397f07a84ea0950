/** Programs that run beside the lab until they are ended: routers, iperf3 servers, captures. Output goes to a log. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inside, tail } from "./command.ts";
import { LabFault } from "./fault.ts";
import { alive, end, mark, type ProcessMark, signal } from "./process.ts";
import type { LabState } from "./state.ts";

/** How long a program may take until it serves, ms. A second, but on a machine that is busy with ten others. */
export const START = 30_000;

export interface DaemonOptions {
  readonly state: LabState;
  /** What it is, for messages and for the name of its log, e.g. "edge branch-a". */
  readonly what: string;
  readonly namespace: string;
  readonly argv: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A running program. It leads its own session, so that Ctrl-C in a terminal reaches the lab alone, which then ends it in order. */
export class Daemon {
  readonly what: string;
  readonly log: string;
  readonly process: ProcessMark;
  /** Exit code, or the signal's name; undefined while it runs. */
  ended: number | NodeJS.Signals | undefined;

  readonly #signal: AbortSignal | undefined;

  private constructor(options: DaemonOptions, log: string, process: ProcessMark) {
    this.what = options.what;
    this.log = log;
    this.process = process;
    this.#signal = options.state.signal;
  }

  /** Starts the program inside its namespace and notes it in the lab's record. */
  static start(options: DaemonOptions): Daemon {
    const { state, what, namespace, argv } = options;
    const log = join(state.folder, `${what.replaceAll(/[^A-Za-z0-9.-]+/g, "-")}.log`);
    const file = openSync(log, "a", 0o600);
    try {
      const [program, ...rest] = inside(namespace, argv);
      const child = spawn(program!, rest, {
        stdio: ["ignore", file, file],
        detached: true,
        env: options.env ?? process.env,
      });
      const marked = child.pid === undefined ? undefined : mark(child.pid);
      if (!marked) throw new LabFault("command-failed", `${what} could not be started: \`${argv.join(" ")}\`.`);
      const daemon = new Daemon(options, log, marked);
      child.on("exit", (code, by) => {
        daemon.ended = code ?? by ?? -1;
      });
      child.on("error", () => {
        daemon.ended ??= -1;
      });
      child.unref();
      state.noteProcess({ ...marked, what, log });
      return daemon;
    } finally {
      closeSync(file);
    }
  }

  get pid(): number {
    return this.process.pid;
  }

  get running(): boolean {
    return this.ended === undefined && alive(this.process);
  }

  /** Everything it has said so far. */
  said(): string {
    return readFileSync(this.log, "utf8");
  }

  /** Waits until `ready` is true, looking every `everyMs`. Fault `router-died` when the program ends first, with what it said. */
  async until(ready: () => boolean | Promise<boolean>, wish: string, withinMs: number, everyMs = 20): Promise<void> {
    const limit = performance.now() + withinMs;
    while (!(await ready())) {
      if (this.#signal?.aborted) throw new LabFault("interrupted", "Interrupted.");
      if (!this.running) {
        throw new LabFault(
          "router-died",
          `${this.what} ended (${this.ended}) before ${wish}.${tail(this.said())}`,
          `\nIts log: ${this.log}`,
        );
      }
      if (performance.now() > limit) {
        throw new LabFault(
          "command-timeout",
          `${this.what}: ${wish} did not come about within ${withinMs / 1000} s.${tail(this.said())}`,
          `\nIts log: ${this.log}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  signal(name: NodeJS.Signals): void {
    signal(this.process, name);
  }

  /** SIGTERM, and SIGKILL when it has not ended after `graceMs`; then `ended` is known. */
  async stop(graceMs = 5000): Promise<void> {
    await end([this.process], graceMs);
    // The kernel has ended it; Node tells so a moment later. The timer keeps Node running that long: the child alone does not.
    for (let tries = 0; this.ended === undefined && tries < 100; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
