/** Throughput: TCP streams and 1024-byte UDP datagrams by iperf3, read from its JSON. */
import { attempt, inside, run, tail } from "./command.ts";
import { Daemon, START } from "./daemon.ts";
import { LabFault } from "./fault.ts";
import type { LabState } from "./state.ts";

export interface Throughput {
  /** Payload that arrived, 10^6 bits a second. */
  readonly mbps: number;
  /** UDP: datagrams that did not arrive. TCP: bytes sent again, the trace that loss leaves there. Percent. */
  readonly lossPct: number;
  /** UDP: datagrams sent; TCP: 0. */
  readonly packets: number;
}

interface IperfSum {
  readonly bits_per_second: number;
  readonly bytes: number;
  readonly retransmits?: number;
  readonly packets?: number;
  readonly lost_packets?: number;
  readonly lost_percent?: number;
}

interface IperfReport {
  readonly error?: string;
  readonly start?: { readonly tcp_mss?: number; readonly tcp_mss_default?: number };
  readonly end?: { readonly sum?: IperfSum; readonly sum_sent?: IperfSum; readonly sum_received?: IperfSum };
}

/** Reads `iperf3 -J`. Fault `bad-output` with iperf3's own words when the run failed. */
export function parseIperf(json: string, protocol: "tcp" | "udp"): Throughput {
  let report: IperfReport;
  try {
    report = JSON.parse(json) as IperfReport;
  } catch {
    throw new LabFault("bad-output", `iperf3 gave no JSON.${tail(json)}`);
  }
  if (report.error !== undefined) throw new LabFault("bad-output", `iperf3: ${report.error}.`);
  const sent = report.end?.sum_sent;
  const received = report.end?.sum_received;
  if (protocol === "udp") {
    const sum = report.end?.sum;
    if (!sum) throw new LabFault("bad-output", "iperf3 gave no UDP summary.");
    const lossPct = sum.lost_percent ?? 100;
    return { mbps: (sum.bits_per_second / 1e6) * (1 - lossPct / 100), lossPct, packets: sum.packets ?? 0 };
  }
  if (!sent || !received) throw new LabFault("bad-output", "iperf3 gave no TCP summary.");
  const mss = report.start?.tcp_mss ?? report.start?.tcp_mss_default ?? 1448;
  const again = (sent.retransmits ?? 0) * mss;
  return {
    mbps: received.bits_per_second / 1e6,
    lossPct: sent.bytes === 0 ? 100 : Math.min(100, (again / sent.bytes) * 100),
    packets: 0,
  };
}

/** An iperf3 server inside a namespace; it serves one test after another until it is stopped. */
export async function serveIperf(state: LabState, place: string, namespace: string): Promise<Daemon> {
  const argv = ["iperf3", "--server", "--forceflush"];
  const daemon = Daemon.start({ state, what: `iperf3 ${place}`, namespace, argv });
  await daemon.until(() => daemon.said().includes("Server listening"), "it listened", START, 10);
  return daemon;
}

export interface TrafficOptions {
  readonly protocol: "tcp" | "udp";
  readonly seconds: number;
  /** Offered load, 10^6 bits of payload a second. Default: 50 for UDP, as much as goes for TCP. */
  readonly offeredMbps?: number;
  readonly signal?: AbortSignal;
}

/** Milliseconds for which a server may still be busy with the client before: it reads that one's results after it has ended. */
const BUSY = 15_000;

/** Sends from inside `namespace` to the iperf3 server at `address`. UDP datagrams carry 1024 bytes. */
export async function traffic(namespace: string, address: string, options: TrafficOptions): Promise<Throughput> {
  const argv = ["iperf3", "-J", "-c", address, "-t", String(options.seconds), "--connect-timeout", "3000"];
  const offered = options.offeredMbps ?? (options.protocol === "udp" ? 50 : undefined);
  if (options.protocol === "udp") argv.push("-u", "-l", "1024");
  if (offered !== undefined) argv.push("-b", `${offered}M`);
  const timeoutMs = options.seconds * 1000 + 15_000;
  const until = performance.now() + BUSY;
  let done = await attempt(inside(namespace, argv), { timeoutMs, signal: options.signal });
  while (isBusy(done.stdout) && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    done = await attempt(inside(namespace, argv), { timeoutMs, signal: options.signal });
  }
  if (done.stdout.trim() === "") {
    throw new LabFault("bad-output", `iperf3 to ${address} ended with ${done.code}.${tail(done.stderr)}`);
  }
  return parseIperf(done.stdout, options.protocol);
}

/**
 * Did the server send the client away, before anything was measured? It says so and closes at once, without having read what the client
 * had sent, so the kernel may reset the connection, and the client read that in place of the words.
 */
export function isBusy(output: string): boolean {
  const nothing = /"intervals":\s*\[\s*\]/.test(output);
  return nothing && /"error":\s*"(the server is busy|unable to receive control message: Connection reset)/.test(output);
}

/**
 * Datagrams that came as far as the host in `namespace` and were dropped there because the program that was to read them
 * did not get to it: the machine's fault, not the path's. A count since the namespace was made, IPv4 and IPv6 together.
 */
export async function unread(namespace: string): Promise<number> {
  return parseUnread(await run(inside(namespace, ["cat", "/proc/net/snmp", "/proc/net/snmp6"])));
}

/** Reads the kernel's UDP counters: /proc/net/snmp has a line of names and one of values, /proc/net/snmp6 one pair a line. */
export function parseUnread(text: string): number {
  const [names, values] = [...text.matchAll(/^Udp: (.*)$/gm)].map((match) => match[1]!.split(" "));
  const at = names?.indexOf("RcvbufErrors") ?? -1;
  const six = /^Udp6RcvbufErrors\s+(\d+)$/m.exec(text);
  if (at < 0 || !values || !six) throw new LabFault("bad-output", "The kernel's UDP counters have no RcvbufErrors.");
  return Number(values[at]) + Number(six[1]);
}
