/** How many datapath workers a router runs. */
import { availableParallelism } from "node:os";

/**
 * `auto` is the CPUs that this process may use (its affinity mask), but at most so many: more than four cores are worth having only
 * for traffic that somebody has measured, and each worker has an arena, a thread and a Child SA a tunnel.
 */
const MOST = 4;

/** `cpus`: tests bring their own. */
export function workerCount(wanted: number | "auto", cpus = availableParallelism()): number {
  return wanted === "auto" ? Math.max(1, Math.min(cpus, MOST)) : wanted;
}
