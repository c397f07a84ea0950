/**
 * Holds back what comes too often: of each key so many are let through at once, then one in so much time, which stands for all that came
 * meanwhile. In memory; what is held back when the program is killed is lost.
 */

export interface Allowance {
  /** So many at once, */
  readonly most: number;
  /** and then one in so many milliseconds. */
  readonly every: number;
  /** Keys that are remembered; of the oldest one more is let through when there are too many. Default: no bound. */
  readonly keys?: number;
}

export interface HeldParts<T> {
  /** One that may be let through. Never throws. */
  readonly tell: (one: T) => void;
  /** What was held back and the next one, as one. */
  readonly fold: (held: T, next: T) => T;
}

/** Milliseconds between looks at what is held back. */
const LOOK = 10_000;

interface Pile<T> {
  /** Milliseconds that it has waited; one is let through for `every` of them. */
  credit: number;
  held: { readonly one: T } | undefined;
}

export class Held<T> {
  readonly #allowance: Allowance;
  readonly #parts: HeldParts<T>;
  readonly #piles = new Map<string, Pile<T>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(allowance: Allowance, parts: HeldParts<T>) {
    this.#allowance = allowance;
    this.#parts = parts;
  }

  add(key: string, one: T): void {
    const { most, every, keys = Number.POSITIVE_INFINITY } = this.#allowance;
    const known = this.#piles.get(key);
    const pile = known ?? { credit: most * every, held: undefined };
    if (!known) {
      this.#piles.set(key, pile);
      this.#timer ??= setInterval(() => this.#look(), LOOK).unref();
      if (this.#piles.size > keys) this.#forget(this.#piles.keys().next().value as string);
    }
    if (pile.held) pile.held = { one: this.#parts.fold(pile.held.one, one) };
    else if (pile.credit >= every) this.#tell(pile, one);
    else pile.held = { one };
  }

  /** Lets through all that is held back, and holds back nothing that was. */
  flush(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const key of [...this.#piles.keys()]) this.#forget(key);
  }

  #look(): void {
    const { most, every } = this.#allowance;
    for (const [key, pile] of this.#piles) {
      pile.credit = Math.min(most * every, pile.credit + LOOK);
      if (pile.held && pile.credit >= every) this.#tell(pile, pile.held.one);
      if (!pile.held && pile.credit === most * every) this.#piles.delete(key);
    }
    if (this.#piles.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #forget(key: string): void {
    const { held } = this.#piles.get(key)!;
    if (held) this.#parts.tell(held.one);
    this.#piles.delete(key);
  }

  #tell(pile: Pile<T>, one: T): void {
    this.#parts.tell(one);
    pile.held = undefined;
    pile.credit -= this.#allowance.every;
  }
}
