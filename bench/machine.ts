/** The machine that a figure was measured on, and the folder where results are kept. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly date: string;
  /** Load average of the last minute when the run began: above 0.5, somebody else was at work. */
  readonly loadBefore: number;
}

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGb: Number((totalmem() / 2 ** 30).toFixed(1)),
    kernel: release(),
    node: process.version,
    date: new Date().toISOString(),
    loadBefore: Number(loadavg()[0]!.toFixed(2)),
  };
}

/** Results lie in the folder from which the bench was started. */
export const RESULTS = "bench-results";

/** Keeps the result of one kind; an older one of this kind is replaced. Gives back the file. */
export function keep(kind: string, result: unknown): string {
  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, `${kind}.json`);
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
  return file;
}

/** All results that are kept, by kind. */
export function kept(): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  let names: string[] = [];
  try {
    names = readdirSync(RESULTS).filter((name) => name.endsWith(".json"));
  } catch {
    return found;
  }
  for (const name of names) found[name.slice(0, -5)] = JSON.parse(readFileSync(join(RESULTS, name), "utf8"));
  return found;
}
