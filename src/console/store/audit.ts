/**
 * Who changed what, when, from where. Append-only: the database itself refuses to rewrite a line, or to erase one that is younger than a
 * year. What strangers did, who have not logged in, is kept like events: it must not fill the disk.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Author } from "../author.ts";
import type { Change } from "../model/intent.ts";
import type { Kind } from "../model/resources.ts";
import { EVENTS_KEPT, type EventsKept } from "./events.ts";
import { type Page, pageOf } from "./page.ts";
import { Pruning } from "./pruning.ts";

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

export interface AuditKept {
  /** Of what users did; milliseconds, a year at least. Not by number: who may change much must not be able to push out what he did. */
  readonly age: number;
  readonly strangers: EventsKept;
}

export const AUDIT_KEPT: AuditKept = { age: 1825 * 86_400_000, strangers: EVENTS_KEPT };

export class AuditLog {
  readonly #database: DatabaseSync;
  readonly #kept: AuditKept;
  readonly #pruning = new Pruning();
  readonly #add;

  constructor(database: DatabaseSync, kept: AuditKept = AUDIT_KEPT) {
    this.#database = database;
    this.#kept = kept;
    this.#add = database.prepare(
      "INSERT INTO audit (at, user, role, via, address, action, revision, changes, stranger) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
  }

  /** Within the caller's transaction. @param now milliseconds since 1970. @param stranger nobody had logged in for it */
  add(
    now: number,
    { user, role, via, address }: Author,
    action: string,
    revision: number,
    changes: readonly Change[],
    stranger = false,
  ): void {
    const text = JSON.stringify(changes.map(difference));
    this.#add.run(timeOf(now), user, role, via, address, action, revision, text, stranger ? 1 : 0);
    if (this.#pruning.due(now)) this.#prune(now);
  }

  list(filter: { readonly user?: string; readonly action?: string }, page: Page): AuditEntry[] {
    const rows = pageOf(this.#database, "audit", filter, page) as (Omit<AuditEntry, "changes"> & {
      readonly changes: string;
      readonly stranger: number;
    })[];
    return rows.map(({ stranger: _, ...row }) => ({ ...row, changes: JSON.parse(row.changes) }));
  }

  #prune(now: number): void {
    const { age, strangers } = this.#kept;
    // Lines stand in the order of time: up to the first that is to be kept.
    this.#database
      .prepare("DELETE FROM audit WHERE id < (SELECT id FROM audit WHERE at >= ? ORDER BY id LIMIT 1)")
      .run(timeOf(now - age));
    this.#database
      .prepare(
        `DELETE FROM audit WHERE id IN (
           SELECT id FROM audit WHERE stranger = 1 AND at < ?
           UNION SELECT id FROM (SELECT id FROM audit WHERE stranger = 1 ORDER BY at DESC LIMIT -1 OFFSET ?)
         )`,
      )
      .run(timeOf(now - strangers.age), strangers.number);
  }
}

function timeOf(now: number): string {
  return new Date(now).toISOString();
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
