/** Addresses that somebody has logged in from, as rows of the console's database: it knows them after a restart. */
import type { DatabaseSync } from "node:sqlite";

/** Milliseconds: 30 days. */
const KEPT = 30 * 24 * 3_600_000;
/** Those of the latest logins. */
const MOST = 10_000;

export class KnownAddresses {
  readonly #has;
  readonly #add;
  readonly #prune;

  constructor(database: DatabaseSync) {
    this.#has = database.prepare("SELECT 1 FROM login_address WHERE address = ? AND at > ?");
    this.#add = database.prepare(
      "INSERT INTO login_address (address, at) VALUES (?, ?) ON CONFLICT (address) DO UPDATE SET at = excluded.at",
    );
    this.#prune = database.prepare(
      "DELETE FROM login_address WHERE at <= ? OR at < (SELECT at FROM login_address ORDER BY at DESC LIMIT 1 OFFSET ?)",
    );
  }

  /** @param address clientKey of it */
  has(address: string, now: number): boolean {
    return this.#has.get(address, now - KEPT) !== undefined;
  }

  add(address: string, now: number): void {
    this.#add.run(address, now);
    this.#prune.run(now - KEPT, MOST - 1);
  }
}
