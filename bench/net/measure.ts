/** What is measured on a bed: UDP's highest rate, TCP, round-trip time; with the CPU and memory that it cost. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { attempt, inside, tail } from "../../src/lab/command.ts";
import { parseIperf } from "../../src/lab/iperf.ts";
import { pingCommand } from "../../src/lab/ping.ts";
import { cpuSeconds, residentBytes } from "../../src/lab/process.ts";
import { type Bed, cpuOf, HOST, type Place } from "./bed.ts";
import type { Running } from "./systems.ts";

/** Loss above which a rate does not count, percent. */
export const LOSS_LIMIT = 0.5;
/** Payload bytes in turn; the simple IMIX, 7 × 40, 4 × 576, 1 × 1500 bytes of IP, the last cut to fit every tunnel (1400). */
export const UDP_1024: readonly number[] = [1024];
export const IMIX: readonly number[] = [12, 548, 12, 12, 548, 12, 1372, 12, 548, 12, 548, 12];

export interface Sample {
  readonly goodputMbps: number;
  readonly lossPct: number;
  /** CPU seconds per Gbit of goodput, of the sending and the receiving router, and of the whole machine. */
  readonly cpu: { readonly tx: number; readonly rx: number; readonly machine: number };
}

const FLOW = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./flow.ts" : "./flow.js", import.meta.url));
let nextPort = 20_000;

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

/** Seconds that all CPUs together were busy so far (proc(5), /proc/stat: idle and iowait left out; guest counts as user). */
function machineSeconds(): number {
  const fields = readFileSync("/proc/stat", "latin1").split("\n")[0]!.trim().split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0] = fields;
  return (user + nice + system + irq + soft) / 100;
}

function sum(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + cpuSeconds(pid), 0);
}

/** Runs `work`, which says how many bits it carried, and what it cost. */
async function metered(
  setting: Setting,
  work: () => Promise<{ mbps: number; lossPct: number; gbit: number }>,
): Promise<Sample> {
  const { tx, rx } = ends(setting);
  const { pids } = setting.running;
  const before = { tx: sum(pids[tx]), rx: sum(pids[rx]), machine: machineSeconds() };
  const { mbps, lossPct, gbit } = await work();
  const cost = (after: number, start: number) => (gbit > 0 ? (after - start) / gbit : 0);
  return {
    goodputMbps: mbps,
    lossPct,
    cpu: {
      tx: cost(sum(pids[tx]), before.tx),
      rx: cost(sum(pids[rx]), before.rx),
      machine: cost(machineSeconds(), before.machine),
    },
  };
}

/** UDP at one offered rate. */
export function udp(setting: Setting, sizes: readonly number[], mbps: number, seconds: number): Promise<Sample> {
  return metered(setting, async () => {
    const { sender, receiver, address } = ends(setting);
    const { signal } = setting.bed;
    const port = nextPort++;
    const program = [process.execPath, FLOW];
    const sinkArgv = placed(setting, receiver, [...program, "sink", String(port), String(seconds + 4)]);
    let listening: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => {
      listening = resolve;
    });
    const sunk = attempt(sinkArgv, {
      timeoutMs: seconds * 1000 + 20_000,
      signal,
      started: (child) => child.stderr?.once("data", listening),
    });
    // A sink that ends before it listens must not be waited for.
    await Promise.race([ready, sunk]);
    const sourceArgv = placed(setting, sender, [
      ...program,
      "source",
      address,
      String(port),
      String(mbps),
      String(seconds),
      sizes.join(","),
    ]);
    const [sent, received] = await Promise.all([
      attempt(sourceArgv, { timeoutMs: seconds * 1000 + 20_000, signal }),
      sunk,
    ]);
    const read = (text: string, said: string) => {
      if (text === "") throw new Error(`one end of the UDP flow failed.${tail(said)}`);
      return JSON.parse(text) as { packets: number; bytes: number; ms: number };
    };
    const out = read(sent.stdout, sent.stderr);
    const into = read(received.stdout, received.stderr);
    const lossPct = out.packets === 0 ? 100 : Math.max(0, 1 - into.packets / out.packets) * 100;
    // The sender's time: a queue that empties late must not make the path look faster.
    return { mbps: (into.bytes * 8) / 1000 / out.ms, lossPct, gbit: (into.bytes * 8) / 1e9 };
  });
}

export interface SearchOptions {
  readonly sizes: readonly number[];
  /** Seconds of each try. */
  readonly seconds: number;
  /** Tries after the first one. */
  readonly steps: number;
  /** Samples at the rate that was found; the median counts. */
  readonly samples: number;
}

/** Offered rate of the first try, above what two shared cores carry. */
const FLOOD = 12_000;

/**
 * The highest rate with a loss below LOSS_LIMIT: floods once, which tells what passes under overload, then halves the interval
 * around it. The samples are taken at the best rate that passed; when one of these loses more, its loss is told, not hidden.
 */
export async function highestRate(setting: Setting, options: SearchOptions): Promise<Sample[]> {
  const { sizes, seconds, steps, samples } = options;
  const flood = await udp(setting, sizes, FLOOD, seconds);
  let best = flood.lossPct < LOSS_LIMIT ? flood.goodputMbps : 0;
  // Overload may cost throughput, so the best rate may lie above what passed in the flood.
  let low = 0;
  let high = Math.max(50, flood.goodputMbps * 1.5);
  if (best > 0) low = high = best;
  for (let step = 0; step < steps && high > low * 1.03; step++) {
    const rate = step === 0 ? Math.max(20, flood.goodputMbps * 0.85) : (low + high) / 2;
    const tried = await udp(setting, sizes, rate, seconds);
    if (tried.lossPct < LOSS_LIMIT) {
      best = Math.max(best, Math.min(rate, tried.goodputMbps * 1.01));
      low = rate;
      // The sender did not reach the rate: nothing above it can be tried.
      if (tried.goodputMbps < rate * 0.95) break;
    } else high = rate;
  }
  // Nothing passed: a rate that surely goes, so that there is a figure with its loss.
  const rate = best > 0 ? best * 0.98 : Math.max(10, low, high * 0.5);
  const taken: Sample[] = [];
  for (let i = 0; i < samples; i++) taken.push(await udp(setting, sizes, rate, seconds));
  return taken;
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
      return { mbps, lossPct, gbit: (mbps * seconds) / 1000 };
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

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
