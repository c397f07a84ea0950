/** `vcpe bench net`: our routers and the peers, one after the other on the same bed, with the same traffic. */
import { step } from "../../src/lab/lab.ts";
import { demandMachine, LAB_PROGRAMS, provide } from "../../src/lab/prerequisites.ts";
import { type Machine, machine } from "../machine.ts";
import { allCpus, Bed, bind, cpuOf } from "./bed.ts";
import {
  highestRate,
  IMIX,
  median,
  reachable,
  round,
  rssMb,
  rtt,
  type Sample,
  type Setting,
  tcp,
  UDP_1024,
} from "./measure.ts";
import { BENCH_PROGRAMS, type System, systems } from "./systems.ts";

export interface NetOptions {
  readonly entry: readonly string[];
  readonly quick: boolean;
  readonly wireguardGo?: string;
  /** Only systems whose name contains one of these. */
  readonly only?: readonly string[];
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
    /** Systems that could not be measured, and why. */
    readonly failed: { readonly system: string; readonly why: string }[];
    readonly seconds: number;
  };
  readonly rows: NetRow[];
}

/** How long each thing is tried. */
const FULL = { udp: 1.2, steps: 5, samples: 3, tcp: 2, pings: 500 } as const;
const QUICK = { udp: 0.6, steps: 3, samples: 1, tcp: 1, pings: 150 } as const;

/** Bounds of the whole run, seconds; a system that would begin after it is left out and named. */
export const NET_BOUND = { full: 1500, quick: 300 } as const;

export async function benchNet(options: NetOptions): Promise<NetResult> {
  const { quick, say, only } = options;
  const begun = performance.now();
  const about = machine();
  demandMachine();
  await provide([...LAB_PROGRAMS, ...BENCH_PROGRAMS], say);
  const all = systems({
    entry: options.entry,
    ...(options.wireguardGo === undefined ? {} : { wireguardGo: options.wireguardGo }),
  }).filter((system) => only === undefined || only.some((word) => system.name.includes(word)));
  const run = new Run(options);
  const bound = NET_BOUND[quick ? "quick" : "full"] * 1000;
  say(`${all.length} systems; at most ${bound / 60_000} minutes`);
  for (const system of all) {
    if (performance.now() - begun > bound) {
      run.failed.push({ system: system.name, why: "the time was over" });
      continue;
    }
    try {
      await provide(system.needs, say);
      await run.measure(system);
    } catch (error) {
      if (options.signal.aborted) throw error;
      run.failed.push({ system: system.name, why: (error as Error).message });
      say(`${system.name} could not be measured: ${(error as Error).message}`);
    }
  }
  const seconds = round((performance.now() - begun) / 1000, 0);
  return {
    machine: { ...about, wholeCpuSecondsPerGbit: run.whole, failed: run.failed, seconds },
    rows: run.rows,
  };
}

class Run {
  readonly rows: NetRow[] = [];
  readonly whole: number[] = [];
  readonly failed: { system: string; why: string }[] = [];
  readonly #options: NetOptions;
  /** Round-trip time of plain forwarding, by settings. */
  readonly #plain = new Map<string, number>();

  constructor(options: NetOptions) {
    this.#options = options;
  }

  async measure(system: System): Promise<void> {
    const { say, signal, quick } = this.#options;
    const bed = await Bed.draw("bench", signal);
    try {
      const running = await step(say, `${system.name} is up`, () => system.start(bed));
      await reachable({ bed, running, pinned: false }, 15_000);
      for (const pinned of quick ? [true] : [true, false]) {
        for (const side of ["a", "b"] as const)
          for (const pid of running.pids[side]) await bind(pid, pinned ? cpuOf(side) : allCpus());
        for (const offload of pinned ? [false, true] : [true]) {
          await bed.offload(offload);
          await this.#settings(system, { bed, running, pinned }, offload);
        }
      }
    } finally {
      await bed.down();
    }
  }

  /** All tests with one choice of pinning and offload. Free of pins, two tests are enough to see what pinning does. */
  async #settings(system: System, setting: Setting, offload: boolean): Promise<void> {
    const { quick, say } = this.#options;
    const { pinned } = setting;
    const scale = quick ? QUICK : FULL;
    const repeat = async (flows: number) => {
      const taken: Sample[] = [];
      for (let i = 0; i < scale.samples; i++) taken.push(await tcp(setting, flows, scale.tcp));
      return taken;
    };
    const rate = (sizes: readonly number[]) =>
      highestRate(setting, { sizes, seconds: scale.udp, steps: scale.steps, samples: scale.samples });
    const tests: [string, () => Promise<Sample[]>][] = [
      ["udp-1024", () => rate(UDP_1024)],
      ["tcp-1", () => repeat(1)],
      ...(pinned
        ? ([
            ["tcp-8", () => repeat(8)],
            ["udp-imix", () => rate(IMIX)],
          ] as [string, () => Promise<Sample[]>][])
        : []),
    ];
    const key = `${pinned}/${offload}`;
    const times = await rtt(setting, scale.pings);
    if (system.name === "plain forwarding") this.#plain.set(key, times.p50);
    const base = this.#plain.get(key);
    const rttAddedMs = base === undefined ? null : round(times.p50 - base, 3);
    const label = `${system.name} · ${pinned ? "pinned" : "free"} · offload ${offload ? "on" : "off"}`;
    say(`         ${label}: RTT ${times.p50} ms, 90 % ${times.p90}, 99 % ${times.p99}`);
    const kernel = setting.running.pids.a.length === 0;
    for (const [test, work] of tests) {
      const taken = await work();
      const of = (pick: (sample: Sample) => number) => median(taken.map(pick));
      const row: NetRow = {
        system: system.name,
        test,
        pin: pinned,
        offload,
        goodputMbps: round(
          of((one) => one.goodputMbps),
          1,
        ),
        lossPct: round(
          of((one) => one.lossPct),
          3,
        ),
        cpuSecondsPerGbit: kernel
          ? { tx: null, rx: null }
          : {
              tx: round(
                of((one) => one.cpu.tx),
                4,
              ),
              rx: round(
                of((one) => one.cpu.rx),
                4,
              ),
            },
        rttAddedMs,
        rssMb: rssMb(setting.running),
      };
      this.rows.push(row);
      this.whole.push(
        round(
          of((one) => one.cpu.machine),
          4,
        ),
      );
      const { tx, rx } = row.cpuSecondsPerGbit;
      say(`         ${label} · ${test}: ${row.goodputMbps} Mbit/s, ${row.lossPct} % lost, CPU-s/Gbit ${tx} / ${rx}`);
    }
  }
}
