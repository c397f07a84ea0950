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
  const argv = ["ping", "-n", "-c", String(options.count), "-i", String(options.interval ?? 0.2), "-W", "2"];
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
  const timeoutMs = seconds * 1000 + 15_000;
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
  readonly sent: number;
  /** Sequence numbers that were never answered. The last few may still have been under way and are not judged. */
  readonly lost: readonly number[];
  readonly duplicates: number;
}

/** Packets at the end of a stream that may have been under way when it was ended. */
const UNDER_WAY = 5;

/** A ping that runs until it is ended: the witness that nothing was lost meanwhile. */
export class PingStream {
  readonly #child: ChildProcess;
  #output = "";
  readonly #closed: Promise<void>;

  /** `interval` in seconds. */
  constructor(namespace: string, address: string, interval = 0.01) {
    const [program, ...rest] = inside(namespace, ["ping", "-n", "-i", String(interval), address]);
    this.#child = spawn(program!, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, LC_ALL: "C" } });
    const hear = (text: Buffer) => {
      this.#output += text.toString("latin1");
    };
    this.#child.stdout!.on("data", hear);
    this.#child.stderr!.on("data", hear);
    this.#closed = new Promise((resolve) => {
      this.#child.on("close", () => resolve());
      this.#child.on("error", () => resolve());
    });
  }

  /** Answers so far. */
  get answered(): number {
    return answered(this.#output).size;
  }

  /** Ends it and counts. Fault `bad-output` when ping did not run. */
  async stop(): Promise<StreamResult> {
    this.#child.kill("SIGINT");
    await this.#closed;
    return parseStream(this.#output);
  }
}

/** Reads the answers of a ping one by one. */
export function parseStream(output: string): StreamResult {
  const { sent } = parsePing(output);
  const answers = answered(output);
  const lost: number[] = [];
  for (let number = 1; number <= sent - UNDER_WAY; number++) if (!answers.has(number & 0xffff)) lost.push(number);
  return { sent, lost, duplicates: [...output.matchAll(/\(DUP!\)$/gm)].length };
}
