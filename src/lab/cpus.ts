/** What the machine's CPUs have done since it was started, all together; clock ticks, of which Linux counts 100 a second for each CPU. */
import { readFileSync } from "node:fs";

export interface CpuTicks {
  readonly all: number;
  /** With the time in which they waited for a disk. */
  readonly idle: number;
  /** By programs and for them, niced ones too; interrupts are nobody's. */
  readonly worked: number;
  /** A hypervisor gave them to others. */
  readonly stolen: number;
}

/** proc(5), /proc/stat: user nice system idle iowait irq softirq steal; guests, which follow, are in user already. */
export function cpuTicks(read: (file: string) => string = (file) => readFileSync(file, "latin1")): CpuTicks {
  const fields = /^cpu +(.*)$/m.exec(read("/proc/stat"))![1]!.split(" ").slice(0, 8).map(Number);
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, , , stolen = 0] = fields;
  const all = fields.reduce((sum, one) => sum + one, 0);
  return { all, idle: idle + iowait, worked: user + nice + system, stolen };
}
