/** Which SA slots of one worker are free, and which of them is handed out next. */

/**
 * So many freed slots rest before one of them is used again, as long as there are others: an SPI's slot is met again late. More would
 * cost memory, since each slot that was ever used keeps its pages.
 */
const REST = 512;

/**
 * Free slots of one worker: those that were never used, in order, and a queue of those that were. The slot that has been free longest
 * goes first.
 */
export class FreeSlots {
  readonly #slots: number[] = [];
  #from = 0;
  #fresh: number;
  readonly #step: number;
  readonly #end: number;

  /** Slots `first`, `first` + `step` … below `end`. */
  constructor(first: number, step: number, end: number) {
    this.#fresh = first;
    this.#step = step;
    this.#end = end;
  }

  get size(): number {
    return this.#rested + Math.max(0, Math.ceil((this.#end - this.#fresh) / this.#step));
  }

  get #rested(): number {
    return this.#slots.length - this.#from;
  }

  put(slot: number): void {
    this.#slots.push(slot);
  }

  take(): number | undefined {
    if (this.#fresh < this.#end && this.#rested <= REST) {
      const slot = this.#fresh;
      this.#fresh += this.#step;
      return slot;
    }
    if (this.#rested === 0) return undefined;
    const slot = this.#slots[this.#from++];
    // The queue's used front is cut off now and then, not at each take: that would move the rest every time.
    if (this.#from > 1024 && this.#from * 2 > this.#slots.length) {
      this.#slots.splice(0, this.#from);
      this.#from = 0;
    }
    return slot;
  }
}
