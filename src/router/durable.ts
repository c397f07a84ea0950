/** Files that are there whole or not at all, also when the power goes. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Written beside with mode 0600, synced, renamed over, the folder synced. What stands beside already is not written into: it may be of
 * another mode, or lead elsewhere. @throws Error of the file system: the old file stands.
 */
export function writeDurably(path: string, text: string): void {
  const beside = `${path}.new`;
  rmSync(beside, { force: true });
  const file = openSync(beside, "wx", 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  syncFolder(dirname(path));
}

/**
 * Makes a folder for its owner only, mode 0700. Those above it that are missing get the usual mode: /var/lib/vcpe has a folder of another
 * user in it, the console's. @throws Error of the file system.
 */
export function makePrivate(path: string): void {
  makeFolder(dirname(path), 0o777);
  makeFolder(path, 0o700);
}

/**
 * Makes a folder and those above it, where they are missing. Not by mkdir's own `recursive`: where a file system takes no folders and says
 * ENOENT, as /proc does, that tries again for ever, and nothing ends it but SIGKILL. @throws Error of the file system.
 */
export function makeFolder(path: string, mode: number): void {
  const missing: string[] = [];
  for (let here = resolve(path); !existsSync(here); here = dirname(here)) missing.push(here);
  for (const folder of missing.reverse()) {
    try {
      mkdirSync(folder, { mode });
    } catch (error) {
      // Somebody else was quicker, or it is a link that leads nowhere.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !existsSync(folder)) throw error;
    }
  }
  if (!statSync(path).isDirectory()) throw Object.assign(new Error(`${path} is no folder`), { code: "ENOTDIR" });
}

/** What was renamed or removed in it stays so. */
export function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
