/** A doorbell between threads that epoll can wait for: eventfd(2). */

import { failed } from "./error.ts";
import { close, errno, eventfd, hostAddress, read, write } from "./ffi.ts";

const EFD_CLOEXEC = 0x80000;
const EFD_NONBLOCK = 0x800;

/** The eight bytes that cross; one for each thread, as each has its own copy of this module. */
const count = new BigUint64Array(new ArrayBuffer(8));
const countAddress = hostAddress(count);

/** @throws LinuxError exhausted */
export function openEventfd(): number {
  const fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw failed(errno(), "make an eventfd");
  return fd;
}

/** Rings: a thread that waits for `fd` wakes. Rings add up; one `drainEventfd` answers them all. */
export function ringEventfd(fd: number): void {
  count[0] = 1n;
  // EAGAIN would mean 2^64 − 2 unanswered rings: it rings already.
  write(fd, countAddress, 8);
}

/** Answers all rings. */
export function drainEventfd(fd: number): void {
  read(fd, countAddress, 8);
}

export function closeEventfd(fd: number): void {
  close(fd);
}
