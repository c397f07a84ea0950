/** What is measured on a bed: UDP's highest rate, TCP, round-trip time; with the CPU and memory that it cost. */
import { spawn } from "node:child_process";
import { attempt, inside, tail } from "../../src/lab/command.ts";
import { cpuTicks } from "../../src/lab/cpus.ts";
import { parseIperf } from "../../src/lab/iperf.ts";
import { pingCommand } from "../../src/lab/ping.ts";
import { cpuSeconds, residentBytes } from "../../src/lab/process.ts";
import { round } from "../median.ts";
import { type Bed, cpuOf, HOST, type Place } from "./bed.ts";
import { Ends } from "./ends.ts";
import type { Tried } from "./search.ts";
import type { Running } from "./system.ts";

/** Payload bytes in turn; the simple IMIX, 7 × 40, 4 × 576, 1 × 1500 bytes of IP, the last cut to fit every tunnel (1400). */
export const UDP_1024: readonly number[] = [1024];
export const IMIX: readonly number[] = [12, 548, 12, 12, 548, 12, 1372, 12, 548, 12, 548, 12];

export interface Sample extends Tried {
  /** CPU seconds per Gbit of goodput, of the sending and the receiving router, and of the whole machine. */
  readonly cpu: { readonly tx: number; readonly rx: number; readonly machine: number };
}

let nextPort = 10_000;

export interface Setting {
  readonly bed: Bed;
  readonly running: Running;
  readonly pinned: boolean;
  /** Side that sends. Default a. */
  readonly from?: "a" | "b";
  /** Sender and receiver go before other work on the machine (URGENT). */
  readonly urgent?: boolean;
}

/** In front of a command: it goes before everything that runs with the usual priority. */
export const URGENT: readonly string[] = ["nice", "-n", "-15"];

/** `argv` at a place, bound to the place's CPU when pinned. */
function placed(setting: Setting, place: Place, argv: readonly string[]): string[] {
  const bound = setting.pinned ? ["taskset", "-c", cpuOf(place), ...argv] : argv;
  return inside(setting.bed.namespace(place), setting.urgent ? [...URGENT, ...bound] : bound);
}

function ends(setting: Setting): { sender: Place; receiver: Place; address: string; tx: "a" | "b"; rx: "a" | "b" } {
  const tx = setting.from ?? "a";
  const rx = tx === "a" ? "b" : "a";
  return { sender: `lan-${tx}`, receiver: `lan-${rx}`, address: HOST[rx], tx, rx };
}

/** Seconds that all CPUs together were busy so far. */
function machineSeconds(): number {
  const { all, idle, stolen } = cpuTicks();
  return (all - idle - stolen) / 100;
}

function sum(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + cpuSeconds(pid), 0);
}

/** Runs `work`, which says how many bits it carried, and what it cost. */
async function metered(setting: Setting, work: () => Promise<Tried & { readonly gbit: number }>): Promise<Sample> {
  const { tx, rx } = ends(setting);
  const { pids } = setting.running;
  const before = { tx: sum(pids[tx]), rx: sum(pids[rx]), machine: machineSeconds() };
  const { gbit, ...tried } = await work();
  const cost = (after: number, start: number) => (gbit > 0 ? (after - start) / gbit : 0);
  return {
    ...tried,
    cpu: {
      tx: cost(sum(pids[tx]), before.tx),
      rx: cost(sum(pids[rx]), before.rx),
      machine: cost(machineSeconds(), before.machine),
    },
  };
}

/** The ends of UDP flows with these settings. To be closed when the settings change. */
export function openEnds(setting: Setting): Ends {
  const { sender, receiver } = ends(setting);
  return new Ends(placed(setting, sender, []), placed(setting, receiver, []), setting.bed.signal);
}

/** UDP at one offered rate. */
export function udp(
  setting: Setting,
  flows: Ends,
  sizes: readonly number[],
  mbps: number,
  seconds: number,
): Promise<Sample> {
  return metered(setting, async () => {
    const { sent, received } = await flows.flow(ends(setting).address, sizes, mbps, seconds);
    // The sender's time: a queue that empties late must not make the path look faster.
    const rate = (bytes: number) => (bytes * 8) / 1000 / sent.ms;
    return {
      sentMbps: rate(sent.bytes),
      goodputMbps: rate(received.bytes),
      lossPct: sent.packets === 0 ? 100 : Math.max(0, 1 - received.packets / sent.packets) * 100,
      gbit: (received.bytes * 8) / 1e9,
    };
  });
}

/** TCP, `flows` at once, by iperf3. */
export function tcp(setting: Setting, flows: number, seconds: number): Promise<Sample> {
  return metered(setting, async () => {
    const { sender, receiver, address } = ends(setting);
    const { signal } = setting.bed;
    const port = String(nextPort++);
    const [program, ...rest] = placed(setting, receiver, ["iperf3", "-s", "-1", "-p", port, "--forceflush"]);
    const server = spawn(program!, rest, { stdio: ["ignore", "pipe", "ignore"] });
    const over = new Promise<void>((resolve) => server.on("close", () => resolve()));
    try {
      await Promise.race([
        new Promise<void>((resolve) =>
          server.stdout.on("data", (text: Buffer) => /listening/.test(String(text)) && resolve()),
        ),
        over,
      ]);
      const client = ["iperf3", "-J", "-c", address, "-p", port, "-t", String(seconds), "-P", String(flows)];
      const done = await attempt(placed(setting, sender, [...client, "--connect-timeout", "3000"]), {
        timeoutMs: seconds * 1000 + 15_000,
        signal,
      });
      if (done.stdout.trim() === "") throw new Error(`iperf3 ended with ${done.code}.${tail(done.stderr)}`);
      const { mbps, lossPct } = parseIperf(done.stdout, "tcp");
      return { sentMbps: mbps, goodputMbps: mbps, lossPct, gbit: (mbps * seconds) / 1000 };
    } finally {
      server.kill("SIGKILL");
      await over;
    }
  });
}

export interface Rtt {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** Round-trip time through both routers when idle, ms: quantiles of `count` pings, one each 2 ms. */
export async function rtt(setting: Setting, count: number): Promise<Rtt> {
  const { sender, address } = ends(setting);
  const argv = pingCommand(setting.bed.namespace(sender), address, { count, interval: 0.002 });
  const done = await attempt(argv, {
    timeoutMs: count * 4 + 15_000,
    signal: setting.bed.signal,
    env: { ...process.env, LC_ALL: "C" },
  });
  const times = [...done.stdout.matchAll(/ time=([\d.]+) ms/g)].map((match) => Number(match[1])).sort((a, b) => a - b);
  if (times.length < count / 2) throw new Error(`ping got ${times.length} answers of ${count}.${tail(done.stderr)}`);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]!;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

/** Waits until the host behind the other router answers. */
export async function reachable(setting: Setting, withinMs: number): Promise<void> {
  const { sender, address } = ends(setting);
  const until = performance.now() + withinMs;
  for (;;) {
    const argv = ["ping", "-n", "-c", "1", "-W", "1", address];
    const done = await attempt(inside(setting.bed.namespace(sender), argv), { signal: setting.bed.signal });
    if (done.code === 0) return;
    if (performance.now() > until) throw new Error(`nothing passes after ${withinMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Resident memory of the larger of the two routers, 10^6 bytes; null: the kernel is the router. */
export function rssMb(running: Running): number | null {
  const each = (["a", "b"] as const).map((side) =>
    running.pids[side].reduce((all, pid) => all + residentBytes(pid), 0),
  );
  const most = Math.max(...each);
  return most === 0 ? null : round(most / 1e6, 1);
}
