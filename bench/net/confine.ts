/**
 * Confines a process to so many cores and so much memory: cgroup v2 or v1 where one is writable, else taskset and a limit of its
 * address space that cannot be as exact. Which one it was is part of the result.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/lab/command.ts";

const ROOT = "/sys/fs/cgroup";
const PERIOD = 100_000;

export interface Confined {
  /** "cgroup v2", "cgroup v1" or "taskset and prlimit". */
  readonly by: string;
  /** Removes the groups; the process must have ended. */
  release(): void;
}

export async function confine(pid: number, cores: number, memoryMb: number): Promise<Confined> {
  const name = `vcpe-bench-${process.pid}`;
  const bytes = String(memoryMb * 2 ** 20);
  const made: string[] = [];
  const group = (folder: string, settings: Readonly<Record<string, string>>) => {
    mkdirSync(folder);
    made.push(folder);
    for (const [file, value] of Object.entries(settings)) writeFileSync(join(folder, file), value);
    writeFileSync(join(folder, "cgroup.procs"), String(pid));
  };
  const release = () => {
    for (const folder of made.splice(0)) {
      try {
        rmdirSync(folder);
      } catch {
        // Something still runs in it: it stays, empty limits hurt nobody.
      }
    }
  };
  try {
    const controllers = join(ROOT, "cgroup.subtree_control");
    if (existsSync(controllers) && /\bcpu\b.*\bmemory\b|\bmemory\b.*\bcpu\b/.test(readFileSync(controllers, "utf8"))) {
      group(join(ROOT, name), { "cpu.max": `${cores * PERIOD} ${PERIOD}`, "memory.max": bytes, "cpu.weight": "10000" });
      return { by: "cgroup v2", release };
    }
    if (existsSync(join(ROOT, "cpu/cpu.cfs_quota_us")) && existsSync(join(ROOT, "memory/cgroup.procs"))) {
      group(join(ROOT, "cpu", name), {
        "cpu.cfs_period_us": String(PERIOD),
        "cpu.cfs_quota_us": String(cores * PERIOD),
        // A group weighs as much as one process by default, however much runs in it.
        "cpu.shares": "100000",
      });
      group(join(ROOT, "memory", name), { "memory.limit_in_bytes": bytes });
      return { by: "cgroup v1", release };
    }
  } catch {
    // Not ours to write, as inside most containers.
    release();
  }
  await run(["taskset", "-a", "-c", "-p", cores === 1 ? "0" : `0-${cores - 1}`, String(pid)]);
  // The WASM memory reserves address space that it never touches, so the data segment is what can be limited.
  await run(["prlimit", "--pid", String(pid), `--data=${bytes}`]);
  return { by: "taskset and prlimit", release };
}
