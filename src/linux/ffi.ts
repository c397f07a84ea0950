/**
 * Every foreign signature of the house: libc, and the libcrypto of Node.js, through koffi. No other file declares one.
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
/** Sleeps for the struct timespec at `time`; `left` 0: what a signal left of it is not wanted. */
export const nanosleep = declare<[time: HostAddress, left: HostAddress]>(
  "int nanosleep(uintptr_t time, uintptr_t left)",
);
/** Of the calling thread. */
export const prctl = declare<[option: number, a: number, b: number, c: number, d: number]>(
  "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
);
/** `pid` 0: the calling thread. The mask has a bit for each CPU. */
export const schedGetAffinity = declare<[pid: number, size: number, mask: HostAddress]>(
  "int sched_getaffinity(int pid, size_t size, uintptr_t mask)",
);
export const schedSetAffinity = declare<[pid: number, size: number, mask: HostAddress]>(
  "int sched_setaffinity(int pid, size_t size, uintptr_t mask)",
);
/** Limits of a process; `pid` 0: this one. `now` and `before`: struct rlimit64, or 0. */
export const prlimit = declare<[pid: number, resource: number, now: HostAddress, before: HostAddress]>(
  "int prlimit64(int pid, int resource, uintptr_t now, uintptr_t before)",
);
/** Moves the calling thread into the namespace behind `fd`; `kind`: CLONE_NEW*. */
export const setns = declare<[fd: number, kind: number]>("int setns(int fd, int kind)");
/** Says how memory from `address`, a page's first byte, on will be used. */
export const madvise = declare<[address: HostAddress, size: number, advice: number]>(
  "int madvise(uintptr_t address, size_t size, int advice)",
);
export const eventfd = declare<[value: number, flags: number]>("int eventfd(unsigned int value, int flags)");

/** The EVP interface of libcrypto (OpenSSL ≥ 3.0), as far as the datapath needs it. Functions return 1 for success. */
export interface Libcrypto {
  /** "OpenSSL 3.5.8 25 Aug 2026" */
  readonly version: string;
  /** The cipher of this name ("AES-128-GCM"), 0: there is none. Lives as long as the process. */
  fetch(name: string): HostAddress;
  /** A context for one key; 0: no memory. */
  newContext(): HostAddress;
  /** Wipes and frees it. */
  freeContext(context: HostAddress): void;
  /** Sets what is not 0 of cipher, key and IV; `encrypt`: 1, or 0 to decrypt. */
  init(
    context: HostAddress,
    cipher: HostAddress,
    engine: 0,
    key: HostAddress,
    iv: HostAddress,
    encrypt: number,
  ): number;
  /** Takes in `size` bytes at `from`, writes as many to `to`; `to` 0: they are additional authenticated data. `written`: room for an int. */
  update(context: HostAddress, to: HostAddress, written: HostAddress, from: HostAddress, size: number): number;
  /** Ends; when decrypting, 1 only if the tag that was set is right. */
  final(context: HostAddress, to: HostAddress, written: HostAddress): number;
  control(context: HostAddress, what: number, size: number, at: HostAddress): number;
}

/** `Libcrypto.control`: where the tag is written to after sealing, and read from before opening. */
export const GET_TAG = 16;
export const SET_TAG = 17;

let crypto: Libcrypto | null | undefined;

/**
 * The libcrypto that Node.js itself runs on: the pinned one has it linked in and exports it, one that is linked to the
 * system's brings that along. undefined: it exports none. (Another copy is not loaded beside it: the two would share symbols.)
 */
export function libcrypto(): Libcrypto | undefined {
  if (crypto === undefined) crypto = findLibcrypto();
  return crypto ?? undefined;
}

function findLibcrypto(): Libcrypto | null {
  try {
    const fetch = library.func("uintptr_t EVP_CIPHER_fetch(uintptr_t context, const char *name, uintptr_t properties)");
    const version = library.func("const char *OpenSSL_version(int type)");
    return {
      version: version(0),
      fetch: (name) => Number(fetch(0, name, 0)),
      newContext: declare("uintptr_t EVP_CIPHER_CTX_new()"),
      freeContext: library.func("void EVP_CIPHER_CTX_free(uintptr_t context)") as (context: HostAddress) => void,
      init: declare(
        "int EVP_CipherInit_ex(uintptr_t context, uintptr_t cipher, uintptr_t engine, uintptr_t key, uintptr_t iv, int encrypt)",
      ),
      update: declare(
        "int EVP_CipherUpdate(uintptr_t context, uintptr_t to, uintptr_t written, uintptr_t from, int size)",
      ),
      final: declare("int EVP_CipherFinal_ex(uintptr_t context, uintptr_t to, uintptr_t written)"),
      control: declare("int EVP_CIPHER_CTX_ctrl(uintptr_t context, int what, int size, uintptr_t at)"),
    };
  } catch {
    // koffi throws when a symbol is not there.
    return null;
  }
}

/** Why the last call of this thread failed. */
export const errno: () => number = koffi.errno;

/** Where the bytes of a typed array live. They stay there while the array's buffer lives; a buffer never moves. */
export function hostAddress(view: ArrayBufferView): HostAddress {
  return Number(koffi.address(view));
}
