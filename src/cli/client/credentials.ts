/** What `vcpe login` keeps: which console, how to know it, and an API token. A file that its owner alone may read. */
import { readFileSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { makeFolder, writeDurably } from "../../router/durable.ts";
import { ClientError } from "./error.ts";
import type { Terminal } from "./terminal.ts";

export interface Credentials {
  /** https://host:port */
  readonly url: string;
  /** PEM of the roots that the console's certificate must come from; null: those that the system trusts. */
  readonly ca: string | null;
  readonly user: string;
  /** Id of the token, to revoke it. */
  readonly id: string;
  readonly token: string;
  /** ISO 8601; null: never. */
  readonly expires: string | null;
}

export function credentialsFile(env: Readonly<Record<string, string | undefined>>): string {
  if (env.VCPE_CREDENTIALS) return env.VCPE_CREDENTIALS;
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "vcpe", "credentials.json");
}

/** @throws ClientError not-logged-in, credentials */
export function loggedIn({ env }: Pick<Terminal, "env">): Credentials {
  const kept = readCredentials(credentialsFile(env));
  if (kept) return kept;
  throw new ClientError("not-logged-in", "not-logged-in", "nobody is logged in", "Log in: vcpe login --console URL");
}

/** Undefined: there is no such file. @throws ClientError credentials */
export function readCredentials(file: string): Credentials | undefined {
  let text: string;
  try {
    if ((statSync(file).mode & 0o077) !== 0) {
      throw fault(
        `${file} may be read by others`,
        `Run: chmod 600 ${file}; and if others use this machine, log in again`,
      );
    }
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (error instanceof ClientError) throw error;
    throw fault(`${file} cannot be read (${code})`, "Check its owner and permissions");
  }
  let kept: Credentials;
  try {
    kept = JSON.parse(text) as Credentials;
  } catch {
    throw fault(`${file} is damaged`, "Log in again: vcpe login --console URL");
  }
  if (typeof kept?.url === "string" && typeof kept.token === "string") return kept;
  throw fault(`${file} holds no credentials`, "Log in again: vcpe login --console URL");
}

/** Whole or not at all: a new file beside it, on the disk, takes its place. */
export function writeCredentials(file: string, credentials: Credentials): void {
  writeSecret(file, `${JSON.stringify(credentials, null, 2)}\n`);
}

export function removeCredentials(file: string): void {
  rmSync(file, { force: true });
}

/** Writes a file that its owner alone may read, mode 0600. @throws ClientError credentials */
export function writeSecret(file: string, text: string): void {
  try {
    makeFolder(dirname(file), 0o700);
    writeDurably(file, text);
  } catch (error) {
    throw fault(`${file} cannot be written (${(error as NodeJS.ErrnoException).code})`, "Check the folder");
  }
}

function fault(message: string, next: string): ClientError {
  return new ClientError("failed", "credentials", message, next);
}
