/** Who may enrol, and which host has: the tables of the fleet. Reads go to the database, so that what a transaction takes back is not there. */
import { createHmac, randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";

export interface Entry {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  readonly host: string | null;
  readonly hostname: string | null;
  /** Of the identity that was issued last; 0: none. */
  readonly generation: number;
}

export class Book {
  readonly #database: DatabaseSync;
  readonly #decoy: Uint8Array;

  constructor(database: DatabaseSync) {
    this.#database = database;
    database
      .prepare("INSERT INTO fleet_secret (name, value) VALUES ('decoy', ?) ON CONFLICT DO NOTHING")
      .run(randomBytes(32));
    const row = database.prepare("SELECT value FROM fleet_secret WHERE name = 'decoy'").get();
    this.#decoy = (row as { value: Uint8Array }).value;
  }

  entry(device: string): Entry | undefined {
    return this.#database
      .prepare("SELECT secret, host, hostname, generation FROM enrolment WHERE device = ?")
      .get(device) as Entry | undefined;
  }

  /** The secret of a serial number that does not exist: always the same, and nobody has a key that it comes from. 32 bytes. */
  decoy(serial: string): Uint8Array {
    return createHmac("sha256", this.#decoy).update(serial).digest();
  }

  /** Generations that were issued, by device. */
  issued(): Map<string, number> {
    const rows = this.#database.prepare("SELECT device, generation FROM enrolment WHERE generation > 0").all();
    return new Map((rows as { device: string; generation: number }[]).map((row) => [row.device, row.generation]));
  }

  /** A new key: any host may enrol with it. */
  setSecret(device: string, secret: Uint8Array): void {
    this.#database
      .prepare(
        "INSERT INTO enrolment (device, secret) VALUES (?, ?) ON CONFLICT (device) DO UPDATE SET secret = excluded.secret, host = NULL, hostname = NULL, generation = 0",
      )
      .run(device, secret);
  }

  /** The identity of this generation goes to this host. False: another one has it, or the key is another by now. */
  claim(device: string, secret: Uint8Array, host: string, hostname: string, generation: number): boolean {
    const { changes } = this.#database
      .prepare(
        "UPDATE enrolment SET host = ?, hostname = ?, generation = ? WHERE device = ? AND secret = ? AND (host IS NULL OR host = ?)",
      )
      .run(host, hostname, generation, device, secret, host);
    return changes === 1;
  }

  release(device: string): void {
    this.#database
      .prepare("UPDATE enrolment SET host = NULL, hostname = NULL, generation = 0 WHERE device = ?")
      .run(device);
  }

  forget(device: string): void {
    this.#database.prepare("DELETE FROM enrolment WHERE device = ?").run(device);
  }
}
