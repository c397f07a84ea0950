/** Reachability: loss and round-trip time by `ping`. */
import { type ChildProcess, spawn } from "node:child_process";
import { attempt, inside, tail } from "./command.ts";
import { LabFault } from "./fault.ts";

export interface PingOptions {
  readonly count: number;
  /** Seconds between packets; root may go below 0.2. */
  readonly interval?: number;
  /** Payload bytes, without ICMP and IP headers. */
  readonly size?: number;
  /** Up to 16 bytes, repeated through the payload. */
  readonly pattern?: Uint8Array;
  /** "do": DF set and never fragmented here; "dont": DF clear. */
  readonly df?: "do" | "want" | "dont";
  readonly ttl?: number;
  /** Address to send from. */
  readonly source?: string;
  /**
   * Whole seconds for which late answers are waited for. By itself ping waits for the last one no longer than an interval or two round
   * trips, whichever is more, and calls it lost on a machine that is busy for so long. Meanwhile more packets are sent, which are not
   * judged. Not where ICMP errors may come: the first ends it.
   */
  readonly patience?: number;
  /** Whole seconds for which the answer to one packet is waited for where none at all has come. Default 2. */
  readonly wait?: number;
  readonly signal?: AbortSignal;
}

/** An ICMP error that came back: who sent it, and how ping words it, e.g. "Frag needed and DF set (mtu = 1420)". */
export interface PingError {
  readonly from: string;
  readonly text: string;
}

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  readonly lossPct: number;
  /** Mean round-trip time, milliseconds; undefined when nothing came back. */
  readonly rttMs: number | undefined;
  readonly errors: readonly PingError[];
  readonly output: string;
}

/** Reads what iputils' ping prints. Fault `bad-output` when it has no summary. */
export function parsePing(output: string): PingResult {
  const counts = /^(\d+) packets transmitted, (\d+) received/m.exec(output);
  if (!counts) throw new LabFault("bad-output", `ping gave no summary.${tail(output)}`);
  const sent = Number(counts[1]);
  const received = Number(counts[2]);
  const rtt = /^rtt min\/avg\/max\/mdev = [\d.]+\/([\d.]+)\//m.exec(output);
  const lines = output.matchAll(/^From (\S+?):? icmp_seq=\d+ (.+)$/gm);
  const errors = [...lines].map((match) => ({ from: match[1]!, text: match[2]!.trim() }));
  return {
    sent,
    received,
    lossPct: sent === 0 ? 100 : ((sent - received) / sent) * 100,
    rttMs: rtt ? Number(rtt[1]) : undefined,
    errors,
    output,
  };
}

/** Arguments for a ping from inside `namespace`. */
export function pingCommand(namespace: string, address: string, options: PingOptions): string[] {
  const argv = ["ping", "-n", "-c", String(options.count), "-i", String(options.interval ?? 0.2)];
  argv.push("-W", String(options.wait ?? 2));
  if (options.size !== undefined) argv.push("-s", String(options.size));
  if (options.pattern) argv.push("-p", Buffer.from(options.pattern).toString("hex"));
  if (options.df) argv.push("-M", options.df);
  if (options.ttl !== undefined) argv.push("-t", String(options.ttl));
  if (options.source !== undefined) argv.push("-I", options.source);
  return inside(namespace, [...argv, address]);
}

/** Pings `address` from inside `namespace`; lost packets are a result, not a fault. */
export async function ping(namespace: string, address: string, options: PingOptions): Promise<PingResult> {
  const seconds = options.count * (options.interval ?? 0.2);
  const timeoutMs = (seconds + (options.patience ?? 0) + (options.wait ?? 2)) * 1000 + 15_000;
  const env = { ...process.env, LC_ALL: "C" };
  const argv = pingCommand(namespace, address, options);
  if (options.patience !== undefined) argv.splice(-1, 0, "-w", String(Math.ceil(seconds) + options.patience));
  const done = await attempt(argv, { timeoutMs, env, signal: options.signal });
  if (!/packets transmitted/.test(done.stdout)) {
    throw new LabFault(
      "bad-output",
      `ping ${address} in ${namespace} ended with ${done.code}.${tail(done.stderr + done.stdout)}`,
    );
  }
  return judged(parsePing(done.stdout), options.count);
}

/** The same, of the first `count` packets alone: more were sent when the answer to one of them was late. */
export function judged(result: PingResult, count: number): PingResult {
  const sent = Math.min(result.sent, count);
  const received = [...answered(result.output)].filter((number) => number <= count).length;
  return { ...result, sent, received, lossPct: sent === 0 ? 100 : ((sent - received) / sent) * 100 };
}

/** Sequence numbers of the answers; they begin at 1 and are 16 bits wide. */
function answered(output: string): Set<number> {
  return new Set([...output.matchAll(/^\d+ bytes from .*icmp_seq=(\d+) /gm)].map((match) => Number(match[1])));
}

/** What a ping that ran for a while lost. */
export interface StreamResult {
  /** Packets that are judged: those that had been sent when its end was asked for. */
  readonly sent: number;
  /** Sequence numbers of them that were never answered. */
  readonly lost: readonly number[];
  readonly duplicates: number;
}

/** How long late answers are waited for when a stream ends, ms. Only what is lost makes it last. */
const LATE = 5000;
/** How long ping may take to begin, and to say how much it has sent, ms. */
const TELL = 10_000;

/** A ping that runs until it is ended: the witness that nothing was lost meanwhile. */
export class PingStream {
  readonly #child: ChildProcess;
  #answers = "";
  #told = "";
  readonly #closed: Promise<void>;
  #ended = false;

  /** `interval` in seconds. */
  constructor(namespace: string, address: string, interval = 0.01) {
    const [program, ...rest] = inside(namespace, ["ping", "-n", "-i", String(interval), address]);
    this.#child = spawn(program!, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, LC_ALL: "C" } });
    this.#child.stdout!.on("data", (text: Buffer) => {
      this.#answers += text.toString("latin1");
    });
    this.#child.stderr!.on("data", (text: Buffer) => {
      this.#told += text.toString("latin1");
    });
    this.#closed = new Promise((resolve) => {
      const ended = () => {
        this.#ended = true;
        resolve();
      };
      this.#child.on("close", ended);
      this.#child.on("error", ended);
    });
  }

  /** Answers so far. */
  get answered(): number {
    return answered(this.#answers).size;
  }

  /**
   * Asks it how much it has sent, waits until all of that is answered, ends it and counts. A machine that is busy with something else may
   * bring an answer seconds late, and that is no loss. Fault `bad-output` when ping did not run.
   */
  async stop(): Promise<StreamResult> {
    const sent = () => parseSent(this.#told);
    // Before its first answer it may not listen to signals yet, and would end by them without a word.
    await this.#until(() => this.#answers.includes("icmp_seq="), TELL);
    this.#signal("SIGQUIT");
    await this.#until(() => sent() !== undefined, TELL);
    await this.#until(() => lostOf(this.#answers, sent() ?? 0).length === 0, LATE);
    this.#signal("SIGINT");
    await this.#closed;
    if (!/packets transmitted/.test(this.#answers)) parsePing(this.#answers + this.#told);
    return parseStream(this.#answers, sent());
  }

  #signal(name: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(name);
  }

  async #until(holds: () => boolean, ms: number): Promise<void> {
    const limit = performance.now() + ms;
    while (!holds() && !this.#ended && performance.now() < limit) await new Promise((go) => setTimeout(go, 50));
  }
}

/** Packets sent so far, as ping says at SIGQUIT: "3/4 packets, 25% loss, …", received and sent. */
export function parseSent(told: string): number | undefined {
  const found = /(\d+)\/(\d+) packets, \d+% loss/.exec(told);
  return found ? Number(found[2]) : undefined;
}

/** Reads the answers of a ping one by one. `judged`: only the first so many packets are; by itself, all. */
export function parseStream(output: string, judged?: number): StreamResult {
  const sent = judged ?? parsePing(output).sent;
  return { sent, lost: lostOf(output, sent), duplicates: [...output.matchAll(/\(DUP!\)$/gm)].length };
}

function lostOf(output: string, sent: number): number[] {
  const answers = answered(output);
  const lost: number[] = [];
  for (let number = 1; number <= sent; number++) if (!answers.has(number & 0xffff)) lost.push(number);
  return lost;
}
