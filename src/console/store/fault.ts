/**
 * What SQLite says when its file or the disk under it does not serve, in the words of an operator: a fault of the machine, not of the
 * program. Codes: https://www.sqlite.org/rescode.html.
 */
import { ConsoleError } from "../error.ts";

/** The sentence, and the next step; both without their full stop. */
export interface DatabaseFault {
  readonly message: string;
  readonly next: string;
}

/** The last eight bits of `errcode`; the others tell more of the same. */
const PRIMARY = 0xff;

const RESTORE = "Stop the console and put console.sqlite and ca/ back from a back-up (docs/operate.md)";
const PLACE = "Check its owner, its mode and the disk";

const FAULTS: ReadonlyMap<number, readonly [what: string, next: string]> = new Map([
  [5, ["is locked by another program", "End whatever else has it open, and try again"]],
  [8, ["cannot be written", PLACE]],
  [
    10,
    [
      "cannot be read or written, as the disk fails",
      "See the kernel's log (dmesg); then try again, or restore a back-up",
    ],
  ],
  [11, ["is damaged", RESTORE]],
  [13, ["cannot grow, as the disk is full", "Free some space there; nothing that was acknowledged is lost"]],
  [14, ["cannot be opened", PLACE]],
  [26, ["is no database", RESTORE]],
]);

/** Undefined: it is no error of SQLite's, or one that the program has to answer for. `name`: how the file is called in the sentence. */
export function databaseFault(error: unknown, name = "the console's database"): DatabaseFault | undefined {
  const { code, errcode } = error as { readonly code?: string; readonly errcode?: number };
  if (code !== "ERR_SQLITE_ERROR" || errcode === undefined) return undefined;
  const [what, next] = FAULTS.get(errcode & PRIMARY) ?? [];
  return what === undefined || next === undefined ? undefined : { message: `${name} ${what}`, next };
}

/** The refusal of a request that met it. @param error of SQLite */
export function unavailable({ message, next }: DatabaseFault, error: unknown): ConsoleError {
  return new ConsoleError(503, "store-unavailable", message, next, { cause: error });
}
