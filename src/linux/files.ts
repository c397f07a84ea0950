/** How many files this process may have open: RLIMIT_NOFILE, getrlimit(2). */

import { hostAddress, prlimit } from "./ffi.ts";

const RLIMIT_NOFILE = 7;

/**
 * Lets this process have at least `wanted` files open, or as many as the kernel grants: raising the hard limit needs
 * CAP_SYS_RESOURCE. Gives what it may have now.
 */
export function raiseFiles(wanted: number): number {
  const limit = new BigUint64Array(new ArrayBuffer(16)); // struct rlimit64: current, maximum
  const at = hostAddress(limit);
  if (prlimit(0, RLIMIT_NOFILE, 0, at) < 0) return 0;
  const [now, most] = limit;
  const least = BigInt(wanted);
  if (now >= least) return Number(now);
  limit[0] = least;
  limit[1] = most > least ? most : least;
  if (prlimit(0, RLIMIT_NOFILE, at, 0) === 0) return wanted;
  limit[0] = most;
  limit[1] = most;
  return Number(prlimit(0, RLIMIT_NOFILE, at, 0) === 0 ? most : now);
}
