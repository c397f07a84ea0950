/** Answers already given, so that a client may repeat a request whose answer it lost. Kept for a day; keys belong to their user. */
import type { DatabaseSync } from "node:sqlite";

/** Milliseconds. */
const ANSWERS_KEPT = 24 * 3_600_000;

export interface Answer {
  /** SHA-256 of method, path and body, hexadecimal: a key stands for one request. */
  readonly request: string;
  readonly status: number;
  readonly location: string | null;
  readonly etag: string | null;
  /** JSON; without the keys of devices. */
  readonly body: string;
}

export class Answers {
  readonly #get;
  readonly #put;
  readonly #prune;

  constructor(database: DatabaseSync) {
    this.#get = database.prepare(
      "SELECT request, status, location, etag, body FROM answer WHERE user = ? AND key = ? AND at > ?",
    );
    this.#put = database.prepare(
      `INSERT INTO answer (user, key, at, request, status, location, etag, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#prune = database.prepare("DELETE FROM answer WHERE at <= ?");
  }

  /** @param now milliseconds since 1970 */
  find(user: string, key: string, now: number): Answer | undefined {
    return this.#get.get(user, key, now - ANSWERS_KEPT) as Answer | undefined;
  }

  /** Within the transaction of the change that is answered: both are on the disk, or neither. */
  keep(user: string, key: string, now: number, { request, status, location, etag, body }: Answer): void {
    this.#prune.run(now - ANSWERS_KEPT);
    this.#put.run(user, key, now, request, status, location, etag, body);
  }
}
