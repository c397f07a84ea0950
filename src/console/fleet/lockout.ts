/** Counts failures and locks for a while; who fails is remembered in bounded memory, whether he exists or not. */

export interface LockoutLimits {
  /** So many failures within `window` lock for `window`, milliseconds. */
  readonly failures: number;
  readonly window: number;
  /** Names that are remembered; the one that failed longest ago is forgotten first. */
  readonly capacity: number;
}

interface Record {
  readonly since: number;
  readonly failures: number;
  readonly lockedUntil: number;
}

export class Lockout {
  readonly #limits: LockoutLimits;
  readonly #records = new Map<string, Record>();

  constructor(limits: LockoutLimits) {
    this.#limits = limits;
  }

  /** Milliseconds until `name` may try again; 0: now. */
  wait(name: string, now: number): number {
    return Math.max(0, (this.#records.get(name)?.lockedUntil ?? 0) - now);
  }

  /** True: this failure has locked `name`. */
  failed(name: string, now: number): boolean {
    const { failures: most, window, capacity } = this.#limits;
    const before = this.#records.get(name);
    const goesOn = before !== undefined && now - before.since < window && before.lockedUntil <= now;
    const failures = goesOn && before.failures < most ? before.failures + 1 : 1;
    const locks = failures >= most;
    this.#records.delete(name);
    this.#records.set(name, {
      since: goesOn ? before.since : now,
      failures,
      lockedUntil: locks ? now + window : (before?.lockedUntil ?? 0),
    });
    if (this.#records.size > capacity) this.#records.delete(this.#records.keys().next().value as string);
    return locks;
  }

  succeeded(name: string): void {
    this.#records.delete(name);
  }

  get size(): number {
    return this.#records.size;
  }
}
