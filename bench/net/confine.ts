/**
 * Confines a process to so many cores and so much memory: cgroup v2 or v1 where one has both controllers and is ours to write, else
 * taskset and a limit of its data, which cannot be as exact. Which one it was is part of the result.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/lab/command.ts";

const ROOT = "/sys/fs/cgroup";
/** Microseconds in which the quota of CPU time is counted. */
const PERIOD = 100_000;

export interface Confined {
  /** "cgroup v2", "cgroup v1" or "taskset and prlimit". */
  readonly by: string;
  /** Removes the groups; the process must have ended. */
  release(): void;
}

/** A folder of a control group and what is written to its files. */
export interface Group {
  readonly folder: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** The groups that confine, by the hierarchies that lie at `root`: v2 before v1. Empty: neither has both controllers. */
export function groups(name: string, cores: number, memoryMb: number, root = ROOT): { by: string; groups: Group[] }[] {
  const quota = String(cores * PERIOD);
  const bytes = String(memoryMb * 2 ** 20);
  const found: { by: string; groups: Group[] }[] = [];
  const handedDown = join(root, "cgroup.subtree_control");
  const controllers = existsSync(handedDown) ? readFileSync(handedDown, "utf8").trim().split(/\s+/) : [];
  if (controllers.includes("cpu") && controllers.includes("memory")) {
    const settings = { "cpu.max": `${quota} ${PERIOD}`, "memory.max": bytes, "cpu.weight": "10000" };
    found.push({ by: "cgroup v2", groups: [{ folder: join(root, name), settings }] });
  }
  if (existsSync(join(root, "cpu/cpu.cfs_quota_us")) && existsSync(join(root, "memory/memory.limit_in_bytes"))) {
    const cpu = {
      "cpu.cfs_period_us": String(PERIOD),
      "cpu.cfs_quota_us": quota,
      // A group weighs as much as one process by default, however much runs in it.
      "cpu.shares": "100000",
    };
    const two = [
      { folder: join(root, "cpu", name), settings: cpu },
      { folder: join(root, "memory", name), settings: { "memory.limit_in_bytes": bytes } },
    ];
    found.push({ by: "cgroup v1", groups: two });
  }
  return found;
}

/** Confines a running process with all its threads. `root`: tests bring their own. */
export async function confine(pid: number, cores: number, memoryMb: number, root = ROOT): Promise<Confined> {
  for (const way of groups(`vcpe-bench-${process.pid}`, cores, memoryMb, root)) {
    const made: string[] = [];
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
      for (const { folder, settings } of way.groups) {
        mkdirSync(folder);
        made.push(folder);
        for (const [file, value] of Object.entries(settings)) writeFileSync(join(folder, file), value);
        writeFileSync(join(folder, "cgroup.procs"), String(pid));
      }
      return { by: way.by, release };
    } catch {
      // Not ours to write, as inside most containers. What was half done is undone: the process goes back to where groups begin.
      for (const folder of made) attemptMove(join(folder, "..", "cgroup.procs"), pid);
      release();
    }
  }
  await run(["taskset", "-a", "-c", "-p", cores === 1 ? "0" : `0-${cores - 1}`, String(pid)]);
  // The WASM memory reserves address space that it never touches, so the data segment is what can be limited.
  await run(["prlimit", "--pid", String(pid), `--data=${memoryMb * 2 ** 20}`]);
  return { by: "taskset and prlimit", release: () => undefined };
}

function attemptMove(procs: string, pid: number): void {
  try {
    writeFileSync(procs, String(pid));
  } catch {
    // It was never moved.
  }
}
