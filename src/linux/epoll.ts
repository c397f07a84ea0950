/** Waits for many descriptors at once: epoll(7), level-triggered. */

import { failed } from "./error.ts";
import { close, epollControl, epollCreate, epollWait, errno, hostAddress } from "./ffi.ts";

const EPOLL_CLOEXEC = 0x80000;
const CTL_ADD = 1;
const CTL_DEL = 2;

export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;

const EINTR = 4;

/** struct epoll_event in u32: packed to 12 bytes on x86-64 only, where 32-bit programs share its form. */
const STRIDE = process.arch === "x64" ? 3 : 4;
const DATA = process.arch === "x64" ? 1 : 2;

export class Epoll {
  readonly #fd: number;
  readonly #events: Uint32Array;
  readonly #address: number;
  readonly #capacity: number;

  /** Room for `capacity` events in one wait. */
  constructor(capacity = 64) {
    this.#fd = epollCreate(EPOLL_CLOEXEC);
    if (this.#fd < 0) throw failed(errno(), "make an epoll instance");
    this.#capacity = capacity;
    // One entry more than a wait fills: `add` and `remove` pass theirs there.
    this.#events = new Uint32Array(new ArrayBuffer((capacity + 1) * STRIDE * 4));
    this.#address = hostAddress(this.#events);
  }

  /** Waits for `events` (EPOLL*) of `fd`; `tag` (u32) comes back with each. */
  add(fd: number, events: number, tag: number): void {
    const entry = this.#capacity * STRIDE;
    this.#events[entry] = events;
    this.#events[entry + DATA] = tag;
    this.#events[entry + DATA + 1] = 0;
    if (epollControl(this.#fd, CTL_ADD, fd, this.#address + entry * 4) < 0) {
      throw failed(errno(), `wait for file descriptor ${fd}`);
    }
  }

  /** No more events of `fd`. A closed descriptor has left by itself. */
  remove(fd: number): void {
    epollControl(this.#fd, CTL_DEL, fd, this.#address + this.#capacity * STRIDE * 4);
  }

  /** Waits up to `timeout` ms (−1 for ever, 0 not at all); the number of events. A signal ends the wait with 0. */
  wait(timeout: number): number {
    const count = epollWait(this.#fd, this.#address, this.#capacity, timeout);
    if (count >= 0) return count;
    const code = errno();
    if (code === EINTR) return 0;
    throw failed(code, "wait for events");
  }

  /** What was given to `add`, of event `index` of the last wait. */
  tag(index: number): number {
    return this.#events[index * STRIDE + DATA];
  }

  /** EPOLL* bits of event `index` of the last wait. */
  events(index: number): number {
    return this.#events[index * STRIDE];
  }

  close(): void {
    close(this.#fd);
  }
}
