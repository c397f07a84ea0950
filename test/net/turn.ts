/**
 * Tests that measure loss, time or CPU take turns, whichever process they run in: two labs at once on a small machine would
 * measure each other.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { LAB_ROOT, sweep } from "../../src/lab/state.ts";
import { type FileLock, tryLock } from "../../src/linux/lock.ts";

/** Longest wait for one's turn, ms; a `beforeAll` that calls `takeTurn` needs as much. */
export const TURN_TIMEOUT = 1_800_000;

/** Waits until no other test holds the turn. Release it when the lab is down; it ends with the process anyway. */
export async function takeTurn(): Promise<FileLock> {
  mkdirSync(LAB_ROOT, { recursive: true, mode: 0o700 });
  for (;;) {
    const turn = tryLock(join(LAB_ROOT, "turn"));
    if (turn) return turn;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The tests of a `describe` run in their turn. `lab`: the name of one that they may leave up; it is swept before the turn is given on. */
export function inTurn(lab?: string): void {
  let turn: FileLock | undefined;
  beforeAll(async () => {
    turn = await takeTurn();
  }, TURN_TIMEOUT);
  afterAll(async () => {
    if (lab !== undefined) await sweep(lab, { takeOver: true });
    turn?.release();
  });
}
