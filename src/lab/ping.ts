/** Reachability: loss and round-trip time by `ping`. */
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
  readonly signal?: AbortSignal;
}

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  readonly lossPct: number;
  /** Mean round-trip time, milliseconds; undefined when nothing came back. */
  readonly rttMs: number | undefined;
  /** ICMP errors that came back, as ping words them, e.g. "Frag needed and DF set (mtu = 1420)". */
  readonly errors: readonly string[];
  readonly output: string;
}

/** Reads what iputils' ping prints. Fault `bad-output` when it has no summary. */
export function parsePing(output: string): PingResult {
  const counts = /^(\d+) packets transmitted, (\d+) received/m.exec(output);
  if (!counts) throw new LabFault("bad-output", `ping gave no summary.${tail(output)}`);
  const sent = Number(counts[1]);
  const received = Number(counts[2]);
  const rtt = /^rtt min\/avg\/max\/mdev = [\d.]+\/([\d.]+)\//m.exec(output);
  const errors = [...output.matchAll(/^From .*?icmp_seq=\d+ (.+)$/gm)].map((match) => match[1]!.trim());
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
  const timeoutMs = options.count * (options.interval ?? 0.2) * 1000 + 15_000;
  const env = { ...process.env, LC_ALL: "C" };
  const done = await attempt(pingCommand(namespace, address, options), { timeoutMs, env, signal: options.signal });
  if (!/packets transmitted/.test(done.stdout)) {
    throw new LabFault(
      "bad-output",
      `ping ${address} in ${namespace} ended with ${done.code}.${tail(done.stderr + done.stdout)}`,
    );
  }
  return parsePing(done.stdout);
}
