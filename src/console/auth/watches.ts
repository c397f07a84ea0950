/** Replies that go on for long (event streams) end with the right to them: each is looked at again whenever that may have changed. */

interface Watch {
  readonly stands: () => boolean;
  readonly end: () => void;
}

export class Watches {
  readonly #watches = new Set<Watch>();

  /** `end` is called once, when `stands` says no. Gives back what stops the watch. */
  add(stands: () => boolean, end: () => void): () => void {
    const watch = { stands, end };
    this.#watches.add(watch);
    return () => void this.#watches.delete(watch);
  }

  check(): void {
    for (const watch of this.#watches) {
      if (watch.stands()) continue;
      this.#watches.delete(watch);
      watch.end();
    }
  }
}
