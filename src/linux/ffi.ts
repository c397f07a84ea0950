/**
 * Every foreign signature of the house: libc through koffi. No other file declares one.
 *
 * Pointers are `uintptr_t` and cross as plain numbers: user addresses have at most 47 bits, so a double holds them, and a
 * call allocates nothing. The price is that nothing is checked: whoever passes an address keeps the memory behind it
 * alive, and says how long it is. Each function returns what libc returns, −1 for failure; `errno()` then tells why, and
 * only until the next call.
 *
 * `ioctl`, `fcntl` and `open` are variadic in C; on the ABIs we run on (x86-64, AArch64 Linux) an integer argument passes
 * the same way in both forms.
 */

import koffi from "koffi";

/** The symbols of the running process: its libc, whether that is glibc or musl. */
const library = koffi.load(null);

type Call<A extends unknown[]> = (...args: A) => number;

function declare<A extends unknown[]>(signature: string): Call<A> {
  return library.func(signature) as Call<A>;
}

/** A virtual address of this process. */
export type HostAddress = number;

export const open = declare<[path: string, flags: number, mode: number]>(
  "int open(const char *path, int flags, int mode)",
);
export const close = declare<[fd: number]>("int close(int fd)");
export const read = declare<[fd: number, buffer: HostAddress, size: number]>(
  "int64_t read(int fd, uintptr_t buffer, size_t size)",
);
export const write = declare<[fd: number, buffer: HostAddress, size: number]>(
  "int64_t write(int fd, uintptr_t buffer, size_t size)",
);
export const writev = declare<[fd: number, iov: HostAddress, count: number]>(
  "int64_t writev(int fd, uintptr_t iov, int count)",
);
export const ioctl = declare<[fd: number, request: number, argument: HostAddress]>(
  "int ioctl(int fd, unsigned long request, uintptr_t argument)",
);

/** Advisory lock of a whole open file, flock(2). */
export const flock = declare<[fd: number, operation: number]>("int flock(int fd, int operation)");

export const socket = declare<[domain: number, type: number, protocol: number]>(
  "int socket(int domain, int type, int protocol)",
);
export const bind = declare<[fd: number, name: HostAddress, length: number]>(
  "int bind(int fd, uintptr_t name, uint32_t length)",
);
export const connect = declare<[fd: number, name: HostAddress, length: number]>(
  "int connect(int fd, uintptr_t name, uint32_t length)",
);
export const getsockname = declare<[fd: number, name: HostAddress, length: HostAddress]>(
  "int getsockname(int fd, uintptr_t name, uintptr_t length)",
);
export const setsockopt = declare<[fd: number, level: number, option: number, value: HostAddress, length: number]>(
  "int setsockopt(int fd, int level, int option, uintptr_t value, uint32_t length)",
);
export const getsockopt = declare<[fd: number, level: number, option: number, value: HostAddress, length: HostAddress]>(
  "int getsockopt(int fd, int level, int option, uintptr_t value, uintptr_t length)",
);
export const sendmsg = declare<[fd: number, message: HostAddress, flags: number]>(
  "int64_t sendmsg(int fd, uintptr_t message, int flags)",
);
/** Receives up to `count` messages (struct mmsghdr at `messages`); the number received. */
export const recvmmsg = declare<
  [fd: number, messages: HostAddress, count: number, flags: number, timeout: HostAddress]
>("int recvmmsg(int fd, uintptr_t messages, unsigned int count, int flags, uintptr_t timeout)");
/** Sends up to `count` messages; the number sent. −1 only when the first one failed. */
export const sendmmsg = declare<[fd: number, messages: HostAddress, count: number, flags: number]>(
  "int sendmmsg(int fd, uintptr_t messages, unsigned int count, int flags)",
);

export const epollCreate = declare<[flags: number]>("int epoll_create1(int flags)");
export const epollControl = declare<[epoll: number, operation: number, fd: number, event: HostAddress]>(
  "int epoll_ctl(int epoll, int operation, int fd, uintptr_t event)",
);
/** `timeout` in milliseconds, −1: for ever. */
export const epollWait = declare<[epoll: number, events: HostAddress, count: number, timeout: number]>(
  "int epoll_wait(int epoll, uintptr_t events, int count, int timeout)",
);
/** Waits for the `count` struct pollfd at `fds`; `timeout` in milliseconds. */
export const poll = declare<[fds: HostAddress, count: number, timeout: number]>(
  "int poll(uintptr_t fds, unsigned long count, int timeout)",
);
/** `pid` 0: the calling thread. The mask has a bit for each CPU. */
export const schedGetAffinity = declare<[pid: number, size: number, mask: HostAddress]>(
  "int sched_getaffinity(int pid, size_t size, uintptr_t mask)",
);
export const schedSetAffinity = declare<[pid: number, size: number, mask: HostAddress]>(
  "int sched_setaffinity(int pid, size_t size, uintptr_t mask)",
);
export const eventfd = declare<[value: number, flags: number]>("int eventfd(unsigned int value, int flags)");

/** Why the last call of this thread failed. */
export const errno: () => number = koffi.errno;

/** Where the bytes of a typed array live. They stay there while the array's buffer lives; a buffer never moves. */
export function hostAddress(view: ArrayBufferView): HostAddress {
  return Number(koffi.address(view));
}
