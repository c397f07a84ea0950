/** What a change writes: all of it or nothing, and what is said when the disk takes nothing. */
import type { DatabaseSync } from "node:sqlite";
import { inTransaction } from "../store/database.ts";
import { databaseFault, unavailable } from "../store/fault.ts";

/** When this returns, what `act` has written is on the disk. @throws what `act` throws; ConsoleError store-unavailable: nothing is written */
export function writeWhole(database: DatabaseSync, act: () => void): void {
  try {
    inTransaction(database, act);
  } catch (error) {
    const fault = databaseFault(error);
    throw fault ? unavailable({ ...fault, message: `${fault.message}; nothing has changed` }, error) : error;
  }
}
