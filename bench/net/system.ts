/** What carries the traffic between the routers of a bed: ours, a peer, or the kernel alone. */
import type { Program } from "../../src/lab/prerequisites.ts";
import type { Bed } from "./bed.ts";

export type Side = "a" | "b";
export const SIDES = ["a", "b"] as const;
export const other = (side: Side): Side => (side === "a" ? "b" : "a");

/** Process ids of the router at each side; empty: the kernel does it all. */
export interface Running {
  readonly pids: Record<Side, number[]>;
}

export interface System {
  /** Without a version, for `--only` and for messages before there is one. */
  readonly name: string;
  readonly needs: readonly Program[];
  /** The name with the version of the program that will run, for the rows. After `needs` are there. */
  title(): Promise<string>;
  /**
   * Starts both routers. `before`: what goes in front of the router's own command line at each side, such as taskset: some
   * programs count CPUs once, when they start.
   */
  start(bed: Bed, before: Readonly<Record<Side, readonly string[]>>): Promise<Running>;
}

export const NOTHING_BEFORE: Readonly<Record<Side, readonly string[]>> = { a: [], b: [] };

/** The first version number, with or without a "v", in what a program says of itself; undefined: there is none. */
export function versionIn(said: string): string | undefined {
  return /\bv?(\d+(?:\.\d+)+)/.exec(said)?.[1];
}

/** Names that no two systems share: the second and later ones of a name get what tells them apart in parentheses. */
export function distinct(title: string, taken: readonly string[], mark: string): string {
  return taken.includes(title) ? `${title} (${mark})` : title;
}
