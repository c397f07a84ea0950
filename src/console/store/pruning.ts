/** When lines that are too old are looked for: with the first new one after a start, then once in so many new ones, and once in a day. */

const LINES = 1000;
/** Milliseconds. */
const DAY = 86_400_000;

export class Pruning {
  #left = 0;
  #next = 0;

  /** One more line was added. True: it is time. @param now milliseconds since 1970 */
  due(now: number): boolean {
    if (this.#left-- > 0 && now < this.#next) return false;
    this.#left = LINES;
    this.#next = now + DAY;
    return true;
  }
}
