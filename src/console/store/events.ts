/** What happened in the field, for people. The newest are kept: at most `number`, none older than `age`. */
import type { DatabaseSync } from "node:sqlite";
import type { Kind } from "../model/resources.ts";
import { type Page, pageOf } from "./page.ts";
import { Pruning } from "./pruning.ts";

export type Level = "INFO" | "WARN" | "CRITICAL";

export interface NewEvent {
  readonly level: Level;
  /** "DeviceOffline" … */
  readonly code: string;
  readonly message: string;
  readonly subject?: { readonly kind: Kind; readonly id: string; readonly name: string };
}

export interface StoredEvent extends NewEvent {
  readonly id: number;
  readonly at: string;
}

interface Row {
  readonly id: number;
  readonly at: string;
  readonly level: Level;
  readonly code: string;
  readonly message: string;
  readonly kind: Kind | null;
  readonly subject: string | null;
  readonly name: string | null;
}

export interface EventsKept {
  /** Lines. */
  readonly number: number;
  /** Milliseconds. */
  readonly age: number;
}

export const EVENTS_KEPT: EventsKept = { number: 100_000, age: 90 * 86_400_000 };
/** Of a message, characters. */
const LONGEST = 1000;

export class EventLog {
  readonly #database: DatabaseSync;
  readonly #kept: EventsKept;
  readonly #add;
  readonly #pruning = new Pruning();

  constructor(database: DatabaseSync, kept: EventsKept = EVENTS_KEPT) {
    this.#database = database;
    this.#kept = kept;
    this.#add = database.prepare(
      "INSERT INTO event (at, level, code, message, kind, subject, name) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
  }

  /** Within the caller's transaction. @param now milliseconds since 1970 */
  add(now: number, { level, code, subject, ...event }: NewEvent): StoredEvent {
    const at = new Date(now).toISOString();
    const message = plain(event.message);
    const { lastInsertRowid } = this.#add.run(
      at,
      level,
      code,
      message,
      subject?.kind ?? null,
      subject?.id ?? null,
      subject?.name ?? null,
    );
    if (this.#pruning.due(now)) this.#prune(now);
    return { id: Number(lastInsertRowid), at, level, code, message, ...(subject && { subject }) };
  }

  list(
    filter: { readonly level?: Level; readonly subject?: string; readonly code?: string },
    page: Page,
  ): StoredEvent[] {
    return (pageOf(this.#database, "event", filter, page) as Row[]).map(stored);
  }

  #prune(now: number): void {
    this.#database
      .prepare("DELETE FROM event WHERE at < ? OR id <= (SELECT MAX(id) FROM event) - ?")
      .run(new Date(now - this.#kept.age).toISOString(), this.#kept.number);
  }
}

function stored({ id, at, level, code, message, kind, subject, name }: Row): StoredEvent {
  const about = kind !== null && subject !== null && name !== null ? { subject: { kind, id: subject, name } } : {};
  return { id, at, level, code, message, ...about };
}

/** What devices and hosts say of themselves stands in messages: one line of letters that no terminal takes for a command, and no more than LONGEST. */
function plain(message: string): string {
  const line = message.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1).toWellFormed()}…` : line;
}
