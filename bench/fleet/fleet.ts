/**
 * One console process and very many agents on this machine, over real TLS: how long until all are connected, what the console's memory is,
 * how soon a change is at everybody whom it concerns, and at nobody else.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { enrol } from "../../src/agent/join.ts";
import { cpuSeconds, residentBytes } from "../../src/lab/process.ts";
import { readDeviceKey } from "../../src/protocol/key.ts";
import { type Machine, machine } from "../machine.ts";
import { GATEWAY, serialOf } from "./desk.ts";
import type { FromAgents, FromConsole, ToAgents, ToConsole } from "./talk.ts";

export interface FanOut {
  readonly what: string;
  /** Times the change was made. */
  readonly changes: number;
  readonly reached: number;
  readonly expected: number;
  /** Frames that came to agents whom the change does not concern. */
  readonly strangers: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** CPU time of the console for one change, until all have answered; what else the machine does is not in it. */
  readonly consoleCpuMs: number;
}

export interface FleetResult {
  readonly machine: Machine;
  readonly agents: number;
  readonly enrolPerSecond: number;
  readonly connect: { readonly seconds: number; readonly failed: number; readonly p99Ms: number };
  readonly consoleRssMb: number;
  /** Percent of a core: heartbeats only, and with a report of each agent every 10 seconds. */
  readonly idleCpu: number;
  readonly reportingCpu: number;
  readonly rows: readonly FanOut[];
  readonly pass: boolean;
}

export interface FleetOptions {
  readonly agents: number;
  readonly quick: boolean;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const PROCESSES = 4;
/** Certificates in one message. */
const BATCH = 500;
/** Enrolments over HTTPS that are timed. */
const ENROLMENTS = 200;
/** What is asked of it: p99 of a change, and resident memory. */
const LIMIT_MS = 2000;
const LIMIT_MB = 1500;
/** Milliseconds that a step may take at most. */
const PATIENCE = 180_000;

export async function benchFleet({ agents, quick, say, signal }: FleetOptions): Promise<FleetResult> {
  const folder = mkdtempSync(join(tmpdir(), "vcpe-bench-fleet-"));
  const children: ChildProcess[] = [];
  const start = (name: string, argv: string[]) => {
    const end = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const child = fork(fileURLToPath(new URL(`./${name}.${end}`, import.meta.url)), argv);
    children.push(child);
    return child;
  };
  try {
    say(`starting a console with ${agents} edges and one gateway`);
    const console = start("console", [folder, String(agents)]);
    const up = await heard<FromConsole, "up">(console, "up", signal);
    const groups = Array.from({ length: PROCESSES }, () => start("agents", []));
    const lists = share([...Array.from({ length: agents }, (_, i) => serialOf(i)), GATEWAY], PROCESSES);

    const enrolPerSecond = await enrolments(console, up.url, Math.min(ENROLMENTS, agents), signal);
    say(`${enrolPerSecond.toFixed(0)} enrolments a second; making certificates for all`);
    const chains: string[][][] = [];
    const made = await all(groups, "made", signal, (i) => ({ do: "make", serials: lists[i] }));
    for (const [i, { csr }] of made.entries()) {
      const mine: string[][] = [];
      for (let from = 0; from < lists[i].length; from += BATCH) {
        const serials = lists[i].slice(from, from + BATCH);
        mine.push(...(await asked(console, { do: "issue", csr, serials }, "issued", signal)).chains);
      }
      chains.push(mine);
    }

    say("connecting");
    const begun = performance.now();
    const { url, root } = up;
    const connected = await all(groups, "connected", signal, (i) => ({ do: "connect", url, root, chains: chains[i] }));
    const seconds = (performance.now() - begun) / 1000;
    const failed = connected.reduce((sum, one) => sum + one.failed, 0);
    const connectMs = connected.flatMap(({ ms }) => ms);

    const rows: FanOut[] = [];
    for (const [concerned, times] of [
      [1, quick ? 5 : 20],
      [100, quick ? 3 : 10],
      [agents, quick ? 1 : 5],
    ] as const) {
      if (concerned <= agents)
        rows.push(await fanOut(console, groups, Math.min(concerned, agents), agents, times, signal));
      say(`a change of ${concerned}: p99 ${rows.at(-1)?.p99Ms.toFixed(0)} ms`);
    }
    const pid = console.pid as number;
    const idleCpu = await cpu(pid, quick ? 5 : 20, signal);
    await all(groups, "reporting", signal, () => ({ do: "report", every: 10_000 }));
    const reportingCpu = await cpu(pid, quick ? 5 : 20, signal);
    await all(groups, "reporting", signal, () => ({ do: "report", every: 0 }));
    const consoleRssMb = residentBytes(pid) / 1e6;
    const pass =
      failed === 0 &&
      consoleRssMb < LIMIT_MB &&
      rows.every((row) => row.p99Ms < LIMIT_MS && row.strangers === 0 && row.reached === row.expected);
    const connect = { seconds: round(seconds), failed, p99Ms: round(quantile(connectMs, 0.99)) };
    return {
      machine: machine(),
      agents: agents + 1,
      enrolPerSecond: round(enrolPerSecond),
      connect,
      consoleRssMb: round(consoleRssMb),
      idleCpu: round(idleCpu),
      reportingCpu: round(reportingCpu),
      rows,
      pass,
    };
  } finally {
    for (const child of children) if (child.connected) child.disconnect();
    await Promise.all(children.map(gone));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Several changes one after the other, each to other edges; the gateway is concerned by each. */
async function fanOut(
  console: ChildProcess,
  groups: readonly ChildProcess[],
  concerned: number,
  agents: number,
  times: number,
  signal: AbortSignal,
): Promise<FanOut> {
  const delays: number[] = [];
  let strangers = 0;
  const cpuBefore = cpuSeconds(console.pid as number);
  for (let round = 0; round < times; round++) {
    await all(groups, "listening", signal, () => ({ do: "listen" }));
    const edges = Array.from({ length: concerned }, (_, i) => serialOf((round * concerned + i * 7) % agents));
    const wanted = new Set([...edges, GATEWAY]);
    const { version, at } = await asked(console, { do: "change", edges: [...new Set(edges)] }, "changed", signal);
    const end = performance.now() + 10_000;
    let arrivals: FromAgentsOf<"heard">["arrivals"] = [];
    do {
      await pause(concerned > 1000 ? 3000 : 300, signal);
      arrivals = (await all(groups, "heard", signal, () => ({ do: "tell" }))).flatMap((one) => one.arrivals);
    } while (arrivals.length < wanted.size && performance.now() < end);
    for (const [serial, got, when] of arrivals) {
      if (got === version && wanted.delete(serial)) delays.push(Number(BigInt(when) - BigInt(at)) / 1e6);
      else strangers++;
    }
  }
  const edges = new Set(Array.from({ length: concerned }, (_, i) => (i * 7) % agents)).size;
  return {
    what: `a change that concerns ${edges} edges and the gateway`,
    changes: times,
    reached: delays.length,
    expected: (edges + 1) * times,
    strangers,
    p50Ms: round(quantile(delays, 0.5)),
    p99Ms: round(quantile(delays, 0.99)),
    maxMs: round(quantile(delays, 1)),
    consoleCpuMs: round(((cpuSeconds(console.pid as number) - cpuBefore) * 1000) / times),
  };
}

/** Whole enrolments one after the other, eight at a time: a second. */
async function enrolments(console: ChildProcess, url: string, count: number, signal: AbortSignal): Promise<number> {
  const keys: string[] = [];
  for (let i = 0; i < count; i++) {
    keys.push((await asked(console, { do: "key", serial: serialOf(i) }, "key", signal)).key);
  }
  const begun = performance.now();
  let at = 0;
  const lane = async () => {
    while (at < count) {
      const i = at++;
      const host = { fingerprint: "0".repeat(64), name: "bench", software: "bench" };
      const key = readDeviceKey(keys[i]) as Uint8Array;
      await enrol({ url: new URL(url), serial: serialOf(i), key, host, say: () => undefined });
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return count / ((performance.now() - begun) / 1000);
}

async function cpu(pid: number, seconds: number, signal: AbortSignal): Promise<number> {
  const before = cpuSeconds(pid);
  await pause(seconds * 1000, signal);
  return ((cpuSeconds(pid) - before) / seconds) * 100;
}

type FromAgentsOf<K extends FromAgents["is"]> = Extract<FromAgents, { is: K }>;

/** The same to every group of agents; their answers in order. */
function all<K extends FromAgents["is"]>(
  groups: readonly ChildProcess[],
  is: K,
  signal: AbortSignal,
  message: (group: number) => ToAgents,
): Promise<FromAgentsOf<K>[]> {
  return Promise.all(
    groups.map((group, i) => {
      const answer = heard<FromAgents, K>(group, is, signal);
      group.send(message(i));
      return answer;
    }),
  );
}

function asked<K extends FromConsole["is"]>(
  console: ChildProcess,
  message: ToConsole,
  is: K,
  signal: AbortSignal,
): Promise<Extract<FromConsole, { is: K }>> {
  const answer = heard<FromConsole, K>(console, is, signal);
  console.send(message);
  return answer;
}

/** The next message of this kind. */
function heard<T extends { is: string }, K extends T["is"]>(
  child: ChildProcess,
  is: K,
  signal: AbortSignal,
): Promise<Extract<T, { is: K }>> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      child.off("message", take);
      child.off("exit", died);
      signal.removeEventListener("abort", stop);
    };
    const end = (error: Error) => {
      leave();
      reject(error);
    };
    const take = (message: T) => {
      if (message.is !== is) return;
      leave();
      resolve(message as Extract<T, { is: K }>);
    };
    const died = (code: number | null) => end(new Error(`a process of the bench ended with ${code}`));
    const stop = () => end(new Error("interrupted"));
    const timer = setTimeout(() => end(new Error(`no "${is}" within ${PATIENCE / 1000} s`)), PATIENCE);
    child.on("message", take);
    child.on("exit", died);
    signal.addEventListener("abort", stop);
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(new Error("interrupted"));
      },
      { once: true },
    );
  });
}

function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function share<T>(items: readonly T[], groups: number): T[][] {
  return Array.from({ length: groups }, (_, group) => items.filter((_, i) => i % groups === group));
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

const round = (value: number) => Number(value.toFixed(1));
