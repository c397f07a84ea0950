/** `vcpe bench net`: our routers and the peers, one after the other on the same bed, with the same traffic. */
import { step } from "../../src/lab/lab.ts";
import { demandMachine, LAB_PROGRAMS, provide } from "../../src/lab/prerequisites.ts";
import { BenchFault } from "../fault.ts";
import { type Machine, machine } from "../machine.ts";
import { median, round } from "../median.ts";
import { allCpus, Bed, bind, cpuOf } from "./bed.ts";
import { withBuffers } from "./buffers.ts";
import type { Ends } from "./ends.ts";
import { IMIX, openEnds, reachable, rssMb, rtt, type Sample, type Setting, tcp, UDP_1024, udp } from "./measure.ts";
import { type Ratio, ratios } from "./ratios.ts";
import { type Found, highestRate } from "./search.ts";
import { distinct, NOTHING_BEFORE, SIDES, type System } from "./system.ts";
import { BENCH_PROGRAMS, PLAIN, systems } from "./systems.ts";
import { wireguardVersion } from "./wireguard.ts";

export interface NetOptions {
  readonly entry: readonly string[];
  readonly quick: boolean;
  readonly wireguardGo?: string;
  /** Only systems whose name contains one of these. */
  readonly only?: readonly string[];
  /** Name of the bed. Default "bench". */
  readonly name?: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface NetRow {
  readonly system: string;
  readonly test: string;
  readonly pin: boolean;
  readonly offload: boolean;
  readonly goodputMbps: number;
  readonly lossPct: number;
  /** null: the kernel is the router, its work is in nobody's account. */
  readonly cpuSecondsPerGbit: { readonly tx: number | null; readonly rx: number | null };
  /** Median round-trip time less that of plain forwarding with the same settings; null: plain forwarding was not measured. */
  readonly rttAddedMs: number | null;
  readonly rssMb: number | null;
}

export interface NetResult {
  readonly machine: Machine & {
    /** CPU seconds of the whole machine, senders and receivers included, for each Gbit; one for each row, in their order. */
    readonly wholeCpuSecondsPerGbit: number[];
    /**
     * What bounds the highest rate, one for each row. "path": more would have been lost; "sender": even its flood lost nothing, as it got no
     * more CPU. null: TCP, which finds its rate itself.
     */
    readonly limit: Limit[];
    /** Systems that could not be measured, or not to the end, and why. */
    readonly failed: { readonly system: string; readonly why: string }[];
    readonly seconds: number;
    readonly quick: boolean;
    /** Ctrl-C ended it before all was measured. */
    readonly interrupted: boolean;
  };
  readonly rows: NetRow[];
  readonly ratios: Ratio[];
}

type Limit = Found<Sample>["limit"] | null;

/** How long each thing is tried, in seconds, and how often. */
const FULL = { udp: 0.6, steps: 7, sample: 1.2, samples: 3, tcp: 2, pings: 400 } as const;
const QUICK = { udp: 0.4, steps: 4, sample: 0.6, samples: 1, tcp: 1, pings: 150 } as const;

/** Bounds of the whole run, seconds. */
const NET_BOUND = { full: 1500, quick: 300 } as const;
/** What one system may take; one that would begin so late that it would end after the bound is left out and named. */
const EACH = { full: 120, quick: 40 } as const;

/** Those of `all` whose name contains one of the words. @throws BenchFault unknown-system when a word is in no name */
export function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  only: readonly string[] | undefined,
): T[] {
  if (only === undefined) return [...all];
  const astray = only.filter((word) => !all.some((system) => system.name.includes(word)));
  if (astray.length === 0) return all.filter((system) => only.some((word) => system.name.includes(word)));
  throw new BenchFault(
    "unknown-system",
    `No system's name contains ${astray.map((word) => `"${word}"`).join(" or ")}.`,
    `There are: ${all.map((system) => system.name).join(", ")}.`,
  );
}

export async function benchNet(options: NetOptions): Promise<NetResult> {
  const { quick, say, only, signal, entry, wireguardGo } = options;
  const begun = performance.now();
  const about = machine();
  const all = chosen(systems({ entry, ...(wireguardGo === undefined ? {} : { wireguardGo }) }), only);
  demandMachine();
  // A wrong path is told now, not after a quarter of an hour.
  if (wireguardGo !== undefined) await wireguardVersion(wireguardGo);
  await provide([...LAB_PROGRAMS, ...BENCH_PROGRAMS], say);
  const run = new Run(options);
  const scale = quick ? "quick" : "full";
  const latest = (NET_BOUND[scale] - EACH[scale]) * 1000;
  say(`${all.length} systems; at most ${NET_BOUND[scale] / 60} minutes`);
  for (const system of all) {
    if (signal.aborted) break;
    if (performance.now() - begun > latest) {
      run.failed.push({ system: system.name, why: "the time was over" });
      continue;
    }
    try {
      await provide(system.needs, say);
      await run.measure(system);
    } catch (error) {
      if (signal.aborted) break;
      run.failed.push({ system: system.name, why: (error as Error).message });
      say(`${system.name} could not be measured: ${(error as Error).message}`);
    }
  }
  return {
    machine: {
      ...about,
      wholeCpuSecondsPerGbit: run.whole,
      limit: run.limits,
      failed: run.failed,
      seconds: round((performance.now() - begun) / 1000, 0),
      quick,
      interrupted: signal.aborted,
    },
    rows: run.rows,
    ratios: ratios(run.rows),
  };
}

class Run {
  readonly rows: NetRow[] = [];
  readonly whole: number[] = [];
  readonly limits: Limit[] = [];
  readonly failed: { system: string; why: string }[] = [];
  readonly #options: NetOptions;
  /** Round-trip time of plain forwarding, by settings. */
  readonly #plain = new Map<string, number>();
  /** Names in use; two programs may call themselves the same. */
  readonly #titles: string[] = [];

  constructor(options: NetOptions) {
    this.#options = options;
  }

  async measure(system: System): Promise<void> {
    const title = distinct(await system.title(), this.#titles, "the given one");
    this.#titles.push(title);
    for (const pinned of this.#options.quick ? [true] : [true, false]) await this.#pinning(system, title, pinned);
  }

  /** A fresh topology and fresh routers for each choice of pinning: programs look at their CPUs when they start. */
  async #pinning(system: System, title: string, pinned: boolean): Promise<void> {
    const { say, signal, name = "bench" } = this.#options;
    const bed = await Bed.draw(name, signal);
    let ends: Ends | undefined;
    try {
      const before = pinned ? { a: ["taskset", "-c", cpuOf("a")], b: ["taskset", "-c", cpuOf("b")] } : NOTHING_BEFORE;
      const running = await step(say, `${title} is up`, () => withBuffers(() => system.start(bed, before)));
      for (const side of SIDES) {
        for (const pid of running.pids[side]) await bind(pid, pinned ? cpuOf(side) : allCpus());
      }
      const setting: Setting = { bed, running, pinned };
      await reachable(setting, 15_000);
      ends = openEnds(setting);
      for (const offload of [false, true]) {
        await bed.offload(offload);
        await this.#settings(title, setting, ends, offload);
      }
    } finally {
      ends?.close();
      await bed.down();
    }
  }

  /** All tests with one choice of pinning and offload. Free of pins, two tests are enough to see what pinning does. */
  async #settings(title: string, setting: Setting, ends: Ends, offload: boolean): Promise<void> {
    const { quick, say } = this.#options;
    const { pinned } = setting;
    const scale = quick ? QUICK : FULL;
    const streams = async (flows: number) => {
      const samples: Sample[] = [];
      for (let i = 0; i < scale.samples; i++) samples.push(await tcp(setting, flows, scale.tcp));
      return { samples, limit: null };
    };
    const rate = (sizes: readonly number[]) =>
      highestRate((mbps, seconds) => udp(setting, ends, sizes, mbps, seconds), {
        seconds: scale.udp,
        steps: scale.steps,
        samples: scale.samples,
        sampleSeconds: scale.sample,
      });
    const tests: [string, () => Promise<{ readonly samples: Sample[]; readonly limit: Limit }>][] = [
      ["udp-1024", () => rate(UDP_1024)],
      ["tcp-1", () => streams(1)],
    ];
    if (pinned) tests.push(["tcp-8", () => streams(8)], ["udp-imix", () => rate(IMIX)]);
    const key = `${pinned}/${offload}`;
    const times = await rtt(setting, scale.pings);
    if (title === PLAIN) this.#plain.set(key, times.p50);
    const base = this.#plain.get(key);
    const rttAddedMs = base === undefined ? null : round(times.p50 - base, 3);
    const label = `${title} · ${pinned ? "pinned" : "free"} · offload ${offload ? "on" : "off"}`;
    say(`         ${label}: RTT ${times.p50} ms, 90 % ${times.p90}, 99 % ${times.p99}`);
    const kernel = setting.running.pids.a.length === 0;
    for (const [test, work] of tests) {
      const { samples, limit } = await work();
      const of = (digits: number, pick: (sample: Sample) => number) => round(median(samples.map(pick)), digits);
      const goodputMbps = of(1, (one) => one.goodputMbps);
      const lossPct = of(3, (one) => one.lossPct);
      const tx = kernel ? null : of(4, (one) => one.cpu.tx);
      const rx = kernel ? null : of(4, (one) => one.cpu.rx);
      const cpuSecondsPerGbit = { tx, rx };
      const memory = rssMb(setting.running);
      this.rows.push({
        system: title,
        test,
        pin: pinned,
        offload,
        goodputMbps,
        lossPct,
        cpuSecondsPerGbit,
        rttAddedMs,
        rssMb: memory,
      });
      this.whole.push(of(4, (one) => one.cpu.machine));
      this.limits.push(limit);
      const cost = kernel ? "" : `, CPU-s/Gbit ${tx} / ${rx}`;
      say(`         ${label} · ${test}: ${goodputMbps} Mbit/s, ${lossPct} % lost${cost}`);
    }
  }
}
