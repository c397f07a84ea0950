/** The CPUs that a thread may run on, sched_setaffinity(2). */

import { failed } from "./error.ts";
import { errno, hostAddress, schedGetAffinity, schedSetAffinity } from "./ffi.ts";

/** Bytes of a CPU mask: 8,192 CPUs, as many as Linux can have. */
const MASK = 1024;

/** Numbers of the CPUs that the calling thread may run on, ascending. @throws LinuxError */
export function allowedCpus(): number[] {
  const mask = new Uint8Array(new ArrayBuffer(MASK));
  if (schedGetAffinity(0, MASK, hostAddress(mask)) < 0) throw failed(errno(), "ask which CPUs this thread may use");
  return Array.from({ length: MASK * 8 }, (_, cpu) => cpu).filter((cpu) => (mask[cpu >> 3] >> (cpu & 7)) & 1);
}

/** The calling thread runs on these CPUs only; threads that it starts from now on, too. @throws LinuxError invalid */
export function stayOn(cpus: readonly number[]): void {
  const mask = new Uint8Array(new ArrayBuffer(MASK));
  for (const cpu of cpus) mask[cpu >> 3] |= 1 << (cpu & 7);
  if (schedSetAffinity(0, MASK, hostAddress(mask)) === 0) return;
  throw failed(errno(), `keep this thread on CPU ${cpus.join(", ")}`);
}
