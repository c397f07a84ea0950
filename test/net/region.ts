/** The lab's region as a fixture: drawn before the tests of a file, taken down after them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { LabFault } from "../../src/lab/fault.ts";
import { Lab, type LabOptions, namespaceOf } from "../../src/lab/lab.ts";
import { PLAN } from "../../src/lab/plan.ts";
import { sweep } from "../../src/lab/state.ts";
import type { RouterStatus } from "../../src/lab/status.ts";
import type { FileLock } from "../../src/linux/lock.ts";
import { ENTRY } from "./entry.ts";
import { TURN_TIMEOUT, takeTurn } from "./turn.ts";

export interface RegionOptions extends Partial<Pick<LabOptions, "plan" | "adjust">> {
  /** Draw only; the tests start routers themselves. */
  readonly bare?: boolean;
  /** The tests measure: they take their turn. */
  readonly measures?: boolean;
}

/** Registers the hooks; `letter` sets this file's lab apart from those of others. The lab is there once the tests run. */
export function region(letter: string, options: RegionOptions = {}): () => Lab {
  let lab: Lab | undefined;
  let turn: FileLock | undefined;
  const { bare, measures, ...rest } = options;

  beforeAll(async () => {
    if (measures) turn = await takeTurn();
    const name = `${letter}${process.pid}`;
    const wishes: LabOptions = { name, entry: ENTRY, say: () => undefined, ...rest };
    lab = bare ? await Lab.draw(wishes) : await Lab.up(wishes);
  }, TURN_TIMEOUT);

  afterAll(async () => {
    try {
      await lab?.down();
      for (const { name } of (options.plan ?? PLAN).places) {
        if (lab) expect(existsSync(join("/run/netns", namespaceOf(lab.name, name)))).toBe(false);
      }
    } finally {
      turn?.release();
    }
  }, 60_000);

  return () => {
    if (!lab) throw new Error("the lab is not up");
    return lab;
  };
}

/** A lab that tests start by command, and may leave up: swept after them. */
export function swept(name: string): void {
  afterAll(() => sweep(name, { takeOver: true }), 60_000);
}

/** Looks every 50 ms until `test` gives something else than false or undefined. Fault `command-timeout`. */
export async function eventually<T>(
  wish: string,
  test: () => Promise<T | false | undefined>,
  withinMs = 10_000,
): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    const found = await test();
    if (found !== false && found !== undefined) return found;
    if (performance.now() > until) throw new LabFault("command-timeout", `${wish}: not within ${withinMs / 1000} s.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Everything that a router refused or dropped so far. */
export function refused(status: RouterStatus): number {
  const sum = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((all, count) => all + count, 0);
  return sum(status.drops) + sum(status.ike);
}
