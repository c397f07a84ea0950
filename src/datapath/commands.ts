/**
 * What the control thread tells a running worker: which TUN queues it serves, and to stop. A small block of shared memory
 * for each worker beside the big one, and an eventfd as the doorbell: a worker sits in system calls and never looks at its
 * message port.
 *
 *   word 0  DONE    the number of the last command that the worker has carried out
 *   word 1  WANTED  the number of the last command
 *   word 2  STOP    not 0: leave the loop
 *   word 3… FDS     file descriptor of its queue of TUN device i, −1: none
 */

import { MAX_TUNS } from "../../assembly/layout.ts";
import { closeEventfd, drainEventfd, openEventfd, ringEventfd } from "../linux/eventfd.ts";

const DONE = 0;
const WANTED = 1;
const STOP = 2;
const FDS = 3;

/** Milliseconds that a worker may take to answer: it does so between two batches. */
const PATIENCE = 1000;

/** What a worker is given to find its commands. */
export interface CommandsPart {
  readonly block: SharedArrayBuffer;
  /** The eventfd. */
  readonly bell: number;
}

/** The control thread's end. */
export class Commands {
  readonly part: CommandsPart;
  readonly #words: Int32Array;

  constructor() {
    const block = new SharedArrayBuffer((FDS + MAX_TUNS) * 4);
    this.#words = new Int32Array(block);
    this.#words.fill(-1, FDS);
    this.part = { block, bell: openEventfd() };
  }

  /** The worker serves this descriptor for TUN device `tun`; −1: none any more. */
  setTun(tun: number, fd: number): void {
    Atomics.store(this.#words, FDS + tun, fd);
    Atomics.add(this.#words, WANTED, 1);
    ringEventfd(this.part.bell);
  }

  /**
   * Waits until the worker has carried out all commands: only then may a descriptor that it gave up be closed, because its
   * number may be another file's the next moment. False: no answer in time (the worker has ended).
   */
  settle(): boolean {
    const wanted = Atomics.load(this.#words, WANTED);
    const until = Date.now() + PATIENCE;
    for (;;) {
      const done = Atomics.load(this.#words, DONE);
      if (done === wanted) return true;
      const left = until - Date.now();
      if (left <= 0 || Atomics.wait(this.#words, DONE, done, left) === "timed-out") return false;
    }
  }

  /** The worker looks at all packets that wait for a rate anew. */
  nudge(): void {
    ringEventfd(this.part.bell);
  }

  /** The worker leaves its loop after the batch at hand. */
  stop(): void {
    Atomics.store(this.#words, STOP, 1);
    ringEventfd(this.part.bell);
  }

  /** After the worker has ended. */
  close(): void {
    closeEventfd(this.part.bell);
  }
}

/** The worker's end. */
export class CommandsTaker {
  readonly #words: Int32Array;
  readonly #bell: number;

  constructor(part: CommandsPart) {
    this.#words = new Int32Array(part.block);
    this.#bell = part.bell;
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, STOP) !== 0;
  }

  /**
   * Answers the bell: calls `change` for each TUN device whose descriptor is not the one in `fds`, and notes it there; then
   * says that it is done.
   */
  take(fds: Int32Array, change: (tun: number, before: number, now: number) => void): void {
    drainEventfd(this.#bell);
    // Read before the descriptors: a command that comes in meanwhile rings again.
    const wanted = Atomics.load(this.#words, WANTED);
    for (let tun = 0; tun < fds.length; tun++) {
      const fd = Atomics.load(this.#words, FDS + tun);
      if (fd === fds[tun]) continue;
      const before = fds[tun];
      fds[tun] = fd;
      change(tun, before, fd);
    }
    Atomics.store(this.#words, DONE, wanted);
    Atomics.notify(this.#words, DONE);
  }
}
