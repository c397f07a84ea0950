/** Processes by number and start time, so that a number which the kernel gave to somebody else is never ended. */
import { readFileSync } from "node:fs";

/** A process of the lab. `started` is its start time in clock ticks since boot (proc(5), /proc/PID/stat field 22). */
export interface ProcessMark {
  readonly pid: number;
  readonly started: number;
}

interface Stat {
  readonly state: string;
  readonly started: number;
  /** User and system time together, clock ticks. */
  readonly cpuTicks: number;
}

function stat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The program's name is in parentheses and may hold blanks and parentheses itself: fields count from the last one.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0]!, started: Number(fields[19]), cpuTicks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined;
  }
}

/** The mark of a living process; undefined when there is none with this number. */
export function mark(pid: number): ProcessMark | undefined {
  const found = stat(pid);
  return found && { pid, started: found.started };
}

/** Whether the very process that was marked still runs (a zombie does not). */
export function alive(process: ProcessMark): boolean {
  const found = stat(process.pid);
  return found !== undefined && found.started === process.started && found.state !== "Z" && found.state !== "X";
}

/** Seconds of CPU that a process and its threads have used so far; Linux counts 100 ticks a second for user space. */
export function cpuSeconds(pid: number): number {
  return (stat(pid)?.cpuTicks ?? 0) / 100;
}

/** Resident memory, bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Sends a signal when the marked process still runs. Whether it did. */
export function signal(process: ProcessMark, name: NodeJS.Signals): boolean {
  if (!alive(process)) return false;
  try {
    globalThis.process.kill(process.pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Waits until all have ended; those that still run after `ms` milliseconds are given back. */
export async function awaitEnd(processes: readonly ProcessMark[], ms: number): Promise<ProcessMark[]> {
  const until = performance.now() + ms;
  let left = processes.filter(alive);
  while (left.length > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    left = left.filter(alive);
  }
  return left;
}

/** SIGTERM, then SIGKILL for those that did not end within `graceMs`. */
export async function end(processes: readonly ProcessMark[], graceMs = 3000): Promise<void> {
  for (const process of processes) signal(process, "SIGTERM");
  const stubborn = await awaitEnd(processes, graceMs);
  for (const process of stubborn) signal(process, "SIGKILL");
  await awaitEnd(stubborn, 2000);
}
