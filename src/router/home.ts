/**
 * Where a running router lives: /run/vcpe/<name>, mode 0700.
 *
 *   lock         held while the router runs
 *   state.json   what it has changed on the host (see ledger)
 *   status.sock  its status API, mode 0600
 */
import { join } from "node:path";
import { type FileLock, tryLock } from "../linux/lock.ts";
import { makeFolder } from "./durable.ts";
import { RouterError, sentenceOf } from "./error.ts";
import { RUN_FOLDER } from "./places.ts";

export interface Home {
  readonly folder: string;
  readonly state: string;
  readonly socket: string;
  /** Lets another router have the name. */
  leave(): void;
}

/** Takes the name. @throws RouterError already-running, run-folder */
export function enterHome(name: string, root = RUN_FOLDER): Home {
  const folder = join(root, name);
  const lock = lockFolder(folder);
  if (!lock) {
    throw new RouterError(
      "already-running",
      `a router called "${name}" runs already (${folder} is locked)`,
      `See it with: vcpe status --name ${name}; or give this one another name`,
    );
  }
  return {
    folder,
    state: join(folder, "state.json"),
    socket: join(folder, "status.sock"),
    leave: () => lock.release(),
  };
}

/** Takes a folder for this process alone; it is made if need be, mode 0700. Undefined: another has it. @throws RouterError run-folder */
export function lockFolder(folder: string): FileLock | undefined {
  try {
    makeFolder(folder, 0o700);
    return tryLock(join(folder, "lock"));
  } catch (error) {
    throw new RouterError(
      "run-folder",
      `${folder} cannot be used: ${sentenceOf(error).replace(/\.$/, "")}`,
      "Run it as root",
      error,
    );
  }
}
