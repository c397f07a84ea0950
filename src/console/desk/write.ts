/** What a change writes: all of it or nothing, and what is said when the disk takes nothing. */
import type { DatabaseSync } from "node:sqlite";
import { ConsoleError } from "../error.ts";
import { inTransaction } from "../store/database.ts";

/** When this returns, what `act` has written is on the disk. @throws what `act` throws; ConsoleError store-unavailable: nothing is written */
export function writeWhole(database: DatabaseSync, act: () => void): void {
  try {
    inTransaction(database, act);
  } catch (error) {
    if (error instanceof ConsoleError || (error as { readonly code?: string }).code !== "ERR_SQLITE_ERROR") throw error;
    throw new ConsoleError(
      503,
      "store-unavailable",
      "the change could not be written to the disk; nothing has changed",
      "See whether the disk of the console is full or read-only, then try again",
      { cause: error },
    );
  }
}
