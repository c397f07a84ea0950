/**
 * Tells of enrolments and of identities in use twice, as events. When very many come at once (somebody tries keys, 10,000 devices enrol),
 * a few are told one by one, and the rest as one. Who is connected and what is applied is told elsewhere (desk/alarms).
 */
import type { FleetEvent } from "./desk.ts";

/** Of one code, in one period. */
const MOST = 10;
/** Milliseconds. */
const PERIOD = 250;

export class Herald {
  readonly #tell: (event: FleetEvent) => void;
  readonly #held = new Map<string, FleetEvent[]>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (event: FleetEvent) => void) {
    this.#tell = tell;
  }

  /** Told a moment later, after whatever goes on now: the time that an answer takes shows nothing of it. */
  event(event: FleetEvent): void {
    const same = this.#held.get(event.code);
    if (same) same.push(event);
    else this.#held.set(event.code, [event]);
    this.#timer ??= setTimeout(() => this.flush(), PERIOD);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const events of held) {
      for (const event of events.slice(0, MOST)) this.#tell(event);
      const rest = events.length - MOST;
      if (rest <= 0) continue;
      const { level, code } = events[MOST];
      this.#tell({
        level,
        code,
        message: `${rest} more of the same at once, the last: ${events.at(-1)?.message}`,
      });
    }
  }
}
