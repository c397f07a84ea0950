/**
 * Where identities live: /var/lib/vcpe/agent/<serial>/, mode 0700.
 *
 *   identity.json   key, certificates, and whom to trust; mode 0600
 *   roots.json      what the console said last of its own HTTPS certificate (roots.ts); mode 0600
 *   config.db       the last good configuration; mode 0600
 *   crash.key       by which the router proves a crash (src/router/crashsecret); mode 0600
 *   lock            held by the process that is this device; mode 0600
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { makePrivate, syncFolder, writeDurably } from "../router/durable.ts";
import { RouterError } from "../router/error.ts";
import { lockFolder } from "../router/home.ts";
import { AgentError } from "./error.ts";

export const AGENT_FOLDER = "/var/lib/vcpe/agent";

export interface Folder {
  readonly path: string;
  readonly config: string;
  /** Undefined: there is none. @throws AgentError agent-folder */
  readIdentity(): string | undefined;
  /** When the identity was written, milliseconds since the Unix epoch; 0: there is none. */
  writtenAt(): number;
  /** @throws AgentError agent-folder */
  writeIdentity(text: string): void;
  /** Text of roots.json; undefined: there is none, or it cannot be read. */
  readRoots(): string | undefined;
  /** On the disk when this returns. @throws AgentError agent-folder: the former stands. */
  writeRoots(text: string): void;
  /** For a new identity. @throws AgentError agent-folder */
  forgetRoots(): void;
  /**
   * Makes this process the one that is the device: two would take the connection to the console from each other, again and again. Gives
   * what ends that. @throws RouterError already-running, run-folder
   */
  hold(): () => void;
  /** Is a process this device now? @throws RouterError run-folder */
  held(): boolean;
  /** Removes all of it. */
  remove(): void;
}

/** Makes nothing before it writes. */
export function folderOf(serial: string, root = AGENT_FOLDER): Folder {
  const path = join(root, serial);
  const identity = join(path, "identity.json");
  const roots = join(path, "roots.json");
  return {
    path,
    config: join(path, "config.db"),
    readIdentity() {
      let text: string;
      let mode: number;
      try {
        text = readFileSync(identity, "utf8");
        mode = statSync(identity).mode | statSync(path).mode;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw unusable(identity, error);
      }
      if ((mode & 0o077) === 0) return text;
      throw new AgentError(
        "agent-folder",
        `other users of this host may open ${identity}, which holds the private key of ${serial}`,
        `If nobody has, run: chmod 700 ${path}; chmod 600 ${path}/*; else have the device's key reset at the console and join again`,
      );
    },
    writtenAt: () => statSync(identity, { throwIfNoEntry: false })?.mtimeMs ?? 0,
    writeIdentity(text) {
      attempt(path, () => {
        makePrivate(root);
        makePrivate(path);
        writeDurably(identity, text);
      });
    },
    readRoots() {
      try {
        return readFileSync(roots, "utf8");
      } catch {
        return undefined;
      }
    },
    writeRoots: (text) => attempt(path, () => writeDurably(roots, text)),
    forgetRoots: () => attempt(path, () => rmSync(roots, { force: true })),
    hold() {
      const lock = lockFolder(path);
      if (lock) return () => lock.release();
      throw new RouterError(
        "already-running",
        `the device ${serial} runs already (${path} is locked)`,
        `See it with: vcpe status --name ${serial}; to run it here, end that one first`,
      );
    },
    held() {
      if (!existsSync(path)) return false;
      const lock = lockFolder(path);
      lock?.release();
      return lock === undefined;
    },
    remove() {
      attempt(path, () => {
        rmSync(path, { recursive: true, force: true });
        syncFolder(root);
      });
    },
  };
}

/** Serial numbers that this host has joined with, in order. @throws AgentError agent-folder */
export function joined(root = AGENT_FOLDER): string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .filter((name) => readdirSync(join(root, name)).includes("identity.json"))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw unusable(root, error);
  }
}

/** The one that was asked for, or the only one. @throws AgentError not-joined, which-one, agent-folder */
export function chooseIdentity(serial: string | undefined, root = AGENT_FOLDER): string {
  const all = joined(root);
  if (serial !== undefined && all.includes(serial)) return serial;
  if (serial === undefined && all.length === 1) return all[0];
  const have = all.length === 0 ? "this host has joined no console" : `this host has joined as ${all.join(", ")}`;
  if (serial === undefined && all.length > 1) throw new AgentError("which-one", have, "Say which one: --serial SERIAL");
  throw new AgentError(
    "not-joined",
    serial === undefined ? have : `there is no identity of ${serial}: ${have}`,
    "Join first: vcpe join --console URL --serial SERIAL; or run from a file: -c FILE",
  );
}

function attempt(path: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): AgentError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new AgentError("agent-folder", `${path} cannot be used (${code ?? message})`, "Run it as root");
}
