/** Who changed what, when, from where. Append-only: the database itself refuses to rewrite or erase a line. */
import type { DatabaseSync } from "node:sqlite";
import type { Author } from "../author.ts";
import type { Change } from "../model/intent.ts";
import type { Kind } from "../model/resources.ts";
import { type Page, pageOf } from "./page.ts";

/** A resource as it was changed: of an update only the keys that differ. */
export interface AuditChange {
  readonly kind: Kind;
  readonly id: string;
  readonly name: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

export interface AuditEntry extends Author {
  readonly id: number;
  readonly at: string;
  /** "create instance", "bind ccn", "apply" … */
  readonly action: string;
  /** Of the intent, after the change. */
  readonly revision: number;
  readonly changes: readonly AuditChange[];
}

export class AuditLog {
  readonly #database: DatabaseSync;
  readonly #add;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#add = database.prepare(
      "INSERT INTO audit (at, user, role, via, address, action, revision, changes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
  }

  /** Within the caller's transaction. */
  add(at: string, author: Author, action: string, revision: number, changes: readonly Change[]): void {
    const { user, role, via, address } = author;
    this.#add.run(at, user, role, via, address, action, revision, JSON.stringify(changes.map(difference)));
  }

  list(filter: { readonly user?: string; readonly action?: string }, page: Page): AuditEntry[] {
    const rows = pageOf(this.#database, "audit", filter, page) as (Omit<AuditEntry, "changes"> & {
      readonly changes: string;
    })[];
    return rows.map((row) => ({ ...row, changes: JSON.parse(row.changes) }));
  }
}

function difference({ kind, id, before, after }: Change): AuditChange {
  const name = (after ?? before)!.name;
  if (!before || !after)
    return { kind, id, name, before: before ? spec(before) : null, after: after ? spec(after) : null };
  const [old, now] = [spec(before), spec(after)];
  const keys = Object.keys(now).filter((key) => JSON.stringify(old[key]) !== JSON.stringify(now[key]));
  const pick = (from: Readonly<Record<string, unknown>>) => Object.fromEntries(keys.map((key) => [key, from[key]]));
  return { kind, id, name, before: pick(old), after: pick(now) };
}

function spec(resource: object): Readonly<Record<string, unknown>> {
  const { kind: _k, id: _i, version: _v, created: _c, updated: _u, ...rest } = resource as Record<string, unknown>;
  return rest;
}
