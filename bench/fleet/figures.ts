/** What processes take of the machine, and how figures are put. */
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpuSeconds, residentBytes } from "../../src/lab/process.ts";
import { pause } from "./hear.ts";

export function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

export async function cpu(pid: number, seconds: number, signal: AbortSignal): Promise<number> {
  const before = cpuSeconds(pid);
  await pause(seconds * 1000, signal);
  return ((cpuSeconds(pid) - before) / seconds) * 100;
}

export const mb = ({ pid }: ChildProcess) => round(residentBytes(pid as number) / 1e6);

/** Most that was ever resident, proc(5) VmHWM. */
export function peakMb({ pid }: ChildProcess): number {
  const kib = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return round((Number(kib) * 1024) / 1e6);
}

export const secondsBetween = (from: bigint, to: bigint) => round(Number(to - from) / 1e9);

export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export const round = (value: number) => Number(value.toFixed(1));
