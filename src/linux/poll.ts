/** Waits for one descriptor: poll(2). For the rare moment when a socket's send buffer is full; batches wait by epoll. */

import { hostAddress, poll } from "./ffi.ts";

const POLLOUT = 4;

/** struct pollfd {int fd; short events; short revents}; one for each thread. */
const entry = new DataView(new ArrayBuffer(8));
const entryAddress = hostAddress(entry);

/** Waits up to `timeout` ms until `fd` can be written to. False: it can't yet. */
export function waitWritable(fd: number, timeout: number): boolean {
  entry.setInt32(0, fd, true);
  entry.setInt16(4, POLLOUT, true);
  entry.setInt16(6, 0, true);
  return poll(entryAddress, 1, timeout) > 0;
}
