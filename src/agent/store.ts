/**
 * The last good configuration, on disk part by part (SQLite, synchronous=FULL): a change of one tunnel among ten thousand writes one row,
 * whole or not at all. What is read is believed only after signature and root were verified.
 */
import { chmodSync, closeSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Proof, Statement } from "../protocol/statement.ts";
import { freeze } from "../router/config/config.ts";
import { makeFolder } from "../router/durable.ts";
import { AgentError } from "./error.ts";
import type { Identity } from "./identity.ts";
import { kept, type Signed } from "./signed.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS part (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    statement TEXT NOT NULL,
    proof TEXT NOT NULL,
    seen INTEGER NOT NULL
  ) STRICT;
`;

/** SQLITE_BUSY (https://www.sqlite.org/rescode.html): another process has the file. */
const BUSY = 5;

/** The last eight bits of a code; the others tell more of the same. */
const PRIMARY = 0xff;

export class ConfigStore {
  readonly #path: string;
  #database: DatabaseSync;
  /** What the file holds; what is the same object in the next one need not be written. */
  #on: Signed | undefined;
  #seen = 0;

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
  }

  /**
   * `fault`: why what was there could not be used; it is put aside then, as `<path>.bad`, and the store is empty.
   *
   * @throws AgentError agent-folder: another program has it, and what is good must not be put aside for that
   */
  static open(path: string, identity: Identity): { readonly store: ConfigStore; readonly fault: string | undefined } {
    makeFolder(dirname(path), 0o700);
    try {
      const store = new ConfigStore(path, openFile(path));
      try {
        store.#load(identity);
        return { store, fault: undefined };
      } catch (error) {
        store.#database.close();
        throw error;
      }
    } catch (error) {
      if (isBusy(error))
        throw new AgentError("agent-folder", `${path} is locked by another program`, "End whatever else has it open");
      for (const end of ["-wal", "-shm", "-journal"]) rmSync(`${path}${end}`, { force: true });
      renameSync(path, `${path}.bad`);
      return { store: new ConfigStore(path, openFile(path)), fault: (error as Error).message };
    }
  }

  /** The last good configuration. */
  get last(): Signed | undefined {
    return this.#on;
  }

  /** Highest version that was ever kept; an older one is taken no more. */
  get seen(): number {
    return this.#seen;
  }

  /** On the disk when this returns. @throws Error of SQLite or the disk: the one from before stays. */
  keep(signed: Signed): void {
    const before = this.#on;
    const database = this.#database;
    database.exec("BEGIN IMMEDIATE");
    try {
      const remove = database.prepare("DELETE FROM part WHERE key = ?");
      const put = database.prepare("INSERT OR REPLACE INTO part (key, value) VALUES (?, ?)");
      for (const key of before?.parts.keys() ?? []) if (!signed.parts.has(key)) remove.run(key);
      for (const [key, part] of signed.parts) {
        if (before?.parts.get(key) !== part) put.run(key, JSON.stringify(part));
      }
      const seen = Math.max(this.#seen, signed.statement.version);
      database
        .prepare("INSERT OR REPLACE INTO head (one, statement, proof, seen) VALUES (1, ?, ?, ?)")
        .run(JSON.stringify(signed.statement), JSON.stringify(signed.proof), seen);
      database.exec("COMMIT");
      this.#seen = seen;
      this.#on = signed;
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#database.close();
  }

  #load(identity: Identity): void {
    const head = this.#database.prepare("SELECT statement, proof, seen FROM head").get() as
      | { statement: string; proof: string; seen: number }
      | undefined;
    if (!head) return;
    const rows = this.#database.prepare("SELECT key, value FROM part").all() as { key: string; value: string }[];
    const parts = new Map(rows.map(({ key, value }) => [key, freeze(JSON.parse(value) as unknown)]));
    const statement = JSON.parse(head.statement) as Statement;
    const signed = kept(parts, statement, JSON.parse(head.proof) as Proof, identity);
    if (statement.version < head.seen) {
      throw new Error(
        `It holds configuration ${statement.version}, and ${head.seen} was there before (${this.#path}).`,
      );
    }
    this.#on = signed;
    this.#seen = head.seen;
  }
}

function openFile(path: string): DatabaseSync {
  // SQLite makes files that others may read; its journals get the mode of the file.
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const database = new DatabaseSync(path);
  try {
    database.exec(`PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL; ${SCHEMA}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function isBusy(error: unknown): boolean {
  return (((error as { readonly errcode?: number }).errcode ?? 0) & PRIMARY) === BUSY;
}
