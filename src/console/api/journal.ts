/**
 * The newest happenings in memory, numbered, so that a reader that lost its connection goes on where it was. Numbers begin anew with
 * each start of the program; the start's own mark tells such numbers apart.
 */
import { randomBytes } from "node:crypto";

export interface Entry {
  /** "MARK-NUMBER" */
  readonly id: string;
  readonly type: "event" | "change" | "status";
  /** JSON, one line. */
  readonly data: string;
}

export class Journal {
  readonly #mark = randomBytes(6).toString("hex");
  readonly #kept: number;
  readonly #longest: number;
  readonly #entries: Entry[] = [];
  /** Characters of their data. */
  #length = 0;
  /** Number of the next entry. */
  #next = 1;

  /** @param kept how many entries stay, @param longest with how many characters: what nobody would be sent need not be kept */
  constructor(kept: number, longest = Number.POSITIVE_INFINITY) {
    this.#kept = kept;
    this.#longest = longest;
  }

  add(type: Entry["type"], data: object): Entry {
    const entry = { id: `${this.#mark}-${this.#next++}`, type, data: JSON.stringify(data) };
    this.#entries.push(entry);
    this.#length += entry.data.length;
    // Cut in big pieces: one shift for each entry would move all of them each time.
    if (this.#entries.length >= 2 * this.#kept || this.#length > 2 * this.#longest) this.#cut();
    return entry;
  }

  #cut(): void {
    let first = this.#entries.length;
    this.#length = 0;
    while (first > 0 && this.#entries.length - first < this.#kept) {
      const { length } = this.#entries[first - 1].data;
      if (this.#length + length > this.#longest) break;
      this.#length += length;
      first--;
    }
    this.#entries.splice(0, first);
  }

  /** The id of the newest. */
  get last(): string {
    return `${this.#mark}-${this.#next - 1}`;
  }

  /** What follows an entry; undefined: it is not known any more, or never was. */
  after(id: string): readonly Entry[] | undefined {
    const [, mark, number] = /^([0-9a-f]{12})-(\d{1,15})$/.exec(id) ?? [];
    if (mark !== this.#mark) return undefined;
    const first = this.#next - this.#entries.length;
    const index = Number(number) + 1 - first;
    return index < 0 || index > this.#entries.length ? undefined : this.#entries.slice(index);
  }
}
