/**
 * The console's SQLite file: opened so that what was committed is on the disk (WAL, synchronous=FULL), and brought to the newest schema.
 * Each part of the console brings the migrations of its own tables.
 */
import { chmodSync, closeSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeFolder } from "../../router/durable.ts";
import { StartError } from "../start.ts";

/** Runs once in the life of a file. Never changed after a release; a new one follows. */
export interface Migration {
  /** Unique and stable: "store-1". */
  readonly name: string;
  readonly sql: string;
}

/** @throws StartError: it was made by a newer version. Error of SQLite: it cannot be opened, or is no database. */
export function openDatabase(path: string, migrations: readonly Migration[]): DatabaseSync {
  if (path !== ":memory:") {
    makeFolder(dirname(path), 0o700);
    // SQLite makes files that others may read; its journals get the mode of the file.
    closeSync(openSync(path, "a", 0o600));
    chmodSync(path, 0o600);
  }
  const database = new DatabaseSync(path);
  try {
    database.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000",
    );
    database.exec("CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT");
    const known = new Set(migrations.map(({ name }) => name));
    const done = database.prepare("SELECT name FROM migration").all() as { readonly name: string }[];
    const strange = done.find(({ name }) => !known.has(name));
    if (strange)
      throw new StartError(
        "database",
        `${path} was written by a newer version of vcpe (migration "${strange.name}")`,
        "Run that version, or restore a back-up from before the upgrade",
      );
    const finished = new Set(done.map(({ name }) => name));
    for (const { name, sql } of migrations) {
      if (finished.has(name)) continue;
      inTransaction(database, () => {
        database.exec(sql);
        database.prepare("INSERT INTO migration (name, at) VALUES (?, ?)").run(name, new Date().toISOString());
      });
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Runs `act` in one transaction: all of it is on the disk when this returns, or nothing of it is when it throws. Within another one it is
 * a part of that.
 */
export function inTransaction<T>(database: DatabaseSync, act: () => T): T {
  if (database.isTransaction) return act();
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = act();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
