/**
 * Works out fingerprints (versions.ts) when those whom changes concern have been told: some time after the last of them, some routers at a
 * time, with time for others between. What fails is tried again.
 */
import type { RouterVersions } from "./versions.ts";

export interface FingerprintsParts {
  readonly versions: RouterVersions;
  /** In a transaction. @throws what it throws: nothing is written */
  readonly write: (act: () => void) => void;
  readonly isOpen: () => boolean;
  readonly onFault: (error: unknown) => void;
  /** All are written, so many since the last time, and nobody waits: not at the end, when there is no next change. */
  readonly onQuiet: (routers: number) => void;
}

/** Milliseconds after the last change, and after the first where changes do not end; how many at a time, and milliseconds for others between. */
const LATER = 2000;
const LATEST = 60_000;
const SOME = 500;
const PAUSE = 20;

export class Fingerprints {
  readonly #parts: FingerprintsParts;
  #timer: NodeJS.Timeout | undefined;
  /** By when it begins in any case, milliseconds as `performance.now` has them; undefined: nothing waits. */
  #latest: number | undefined;
  /** Since nothing was left to do. */
  #written = 0;

  constructor(parts: FingerprintsParts) {
    this.#parts = parts;
  }

  /** There was a change: it waits for the next one, but not for ever. */
  soon(): void {
    if (!this.#parts.versions.unknown) return;
    const now = performance.now();
    this.#latest ??= now + LATEST;
    this.#in(Math.max(0, Math.min(LATER, this.#latest - now)));
  }

  /** All that are left, now; nothing more later. */
  close(): void {
    this.#write(Number.POSITIVE_INFINITY);
    clearTimeout(this.#timer);
  }

  #in(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#some(), ms).unref();
  }

  #some(): void {
    const good = this.#write(SOME);
    if (this.#parts.versions.unknown) {
      if (good) this.#in(PAUSE);
      return;
    }
    this.#latest = undefined;
    if (!good) return;
    this.#parts.onQuiet(this.#written);
    this.#written = 0;
  }

  /** False: nothing was to be written, or could be. */
  #write(most: number): boolean {
    const { versions, write, isOpen, onFault } = this.#parts;
    // Who opened the database may have closed it.
    if (!versions.unknown || !isOpen()) return false;
    try {
      let routers: readonly string[] = [];
      write(() => {
        routers = versions.writeFingerprints(most);
      });
      versions.fingerprintsWritten(routers);
      this.#written += routers.length;
      return true;
    } catch (error) {
      onFault(error);
      this.#in(LATER);
      return false;
    }
  }
}
