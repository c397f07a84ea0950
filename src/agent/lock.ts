/**
 * One agent an identity. Two would take the console's connection from each other, and the console would take that for a stolen identity. The lock
 * is SQLite's own, on a file that holds nothing: an exclusive transaction that is never committed; the kernel gives it up with the process.
 */
import { DatabaseSync } from "node:sqlite";
import type { Log } from "../router/log.ts";
import { AgentError } from "./error.ts";

/** SQLITE_BUSY (https://www.sqlite.org/rescode.html): somebody else has it. */
const BUSY = 5;

/** The last eight bits; the others tell more of the same. */
const PRIMARY = 0xff;

/** Is it that another process has the file? */
export function isBusy(error: unknown): boolean {
  return (((error as { readonly errcode?: number }).errcode ?? 0) & PRIMARY) === BUSY;
}

/**
 * Gives back what gives the lock up. A disk that takes no lock keeps no router from starting.
 *
 * @throws AgentError already-running
 */
export function lockIdentity(path: string, serial: string, log: Pick<Log, "warn">): () => void {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(path);
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    const held = lock;
    return () => held.close();
  } catch (error) {
    lock?.close();
    if (isBusy(error)) {
      throw new AgentError(
        "already-running",
        `the router of ${serial} runs already`,
        `See it with: vcpe status --name ${serial}; to run it here, end that one first`,
      );
    }
    log.warn({ err: error }, `${path} cannot be locked: take care that this identity runs once only`);
    return () => undefined;
  }
}
