/** The revision of the intent, and for each router the revision that last changed its parts. */
import type { DatabaseSync } from "node:sqlite";

export interface RouterVersion {
  readonly version: number;
  /** See desk/fingerprint.ts. */
  readonly fingerprint: number;
}

export class RouterTable {
  readonly #database: DatabaseSync;
  readonly #put;
  readonly #remove;
  readonly #revision;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#put = database.prepare(
      `INSERT INTO router (id, version, fingerprint) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET version = excluded.version, fingerprint = excluded.fingerprint`,
    );
    this.#remove = database.prepare("DELETE FROM router WHERE id = ?");
    this.#revision = database.prepare("UPDATE revision SET number = ?");
  }

  revision(): number {
    return (this.#database.prepare("SELECT number FROM revision").get() as { readonly number: number }).number;
  }

  read(): Map<string, RouterVersion> {
    const rows = this.#database.prepare("SELECT id, version, fingerprint FROM router").all();
    return new Map((rows as unknown as (RouterVersion & { id: string })[]).map(({ id, ...router }) => [id, router]));
  }

  /** Within the caller's transaction. Routers without a version are forgotten. */
  write(revision: number, routers: ReadonlyMap<string, RouterVersion | undefined>): void {
    this.#revision.run(revision);
    for (const [id, router] of routers) {
      if (router) this.#put.run(id, router.version, router.fingerprint);
      else this.#remove.run(id);
    }
  }
}
