/** Short sleeps of a thread that makes system calls itself: nanosleep(2). */

import { hostAddress, nanosleep, prctl } from "./ffi.ts";

const PR_SET_TIMERSLACK = 29;

/** A sleep of one length, laid out once. */
export class Pause {
  /** struct timespec: seconds, nanoseconds. Held here, since the kernel only knows its address. */
  readonly #time: BigInt64Array;
  readonly #address: number;

  /** @param microseconds 1–999,999 */
  constructor(microseconds: number) {
    this.#time = new BigInt64Array(new ArrayBuffer(16));
    this.#time[1] = BigInt(microseconds * 1000);
    this.#address = hostAddress(this.#time);
  }

  /** Sleeps, at least that long but for a signal. */
  sleep(): void {
    nanosleep(this.#address, 0);
  }
}

/** The calling thread's timers may be late by so many nanoseconds, at least 1; the kernel's default of 50,000 would double a short sleep. */
export function setTimerSlack(nanoseconds: number): void {
  prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0);
}
