/** The machine that a figure was measured on, and the command that did it. */
import { spawnSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  /** "KVM", "VMware" … as lscpu(1) says; null: none that can be seen. */
  readonly hypervisor: string | null;
  readonly node: string;
  readonly date: string;
  /** Load average of the last minute when the run began: above 0.5, somebody else was at work. */
  readonly loadBefore: number;
  /** As a person types it. */
  readonly command: string;
}

export function machine(argv: readonly string[] = process.argv.slice(2)): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGb: Number((totalmem() / 2 ** 30).toFixed(1)),
    kernel: release(),
    hypervisor: hypervisorIn(lscpu()),
    node: process.version,
    date: new Date().toISOString(),
    loadBefore: Number(loadavg()[0]!.toFixed(2)),
    command: ["vcpe", ...argv].map(quoted).join(" "),
  };
}

/** Reads the hypervisor from what lscpu(1) says in English. */
export function hypervisorIn(said: string): string | null {
  return /^Hypervisor vendor:\s+(.+)$/m.exec(said)?.[1] ?? null;
}

function lscpu(): string {
  // It is in util-linux, as taskset is; without it nothing is known, which is what null says.
  return spawnSync("lscpu", { env: { ...process.env, LC_ALL: "C" }, encoding: "utf8" }).stdout ?? "";
}

function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** One line about the machine, for people. Results of older benches may lack the newer fields. */
export function machineLine({ cpu, cores, memoryGb, kernel, hypervisor, node, date, loadBefore }: Machine): string {
  const virtual = hypervisor == null ? "" : ` (${hypervisor})`;
  const day = date.slice(0, 10);
  return `${cpu}${virtual}, ${cores} cores, ${memoryGb} GB, Linux ${kernel}, Node.js ${node}, ${day}, load ${loadBefore} before`;
}
