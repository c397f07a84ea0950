/** Files that are there whole or not at all, also when the power goes. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

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
  mkdirSync(dirname(path), { recursive: true });
  mkdirSync(path, { recursive: true, mode: 0o700 });
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
