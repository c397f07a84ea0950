/**
 * When the same befalls very many at once (a network is away, and a thousand devices with it), so many are told one by one, and the rest
 * as one event at the end of the period.
 */
import type { NewEvent } from "../store/events.ts";

/** Of one code, in one period. */
const MOST = 20;
/** Milliseconds. */
const PERIOD = 10_000;
/** Names in the event that stands for many. */
const NAMED = 5;

interface Held {
  told: number;
  more: number;
  level: NewEvent["level"];
  readonly names: string[];
}

export class Crowd {
  readonly #tell: (event: NewEvent) => void;
  readonly #codes = new Map<string, Held>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (event: NewEvent) => void) {
    this.#tell = tell;
  }

  event(event: NewEvent): void {
    this.#timer ??= setTimeout(() => this.flush(), PERIOD).unref();
    const held = this.#codes.get(event.code) ?? { told: 0, more: 0, level: event.level, names: [] };
    this.#codes.set(event.code, held);
    if (held.told < MOST) {
      held.told++;
      this.#tell(event);
      return;
    }
    held.more++;
    if (event.subject && held.names.length < NAMED) held.names.push(event.subject.name);
  }

  /** The period ends now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const codes = [...this.#codes];
    this.#codes.clear();
    for (const [code, { more, level, names }] of codes) {
      if (more === 0) continue;
      const others = more > names.length ? ` and ${more - names.length} others` : "";
      this.#tell({ level, code, message: `the same of ${more} more: ${names.join(", ")}${others}` });
    }
  }
}
