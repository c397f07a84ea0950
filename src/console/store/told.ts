/**
 * How things stood when an event last told of them, by id: that a device is connected, which device carries an instance. It outlives the
 * console, so that what is as it was is no news after a start.
 */
import type { DatabaseSync } from "node:sqlite";

export class Told {
  readonly #states: Map<string, string>;
  /** Not on the disk yet; undefined: to be forgotten. */
  readonly #dirty = new Map<string, string | undefined>();
  readonly #changed: () => void;
  readonly #put;
  readonly #remove;

  /** @param changed there is something to `write` */
  constructor(database: DatabaseSync, changed: () => void) {
    const rows = database.prepare("SELECT id, state FROM told").all() as { id: string; state: string }[];
    this.#states = new Map(rows.map(({ id, state }) => [id, state]));
    this.#changed = changed;
    this.#put = database.prepare(
      "INSERT INTO told (id, state) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state",
    );
    this.#remove = database.prepare("DELETE FROM told WHERE id = ?");
  }

  get(id: string): string | undefined {
    return this.#states.get(id);
  }

  ids(): string[] {
    return [...this.#states.keys()];
  }

  set(id: string, state: string | undefined): void {
    if (this.#states.get(id) === state) return;
    if (state === undefined) this.#states.delete(id);
    else this.#states.set(id, state);
    this.#dirty.set(id, state);
    this.#changed();
  }

  /** Within the caller's transaction. */
  write(): void {
    for (const [id, state] of this.#dirty) {
      if (state === undefined) this.#remove.run(id);
      else this.#put.run(id, state);
    }
  }

  /** What was written is on the disk. */
  written(): void {
    this.#dirty.clear();
  }
}
