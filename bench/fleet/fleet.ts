/**
 * One console process and very many agents on this machine, over real TLS: how long until all are connected, what the console's memory is,
 * how soon a change that is made through the API is at everybody whom it concerns, and at nobody else; and how all come back when the
 * console is killed.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { enrol } from "../../src/agent/join.ts";
import { readDeviceKey } from "../../src/protocol/key.ts";
import { type Machine, machine } from "../machine.ts";
import { type FanOut, fanOut } from "./fanout.ts";
import { cpu, mb, peakMb, quantile, round } from "./figures.ts";
import { all, asked, gone, heard, pause } from "./hear.ts";
import { Site } from "./site.ts";
import { type Storm, survive } from "./storm.ts";
import type { FromConsole, ToConsole } from "./talk.ts";

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

/** Of agents. Each frame wakes one of them up: the fewer they are, the less of this machine is spent on that. */
const PROCESSES = 1;

/** Certificates in one message. */
const BATCH = 500;

/** Enrolments over HTTPS that are timed. */
const ENROLMENTS = 200;

/** Milliseconds after the last change, until V8 has given back the memory that it took. */
const SETTLE = 12_000;

/** What is asked of it: p99 of a change, and resident memory. */
const LIMIT_MS = 2000;

const LIMIT_MB = 1500;

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

    const serials = [...site.edges, ...site.gateways].map(({ serial }) => serial);
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
    await pause(SETTLE, signal);
    const idleCpu = await cpu(console.pid as number, quick ? 5 : 20, signal);
    await all(groups, "reporting", signal, () => ({ do: "report", every: 10_000 }));
    const reportingCpu = await cpu(console.pid as number, quick ? 5 : 20, signal);
    await all(groups, "reporting", signal, () => ({ do: "report", every: 0 }));
    const consoleRssMb = mb(console);
    const consolePeakMb = peakMb(console);

    let stormed: Storm | null = null;
    if (storm) {
      say("killing the console");
      const again = () => start("console", [folder, port]);
      [console, stormed] = await survive(console, again, site, groups, serials.length, signal);
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

function share<T>(items: readonly T[], groups: number): T[][] {
  return Array.from({ length: groups }, (_, group) => items.filter((_, i) => i % groups === group));
}
