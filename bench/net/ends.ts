/** The two ends of UDP flows (flow.ts), each a process of its own that stays for many flows: started once, compiled once. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { tail } from "../../src/lab/command.ts";
import { LabFault } from "../../src/lab/fault.ts";
import type { FlowOrder, Received, Sent } from "./flow.ts";

const FLOW = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./flow.ts" : "./flow.js", import.meta.url));

/** A program that takes one line of JSON for an order and answers with lines of JSON. */
class End {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;
  readonly #answers: string[] = [];
  #waiting: ((line: string | undefined) => void) | undefined;
  #said = "";
  #over = false;

  /** @param argv how to run a program inside its namespace; flow.ts and its mode go behind it */
  constructor(argv: readonly string[], mode: "sink" | "source", signal: AbortSignal) {
    const [program, ...rest] = [...argv, process.execPath, FLOW, mode];
    // Its own session: Ctrl-C reaches the bench alone, which ends it.
    this.#child = spawn(program!, rest, { stdio: ["pipe", "pipe", "pipe"], detached: true });
    this.#child.stderr!.on("data", (text: Buffer) => {
      this.#said += String(text);
    });
    this.#child.stdin!.on("error", () => {
      // It ended before it read: `answer` tells.
    });
    createInterface(this.#child.stdout!).on("line", (line) => {
      if (this.#waiting) this.#waiting(line);
      else this.#answers.push(line);
    });
    const gone = () => {
      this.#over = true;
      this.#waiting?.(undefined);
    };
    this.#child.on("error", gone);
    this.#child.on("close", gone);
    this.#signal = signal;
    signal.addEventListener("abort", this.end);
  }

  order(order: FlowOrder): void {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
  }

  /** Its next line. @throws LabFault command-failed when it ends instead, command-timeout when it says nothing for so long */
  async answer<T>(withinMs: number): Promise<T> {
    const queued = this.#answers.shift();
    if (queued !== undefined) return JSON.parse(queued) as T;
    let timer: NodeJS.Timeout | undefined;
    const line = await new Promise<string | undefined>((resolve) => {
      if (this.#over) resolve(undefined);
      this.#waiting = resolve;
      timer = setTimeout(() => resolve(""), withinMs);
    });
    clearTimeout(timer);
    this.#waiting = undefined;
    if (this.#signal.aborted) throw new LabFault("interrupted", "Interrupted.");
    if (line === undefined) throw new LabFault("command-failed", `One end of the UDP flow ended.${tail(this.#said)}`);
    if (line === "") throw new LabFault("command-timeout", "One end of the UDP flow did not answer.");
    return JSON.parse(line) as T;
  }

  readonly end = (): void => {
    this.#signal.removeEventListener("abort", this.end);
    this.#child.kill("SIGKILL");
  };
}

export class Ends {
  readonly #source: End;
  readonly #sink: End;
  #port = 20_000;

  /** `source` and `sink`: how to run a program at either end. */
  constructor(source: readonly string[], sink: readonly string[], signal: AbortSignal) {
    this.#source = new End(source, "source", signal);
    this.#sink = new End(sink, "sink", signal);
  }

  /** One flow to `address`. Payloads of `sizes` bytes in turn, `mbps` of payload. */
  async flow(
    address: string,
    sizes: readonly number[],
    mbps: number,
    seconds: number,
  ): Promise<{ sent: Sent; received: Received }> {
    const order: FlowOrder = { address, port: this.#port++, mbps, seconds, sizes };
    this.#sink.order(order);
    await this.#sink.answer(10_000);
    this.#source.order(order);
    const within = seconds * 1000 + 20_000;
    const sent = await this.#source.answer<Sent>(within);
    return { sent, received: await this.#sink.answer<Received>(within) };
  }

  close(): void {
    this.#source.end();
    this.#sink.end();
  }
}
