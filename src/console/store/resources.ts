/** The resources on disk: read whole at start, written change by change. */
import type { DatabaseSync } from "node:sqlite";
import type { Change, Intent } from "../model/intent.ts";
import { type Kind, type Resource, SPECS } from "../model/resources.ts";

interface Row {
  readonly kind: Kind;
  readonly id: string;
  readonly version: number;
  readonly created: string;
  readonly updated: string;
  readonly spec: string;
}

export class ResourceTable {
  readonly #database: DatabaseSync;
  readonly #put;
  readonly #remove;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#put = database.prepare(
      `INSERT INTO resource (kind, id, name, version, created, updated, spec) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, updated = excluded.updated, spec = excluded.spec`,
    );
    this.#remove = database.prepare("DELETE FROM resource WHERE kind = ? AND id = ?");
  }

  /** All of it. Order within a kind: by id. */
  read(): Intent {
    const intent = Object.fromEntries(Object.keys(SPECS).map((kind) => [kind, new Map()])) as {
      readonly [K in Kind]: Map<string, Resource>;
    };
    const rows = this.#database.prepare("SELECT kind, id, version, created, updated, spec FROM resource").iterate();
    for (const row of rows as Iterable<unknown>) {
      const { kind, id, version, created, updated, spec } = row as Row;
      intent[kind].set(id, { kind, id, version, created, updated, ...JSON.parse(spec) });
    }
    return intent as Intent;
  }

  /** Within the caller's transaction. */
  write(changes: readonly Change[]): void {
    // A renamed row goes first, so that two resources can exchange their names in one change.
    for (const { kind, id, before, after } of changes)
      if (before && before.name !== after?.name) this.#remove.run(kind, id);
    for (const { after } of changes) {
      if (!after) continue;
      const { kind, id, version, created, updated, ...spec } = after;
      this.#put.run(kind, id, after.name, version, created, updated, JSON.stringify(spec));
    }
  }
}
