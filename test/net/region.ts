/** The lab's region as a fixture: drawn before the tests of a file, taken down after them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { attempt, inside } from "../../src/lab/command.ts";
import type { Daemon } from "../../src/lab/daemon.ts";
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
  });

  return () => {
    if (!lab) throw new Error("the lab is not up");
    return lab;
  };
}

/** A lab that tests start by command, and may leave up: swept after them. */
export function swept(name: string): void {
  afterAll(() => sweep(name, { takeOver: true }));
}

/** Looks every 50 ms until `test` gives something else than false or undefined. Fault `command-timeout`. */
export async function eventually<T>(
  wish: string | (() => string),
  test: () => Promise<T | false | undefined>,
  withinMs = 30_000,
): Promise<T> {
  const until = performance.now() + withinMs;
  for (;;) {
    const found = await test();
    if (found !== false && found !== undefined) return found;
    if (performance.now() > until) {
      const what = typeof wish === "string" ? wish : wish();
      throw new LabFault("command-timeout", `${what}: not within ${withinMs / 1000} s.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Pings from inside `namespace`, ten times a second, until one is answered, be it late: what waits a tenth of a second for each would
 * wait for ever on a machine that is busier. An ICMP error is no answer. Fault `command-timeout`.
 */
export async function untilAnswered(namespace: string, address: string, withinMs = 90_000): Promise<true> {
  const argv = inside(namespace, [
    "ping",
    "-n",
    "-c",
    "1",
    "-i",
    "0.1",
    "-w",
    String(Math.ceil(withinMs / 1000)),
    address,
  ]);
  const until = `${address} answers ${namespace}`;
  return eventually(until, async () => (await attempt(argv, { timeoutMs: withinMs + 15_000 })).code === 0, withinMs);
}

/** Milliseconds as "12.3 s". */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * What a receiver counts: it prints a line of JSON whenever nothing has come for a while. The last line counts, once it is `whole`, or
 * none has followed for some seconds: a machine that keeps the sender from its CPU for a while has the receiver print before the end.
 */
export async function lastWord<T>(receiver: Daemon, whole: (said: T) => boolean): Promise<T> {
  const lines = () =>
    receiver
      .said()
      .split("\n")
      .filter((line) => line.startsWith("{"));
  let heard = 0;
  let since = performance.now();
  return eventually("the receiver's sums", async () => {
    const now = lines();
    if (now.length !== heard) [heard, since] = [now.length, performance.now()];
    const last = now.at(-1);
    if (last === undefined) return undefined;
    const said = JSON.parse(last) as T;
    return whole(said) || performance.now() - since > 5000 ? said : undefined;
  });
}

/** Everything that a router refused or dropped so far. */
export function refused(status: RouterStatus): number {
  const sum = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((all, count) => all + count, 0);
  return sum(status.drops) + sum(status.ike);
}
