/**
 * Whether the machine had something else to do while something was measured. What was measured then says little of what was to be
 * measured: it is done again, a few times at most, and the result says so.
 */
import { readFileSync } from "node:fs";
import { type CpuTicks, cpuTicks } from "./cpus.ts";

/** What was going on at the machine since a moment, as shares of the time. */
export interface Bustle {
  /**
   * In which some program was ready and had no CPU (pressure stall information, /proc/pressure/cpu). Where the kernel does not tell
   * (before 4.20, or without PSI): of the CPUs, in which they were not idle.
   */
  readonly waited: number;
  /** Of the CPUs, that a hypervisor gave to others ("steal", /proc/stat). */
  readonly stolen: number;
  /** More than a measurement can bear. */
  readonly busy: boolean;
}

/** What is measured here is to be right within 5 %: so much of a pause spoils it. */
const WAITED = 0.05;
const STOLEN = 0.05;
/** Without PSI: both CPUs of a small machine at work nearly all the time. */
const WORKED = 0.9;

/** Begins to watch; the result gives what was going on since. */
export function watchBustle(read: (file: string) => string = (file) => readFileSync(file, "latin1")): () => Bustle {
  const before = look(read);
  return () => {
    const now = look(read);
    const all = Math.max(1, now.all - before.all);
    const stolen = (now.stolen - before.stolen) / all;
    const psi = now.waitedMs !== undefined && before.waitedMs !== undefined;
    const waited = psi
      ? (now.waitedMs! - before.waitedMs!) / Math.max(1, now.at - before.at)
      : 1 - (now.idle - before.idle) / all;
    return { waited, stolen, busy: waited > (psi ? WAITED : WORKED) || stolen > STOLEN };
  };
}

interface Look extends CpuTicks {
  readonly at: number;
  readonly waitedMs: number | undefined;
}

function look(read: (file: string) => string): Look {
  return { ...cpuTicks(read), at: performance.now(), waitedMs: waitedMs(read) };
}

function waitedMs(read: (file: string) => string): number | undefined {
  try {
    const total = /^some .*total=(\d+)$/m.exec(read("/proc/pressure/cpu"))?.[1];
    return total === undefined ? undefined : Number(total) / 1000;
  } catch {
    return undefined;
  }
}

/** How often something is measured at most. */
export const TRIES = 4;

export interface Measured<T> {
  readonly result: T;
  /** " (try 3: programs waited for a CPU 78 % of the time before)", "" at the first try. For the reader of a result. */
  readonly again: string;
}

/** Measures; again when it is not `right` and the machine was busy meanwhile. A wrong result of an idle machine stands at once. */
export async function measureInPeace<T>(
  measure: () => Promise<T>,
  right: (result: T) => boolean,
  watch: () => () => Bustle = watchBustle,
): Promise<Measured<T>> {
  let again = "";
  for (let tries = 1; ; tries++) {
    const since = watch();
    const result = await measure();
    if (right(result) || tries === TRIES) return { result, again };
    const { waited, stolen, busy } = since();
    const percent = (share: number) => `${(share * 100).toFixed(0)} %`;
    if (!busy) return { result, again };
    const stolenToo = stolen > STOLEN ? `, others had ${percent(stolen)} of it` : "";
    again = ` (try ${tries + 1}: before, programs waited for a CPU ${percent(waited)} of the time${stolenToo})`;
  }
}
