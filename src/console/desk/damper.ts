/**
 * Holds back events that come too often, so that a device which flaps or talks nonsense fills neither the record nor anybody's screen:
 *
 *   event ── of one device (or other resource) and code: 5, then one in 5 minutes ── of one code: 20, then one in 30 s ──▶ record
 *   event ── of strangers, whom no resource stands for, and one code: 20, then one in 5 minutes ─────────────────────────▶ record
 *
 * A code that has two levels counts as two: no good news holds back bad news.
 *
 * What is held back is told as one event with a count, as soon as there may be one more. So one device makes at most 293 events of a code in a
 * day, and all of them together 2,900; strangers 308: in the 90 days that events are kept they fill half of the record at most, whatever they
 * try. And who comes back after hours is told at once.
 */
import { type Allowance, Held } from "../held.ts";
import type { NewEvent } from "../store/events.ts";

const OF_ONE: Allowance = { most: 5, every: 300_000 };
const OF_ALL: Allowance = { most: 20, every: 30_000 };
const OF_STRANGERS: Allowance = { most: 20, every: 300_000 };

/** Names in an event that stands for many. */
const NAMED = 5;

/** Of one device and code. */
interface Again {
  readonly last: NewEvent;
  readonly count: number;
}

/** Of one code. */
interface Many extends Again {
  readonly names: readonly string[];
}

export class Damper {
  readonly #one: Held<Again>;
  readonly #all: Held<Many>;
  readonly #strangers: Held<Many>;

  constructor(tell: (event: NewEvent) => void) {
    const parts = { tell: (many: Many) => tell(ofMany(many)), fold: foldMany };
    this.#strangers = new Held(OF_STRANGERS, parts);
    this.#all = new Held(OF_ALL, parts);
    this.#one = new Held<Again>(OF_ONE, {
      tell: (again) => this.#all.add(sortOf(again.last), manyOf(ofOne(again))),
      fold: ({ count }, { last }) => ({ last, count: count + 1 }),
    });
  }

  event(event: NewEvent): void {
    if (event.subject) this.#one.add(`${sortOf(event)} ${event.subject.id}`, { last: event, count: 1 });
    else this.#strangers.add(sortOf(event), manyOf(event));
  }

  /** Tells all that is held back, and holds back nothing that was. */
  flush(): void {
    this.#one.flush();
    this.#all.flush();
    this.#strangers.flush();
  }
}

function sortOf({ level, code }: NewEvent): string {
  return `${level} ${code}`;
}

function manyOf(event: NewEvent): Many {
  return { last: event, count: 1, names: event.subject ? [event.subject.name] : [] };
}

function foldMany({ count, names }: Many, next: Many): Many {
  const fresh = next.names.filter((name) => !names.includes(name));
  return { last: next.last, count: count + 1, names: [...names, ...fresh].slice(0, NAMED) };
}

function ofOne({ last, count }: Again): NewEvent {
  return count === 1 ? last : { ...last, message: `${last.message} (${count} times since it was told last)` };
}

function ofMany({ last, count, names }: Many): NewEvent {
  if (count === 1) return last;
  const { level, code, message } = last;
  if (names.length === 0) return { level, code, message: `${count} more of the same, the last: ${message}` };
  const others = count > names.length ? ` and ${count - names.length} others` : "";
  return { level, code, message: `the same of ${count} more: ${names.join(", ")}${others}` };
}
