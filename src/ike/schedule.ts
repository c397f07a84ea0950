/** Everything that shall happen later, earliest first: a binary heap in which each alarm knows its place, so that a cancelled one leaves at once. */

/** Something that will run at a certain time. */
export interface Alarm {
  /** Milliseconds, the clock of `now`. */
  readonly at: number;
  readonly run: () => void;
  /** Place in the heap; −1: not in it. */
  place: number;
  /** Order of equal times. */
  readonly turn: number;
}

function before(a: Alarm, b: Alarm): boolean {
  return a.at < b.at || (a.at === b.at && a.turn < b.turn);
}

export class Schedule {
  readonly #heap: Alarm[] = [];
  #turn = 0;

  /** Number of alarms that wait. */
  get size(): number {
    return this.#heap.length;
  }

  /** When the earliest alarm is due. */
  next(): number | undefined {
    return this.#heap[0]?.at;
  }

  /** Runs `run` when time `at` has come. */
  set(at: number, run: () => void): Alarm {
    const alarm: Alarm = { at, run, place: this.#heap.length, turn: this.#turn++ };
    this.#heap.push(alarm);
    this.#up(alarm);
    return alarm;
  }

  /** The alarm will not run. No effect on one that has run or was cancelled. */
  cancel(alarm: Alarm | undefined): void {
    if (alarm === undefined || alarm.place < 0) return;
    const last = this.#heap.pop()!;
    if (last !== alarm) {
      this.#put(last, alarm.place);
      this.#up(last);
      this.#down(last);
    }
    alarm.place = -1;
  }

  /** Takes out the earliest alarm that is due at `now`; the caller runs it. */
  due(now: number): Alarm | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.cancel(first);
    return first;
  }

  #put(alarm: Alarm, place: number): void {
    this.#heap[place] = alarm;
    alarm.place = place;
  }

  #up(alarm: Alarm): void {
    while (alarm.place > 0) {
      const place = alarm.place;
      const parent = this.#heap[(place - 1) >> 1];
      if (!before(alarm, parent)) return;
      this.#put(alarm, parent.place);
      this.#put(parent, place);
    }
  }

  #down(alarm: Alarm): void {
    for (;;) {
      const place = alarm.place;
      let child = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      if (right !== undefined && before(right, child)) child = right;
      if (child === undefined || !before(child, alarm)) return;
      this.#put(alarm, child.place);
      this.#put(child, place);
    }
  }
}
