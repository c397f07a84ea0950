/** How many times as much ours carries as each other system, test by test. */
import { round } from "../median.ts";
import type { NetRow } from "./net.ts";

export interface Ratio {
  /** One of ours. */
  readonly system: string;
  /** What it is compared with. */
  readonly against: string;
  readonly test: string;
  readonly pin: boolean;
  readonly offload: boolean;
  /** Goodput by goodput; null: the other one carried nothing. */
  readonly goodput: number | null;
  /** Goodput per CPU second of the slower router, likewise; null: one of the two has no router process, or it carried nothing. */
  readonly perCore: number | null;
}

export const isOurs = (system: string) => system.startsWith("vcpe");

/** Mbit/s that a router with this cost carries in a CPU second; null: not known. */
export function mbpsPerCore(secondsPerGbit: number | null): number | null {
  return secondsPerGbit === null || secondsPerGbit <= 0 ? null : 1000 / secondsPerGbit;
}

/** Goodput per CPU second of the slower of the two routers, Mbit/s. */
export function slowerPerCore({ cpuSecondsPerGbit: { tx, rx } }: Pick<NetRow, "cpuSecondsPerGbit">): number | null {
  return tx === null || rx === null ? null : mbpsPerCore(Math.max(tx, rx));
}

/** Whether two rows were measured with the same test and settings. */
export function alike(one: NetRow, two: NetRow): boolean {
  return one.test === two.test && one.pin === two.pin && one.offload === two.offload;
}

function quotient(ours: number | null, theirs: number | null): number | null {
  return ours === null || theirs === null || theirs === 0 ? null : round(ours / theirs, 2);
}

/** Each row of ours by each row of the others with the same test and settings. */
export function ratios(rows: readonly NetRow[]): Ratio[] {
  const others = rows.filter((row) => !isOurs(row.system));
  return rows
    .filter((row) => isOurs(row.system))
    .flatMap((row) =>
      others
        .filter((theirs) => alike(row, theirs))
        .map((theirs) => ({
          system: row.system,
          against: theirs.system,
          test: row.test,
          pin: row.pin,
          offload: row.offload,
          goodput: quotient(row.goodputMbps, theirs.goodputMbps),
          perCore: quotient(slowerPerCore(row), slowerPerCore(theirs)),
        })),
    );
}
