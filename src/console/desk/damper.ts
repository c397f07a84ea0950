/**
 * Holds back events that come too often, so that a device which flaps or talks nonsense fills neither the record nor anybody's screen:
 *
 *   event ── of one device (or other resource) and code: 5, then one in 5 minutes ── of one code: 20, then one in 30 s ──▶ record
 *
 * What is held back is told as one event with a count, as soon as there may be one more. So one device makes at most 293 events of a code in a
 * day, and all of them together 2,900; and who comes back after hours is told at once.
 */
import type { NewEvent } from "../store/events.ts";

/** So many at once, and then one in so many milliseconds. */
interface Allowance {
  readonly most: number;
  readonly every: number;
}

const OF_ONE: Allowance = { most: 5, every: 300_000 };
const OF_ALL: Allowance = { most: 20, every: 30_000 };

/** Milliseconds between looks at what is held back. */
const LOOK = 10_000;

/** Names in an event that stands for many. */
const NAMED = 5;

export class Damper {
  readonly #one: Held;
  readonly #all: Held;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (event: NewEvent) => void) {
    this.#all = new Held(OF_ALL, tell, ofMany);
    this.#one = new Held(OF_ONE, (event) => this.#all.event(event.code, event), ofOne);
  }

  event(event: NewEvent): void {
    this.#timer ??= setInterval(() => this.#look(), LOOK).unref();
    if (event.subject) this.#one.event(`${event.code} ${event.subject.id}`, event);
    else this.#all.event(event.code, event);
  }

  /** Tells all that is held back, and holds back nothing that was. */
  flush(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#one.flush();
    this.#all.flush();
  }

  #look(): void {
    this.#one.look();
    this.#all.look();
    if (!this.#one.empty || !this.#all.empty) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

interface Pile {
  /** Events that may be told. */
  left: number;
  count: number;
  readonly names: Set<string>;
  last: NewEvent | undefined;
}

class Held {
  readonly #allowance: Allowance;
  readonly #tell: (event: NewEvent) => void;
  readonly #together: (last: NewEvent, pile: Pile) => NewEvent;
  readonly #piles = new Map<string, Pile>();

  /** @param together one event out of two or more that were held back */
  constructor(
    allowance: Allowance,
    tell: (event: NewEvent) => void,
    together: (last: NewEvent, pile: Pile) => NewEvent,
  ) {
    this.#allowance = allowance;
    this.#tell = tell;
    this.#together = together;
  }

  get empty(): boolean {
    return this.#piles.size === 0;
  }

  event(key: string, event: NewEvent): void {
    const pile = this.#piles.get(key) ?? { left: this.#allowance.most, count: 0, names: new Set(), last: undefined };
    this.#piles.set(key, pile);
    if (pile.left >= 1 && pile.count === 0) {
      pile.left--;
      this.#tell(event);
      return;
    }
    pile.count++;
    pile.last = event;
    if (event.subject && pile.names.size < NAMED) pile.names.add(event.subject.name);
  }

  /** One more look's time has gone by. */
  look(): void {
    const { most, every } = this.#allowance;
    for (const [key, pile] of this.#piles) {
      pile.left = Math.min(most, pile.left + LOOK / every);
      if (pile.count > 0 && pile.left >= 1) {
        pile.left--;
        this.#empty(pile);
      }
      if (pile.count === 0 && pile.left === most) this.#piles.delete(key);
    }
  }

  flush(): void {
    for (const pile of this.#piles.values()) if (pile.count > 0) this.#empty(pile);
    this.#piles.clear();
  }

  #empty(pile: Pile): void {
    const { last, count } = pile;
    this.#tell(count === 1 ? last! : this.#together(last!, pile));
    pile.count = 0;
    pile.names.clear();
    pile.last = undefined;
  }
}

function ofOne(last: NewEvent, { count }: Pile): NewEvent {
  return { ...last, message: `${last.message} (${count} times since it was told last)` };
}

function ofMany({ level, code, message }: NewEvent, { count, names }: Pile): NewEvent {
  if (names.size === 0) return { level, code, message: `${count} more of the same, the last: ${message}` };
  const others = count > names.size ? ` and ${count - names.size} others` : "";
  return { level, code, message: `the same of ${count} more: ${[...names].join(", ")}${others}` };
}
