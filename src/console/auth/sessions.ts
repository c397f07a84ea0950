/**
 * Sessions of browsers and of `vcpe login`. The id, 256 random bits, is in the cookie only; the database holds its SHA-256. The CSRF token
 * is a MAC under the id, so whoever cannot read the reply to the login does not have it, and it says nothing about the id.
 */
import { createHash, createHmac, randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";

const MINUTE = 60_000;
export const IDLE = 8 * 60 * MINUTE;
export const ABSOLUTE = 7 * 24 * 60 * MINUTE;

/** Sessions a user may have; the oldest ends when there is one more. */
const MOST = 50;

/** A session's last use is written down at most this often: each write waits for the disk. */
const TOUCH = MINUTE;

const ID = /^[\w-]{43}$/;

interface Row {
  readonly user: string;
  readonly created: number;
  readonly seen: number;
}

export class Sessions {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The id for the cookie. */
  begin(user: string, now: number): string {
    const id = randomBytes(32).toString("base64url");
    this.#database.prepare("DELETE FROM session WHERE created <= ? OR seen <= ?").run(now - ABSOLUTE, now - IDLE);
    this.#database
      .prepare("INSERT INTO session (hash, user, created, seen) VALUES (?, ?, ?, ?)")
      .run(hashOf(id), user, now, now);
    this.#database
      .prepare(
        "DELETE FROM session WHERE user = ?1 AND hash NOT IN (SELECT hash FROM session WHERE user = ?1 ORDER BY created DESC LIMIT ?2)",
      )
      .run(user, MOST);
    return id;
  }

  /** Whose session it is, which is used by this; undefined: nobody's, or it has ended. */
  use(id: string, now: number): string | undefined {
    const row = this.#row(id, now);
    if (row && now - row.seen >= TOUCH)
      this.#database.prepare("UPDATE session SET seen = ? WHERE hash = ?").run(now, hashOf(id));
    return row?.user;
  }

  /** The same, without being a use of it. */
  look(id: string, now: number): string | undefined {
    return this.#row(id, now)?.user;
  }

  end(id: string): void {
    this.#database.prepare("DELETE FROM session WHERE hash = ?").run(hashOf(id));
  }

  /** Ends all sessions of a user. */
  endAll(user: string): void {
    this.#database.prepare("DELETE FROM session WHERE user = ?").run(user);
  }

  #row(id: string, now: number): Row | undefined {
    if (!ID.test(id)) return undefined;
    const row = this.#database.prepare("SELECT user, created, seen FROM session WHERE hash = ?").get(hashOf(id)) as
      | Row
      | undefined;
    if (!row || (now - row.seen < IDLE && now - row.created < ABSOLUTE)) return row;
    this.end(id);
    return undefined;
  }
}

/** What a write in this session must carry in X-CSRF-Token. */
export function csrfOf(id: string): string {
  return createHmac("sha256", id).update("vcpe csrf 1").digest("base64url");
}

function hashOf(id: string): Buffer {
  return createHash("sha256").update(id).digest();
}
