/**
 * One console a folder. The lock is SQLite's own, on a file beside the database that holds nothing: an exclusive transaction that is never
 * committed. SQLite takes it with fcntl, so the kernel gives it up when the process ends, however it ends; and the database itself stays
 * open to whoever wants to read or back it up.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeFolder } from "../router/durable.ts";
import { StartError } from "./start.ts";

/** SQLITE_BUSY: somebody else has the lock. */
const BUSY = 5;

/** Makes the folder, mode 0700, when it is not there. Gives back what gives the lock up. @throws StartError already-running, folder */
export function lockFolder(folder: string): () => void {
  let lock: DatabaseSync | undefined;
  try {
    makeFolder(folder, 0o700);
    lock = new DatabaseSync(join(folder, "lock"));
    lock.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    lock?.close();
    if ((error as { errcode?: number }).errcode === BUSY) {
      throw new StartError(
        "already-running",
        `a console runs in ${folder} already`,
        "Stop it first, or give this one another folder: --folder",
        error,
      );
    }
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new StartError(
      "folder",
      `${folder} cannot be used (${reason})`,
      "Check the path, its owner and the disk",
      error,
    );
  }
  const held = lock;
  return () => held.close();
}
