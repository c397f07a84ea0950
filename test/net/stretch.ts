/**
 * How much longer a thing takes here than on a machine of its own: others' programs, and a hypervisor's other guests, have a share of the
 * CPUs. Where half of them is somebody else's, what may take 5 s alone may take 10 s; on an idle machine a second is a second.
 */
import { readdirSync, readFileSync } from "node:fs";
import { cpuTicks } from "../../src/lab/cpus.ts";

/** A share of nearly all is told too roughly to divide by what is left. */
const MOST = 0.9;

/** Begins to watch; the result says by what to stretch the time that something may have taken since, 1 to 10. */
export function watchStretch(): () => number {
  const before = ticks();
  return () => {
    const now = ticks();
    const all = Math.max(1, now.all - before.all);
    const others = Math.max(0, now.used - before.used - (now.ours - before.ours));
    return 1 / (1 - Math.min(MOST, others / all));
  };
}

/** A little is always somebody else's: kernel threads, the test's own runner. */
const LITTLE = 1.2;

/** The least that something measured may be which should be `least` on a machine of its own. */
export function floor(least: number, stretch: number): number {
  return stretch > LITTLE ? least / stretch : least;
}

/** Clock ticks since the machine was started: of all CPUs, those that were used or stolen, and those that this test has used. */
function ticks(): { all: number; used: number; ours: number } {
  const { all, worked, stolen } = cpuTicks();
  return { all, used: worked + stolen, ours: oursOf(process.pid) };
}

/** Of a process, of those that it has started and of all that these have, also of those that have ended. */
function oursOf(root: number): number {
  const children = new Map<number, number[]>();
  const used = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, "latin1");
      // proc(5): from field 3 on, behind the program's name; ppid 4, utime stime cutime cstime 14 to 17.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const pid = Number(name);
      const parent = Number(fields[1]);
      children.set(parent, [...(children.get(parent) ?? []), pid]);
      used.set(
        pid,
        fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0),
      );
    } catch {
      // It has ended meanwhile; whoever waited for it has its time.
    }
  }
  let sum = 0;
  for (const waiting = [root]; waiting.length > 0; ) {
    const pid = waiting.pop()!;
    sum += used.get(pid) ?? 0;
    waiting.push(...(children.get(pid) ?? []));
  }
  return sum;
}
