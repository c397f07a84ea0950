import type { Realm } from "./realm.ts";
import type { Alarm } from "./schedule.ts";

/** The alarms of one owner, by name: one of each, all cancelled when the owner goes. */
export class Timers {
  readonly #realm: Realm;
  readonly #alarms = new Map<string, Alarm>();

  constructor(realm: Realm) {
    this.#realm = realm;
  }

  /** Runs `run` in `ms` milliseconds, instead of what this name was set to before. */
  set(name: string, ms: number, run: () => void): void {
    this.clear(name);
    const alarm = this.#realm.after(ms, () => {
      this.#alarms.delete(name);
      run();
    });
    this.#alarms.set(name, alarm);
  }

  has(name: string): boolean {
    return this.#alarms.has(name);
  }

  clear(name: string): void {
    this.#realm.cancel(this.#alarms.get(name));
    this.#alarms.delete(name);
  }

  clearAll(): void {
    for (const alarm of this.#alarms.values()) this.#realm.cancel(alarm);
    this.#alarms.clear();
  }
}
