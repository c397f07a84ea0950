/**
 * One console process and very many agents on this machine, over real TLS: how long until all are connected, what the console's memory is,
 * how soon a change that is made through the API is at everybody whom it concerns, and at nobody else; and how all come back when the
 * console is killed.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { enrol } from "../../src/agent/join.ts";
import { cpuSeconds, residentBytes } from "../../src/lab/process.ts";
import { readDeviceKey } from "../../src/protocol/key.ts";
import { type Machine, machine } from "../machine.ts";
import { type Deed, Site } from "./site.ts";
import type { Arrival, FromAgents, FromConsole, ToAgents, ToConsole } from "./talk.ts";

export interface FanOut {
  readonly what: string;
  /** Times the change was made. */
  readonly changes: number;
  readonly reached: number;
  readonly expected: number;
  /** Frames that came to agents whom the change does not concern. */
  readonly strangers: number;
  /** From the request to the answer of the API. */
  readonly answerMs: number;
  /** From the request to the frame at the agents. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** CPU time for one change, until all have answered: of the console, and of all agents, which share this machine with it. */
  readonly consoleCpuMs: number;
  readonly agentsCpuMs: number;
}

/** The console is killed with all agents connected, and started again. */
export interface Storm {
  /** Until the console that was started again listens. */
  readonly startSeconds: number;
  /** From the kill until the last agent is connected. */
  readonly backSeconds: number;
  /** Tries of agents that failed meanwhile. */
  readonly failures: number;
  /** Configurations that were sent, although everybody had his. */
  readonly sent: number;
  /** Devices that are connected and synchronized, as the console says. */
  readonly synchronized: number;
  /** Events by code since the kill. */
  readonly events: Readonly<Record<string, number>>;
  readonly consoleRssMb: number;
}

export interface FleetResult {
  readonly machine: Machine;
  readonly agents: number;
  /** Seconds until the whole site was made through the API. */
  readonly siteSeconds: number;
  readonly enrolPerSecond: number;
  readonly connect: { readonly seconds: number; readonly failed: number; readonly p99Ms: number };
  /** Now, and the most that it was. */
  readonly consoleRssMb: number;
  readonly consolePeakMb: number;
  /** Percent of a core: heartbeats only, and with a report of each agent every 10 seconds. */
  readonly idleCpu: number;
  readonly reportingCpu: number;
  readonly rows: readonly FanOut[];
  /** Configurations that an agent which verifies them did not take. */
  readonly bad: number;
  readonly storm: Storm | null;
  readonly pass: boolean;
}

export interface FleetOptions {
  readonly agents: number;
  readonly quick: boolean;
  readonly storm: boolean;
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

export async function benchFleet({ agents, quick, storm, say, signal }: FleetOptions): Promise<FleetResult> {
  const folder = mkdtempSync(join(tmpdir(), "vcpe-bench-fleet-"));
  const children: ChildProcess[] = [];
  const start = (name: string, argv: string[]) => {
    const end = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const child = fork(fileURLToPath(new URL(`./${name}.${end}`, import.meta.url)), argv);
    children.push(child);
    return child;
  };
  try {
    say(`starting a console; making ${agents} instances through its API`);
    const port = String(await freePort());
    let console = start("console", [folder, port]);
    const up = await heard<FromConsole, "up">(console, "up", signal);
    const made = performance.now();
    const site = await Site.make(up, agents);
    const siteSeconds = (performance.now() - made) / 1000;
    const groups = Array.from({ length: PROCESSES }, () => start("agents", []));
    const enrolPerSecond = await enrolments(site, up.url, Math.min(ENROLMENTS, agents));
    say(`made in ${siteSeconds.toFixed(1)} s; ${enrolPerSecond.toFixed(0)} enrolments a second; certificates for all`);

    const serials = [...site.edges, site.gateway].map(({ serial }) => serial);
    const lists = share(serials, PROCESSES);
    const chains: string[][][] = [];
    for (const [i, { csr }] of (
      await all(groups, "made", signal, (i) => ({ do: "make", serials: lists[i] }))
    ).entries()) {
      const mine: string[][] = [];
      for (let from = 0; from < lists[i].length; from += BATCH) {
        const message: ToConsole = { do: "issue", csr, serials: lists[i].slice(from, from + BATCH) };
        mine.push(...(await asked(console, message, "issued", signal)).chains);
      }
      chains.push(mine);
    }

    say("connecting");
    const begun = performance.now();
    const { url, root, configKey } = up;
    const connected = await all(groups, "connected", signal, (i) => ({
      do: "connect",
      url,
      root,
      configKey,
      chains: chains[i],
    }));
    const seconds = (performance.now() - begun) / 1000;
    const failed = connected.reduce((sum, one) => sum + one.failed, 0);
    const connectMs = connected.flatMap(({ ms }) => ms);
    say(`connected in ${seconds.toFixed(1)} s; console ${mb(console)} MB`);

    const rows: FanOut[] = [];
    for (const deed of site.deeds()) {
      const times = quick ? (deed.serials.length > 1000 ? 2 : 3) : deed.serials.length > 1000 ? 5 : 10;
      const row = await fanOut(site, deed, console, groups, times, signal);
      rows.push(row);
      say(`${deed.what}: p50 ${row.p50Ms.toFixed(0)} ms, p99 ${row.p99Ms.toFixed(0)} ms`);
    }
    const idleCpu = await cpu(console.pid as number, quick ? 5 : 20, signal);
    await all(groups, "reporting", signal, () => ({ do: "report", every: 10_000 }));
    const reportingCpu = await cpu(console.pid as number, quick ? 5 : 20, signal);
    await all(groups, "reporting", signal, () => ({ do: "report", every: 0 }));
    const consoleRssMb = mb(console);
    const consolePeakMb = peakMb(console);

    let stormed: Storm | null = null;
    if (storm) {
      say("killing the console");
      const { last } = await site.events(0);
      await all(groups, "listening", signal, () => ({ do: "listen" }));
      const killed = process.hrtime.bigint();
      console.kill("SIGKILL");
      await gone(console);
      console = start("console", [folder, port]);
      await heard<FromConsole, "up">(console, "up", signal);
      const startSeconds = secondsBetween(killed, process.hrtime.bigint());
      const found = await back(groups, serials.length, signal);
      stormed = {
        startSeconds,
        backSeconds: secondsBetween(killed, found.last),
        failures: found.failures,
        sent: found.arrivals.length,
        synchronized: await site.synchronized(),
        events: (await site.events(last)).codes,
        consoleRssMb: peakMb(console),
      };
    }
    const bad = (await all(groups, "heard", signal, () => ({ do: "tell" }))).reduce((sum, one) => sum + one.bad, 0);
    const stormOk =
      stormed === null ||
      (stormed.sent === 0 && stormed.synchronized === serials.length && stormed.consoleRssMb < LIMIT_MB);
    const pass =
      failed === 0 &&
      bad === 0 &&
      consolePeakMb < LIMIT_MB &&
      stormOk &&
      rows.every((row) => row.p99Ms < LIMIT_MS && row.strangers === 0 && row.reached === row.expected);
    const connect = { seconds: round(seconds), failed, p99Ms: round(quantile(connectMs, 0.99)) };
    return {
      machine: machine(),
      agents: serials.length,
      siteSeconds: round(siteSeconds),
      enrolPerSecond: round(enrolPerSecond),
      connect,
      consoleRssMb,
      consolePeakMb,
      idleCpu: round(idleCpu),
      reportingCpu: round(reportingCpu),
      rows,
      bad,
      storm: stormed,
      pass,
    };
  } finally {
    for (const child of children) if (child.connected) child.disconnect();
    await Promise.all(children.map(gone));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same change several times, one after the other. */
async function fanOut(
  site: Site,
  { what, serials, act }: Deed,
  console: ChildProcess,
  groups: readonly ChildProcess[],
  times: number,
  signal: AbortSignal,
): Promise<FanOut> {
  const delays: number[] = [];
  const answers: number[] = [];
  let strangers = 0;
  const pids = groups.map(({ pid }) => pid as number);
  const [consoleBefore, agentsBefore] = [cpuSeconds(console.pid as number), cpuOf(pids)];
  for (let turn = 0; turn < times; turn++) {
    await all(groups, "listening", signal, () => ({ do: "listen" }));
    const wanted = new Set(serials);
    await act(turn);
    answers.push(Number(site.answered - site.asked) / 1e6);
    const end = performance.now() + 10_000;
    let arrivals: readonly Arrival[] = [];
    do {
      // Whoever asks for news takes CPU time from what is measured.
      await pause(wanted.size > 5000 ? 3000 : 500, signal);
      arrivals = (await all(groups, "heard", signal, () => ({ do: "tell" }))).flatMap((one) => one.arrivals);
    } while (arrivals.length < wanted.size && performance.now() < end);
    for (const [serial, , when] of arrivals) {
      if (wanted.delete(serial)) delays.push(Number(BigInt(when) - site.asked) / 1e6);
      else strangers++;
    }
  }
  return {
    what,
    changes: times,
    reached: delays.length,
    expected: serials.length * times,
    strangers,
    answerMs: round(quantile(answers, 0.5)),
    p50Ms: round(quantile(delays, 0.5)),
    p99Ms: round(quantile(delays, 0.99)),
    maxMs: round(quantile(delays, 1)),
    consoleCpuMs: round(((cpuSeconds(console.pid as number) - consoleBefore) * 1000) / times),
    agentsCpuMs: round(((cpuOf(pids) - agentsBefore) * 1000) / times),
  };
}

/** Waits until all agents are connected again, and a while longer, in which nothing may be sent to them. */
async function back(groups: readonly ChildProcess[], count: number, signal: AbortSignal) {
  const end = performance.now() + PATIENCE;
  let connected = 0;
  do {
    await pause(1000, signal);
    const heard = await all(groups, "heard", signal, () => ({ do: "tell" }));
    connected = heard.reduce((sum, one) => sum + one.connected, 0);
  } while (connected < count && performance.now() < end);
  await pause(3000, signal);
  const heard = await all(groups, "heard", signal, () => ({ do: "tell" }));
  return {
    last: heard.map(({ last }) => BigInt(last)).reduce((a, b) => (a > b ? a : b)),
    failures: heard.reduce((sum, one) => sum + one.failures, 0),
    arrivals: heard.flatMap(({ arrivals }) => arrivals),
  };
}

/** Whole enrolments, eight at a time: a second. */
async function enrolments({ edges }: Site, url: string, count: number): Promise<number> {
  const begun = performance.now();
  const left = edges.slice(0, count).values();
  const lane = async () => {
    for (const { serial, key: text } of left) {
      const host = { fingerprint: "0".repeat(64), name: "bench", software: "bench" };
      await enrol({ url: new URL(url), serial, key: readDeviceKey(text) as Uint8Array, host, say: () => undefined });
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return count / ((performance.now() - begun) / 1000);
}

/** A console that is killed comes back at the same port. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

const mb = ({ pid }: ChildProcess) => round(residentBytes(pid as number) / 1e6);

/** Most that was ever resident, proc(5) VmHWM. */
function peakMb({ pid }: ChildProcess): number {
  const kib = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return round((Number(kib) * 1024) / 1e6);
}

const secondsBetween = (from: bigint, to: bigint) => round(Number(to - from) / 1e9);

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
