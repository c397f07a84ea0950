/** Advisory locks on files, flock(2): the kernel gives them up when the process ends, however it ends. */

import { failed } from "./error.ts";
import { close, errno, flock, open } from "./ffi.ts";

const O_RDWR = 2;
const O_CREAT = 0x40;
const O_CLOEXEC = 0x80000;

const LOCK_EX = 2;
const LOCK_NB = 4;

export interface FileLock {
  /** Gives the lock up; the file stays. */
  release(): void;
}

/**
 * Takes the lock of a file, which is made when absent (mode 0600). Undefined: another process, or another holder in this
 * one, has it.
 *
 * @throws LinuxError not-permitted, absent (the folder)
 */
export function tryLock(path: string): FileLock | undefined {
  const fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600);
  if (fd < 0) throw failed(errno(), `open the lock file ${path}`);
  if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
    const why = failed(errno(), `lock ${path}`);
    close(fd);
    if (why.errno === "EAGAIN") return undefined;
    throw why;
  }
  return { release: () => void close(fd) };
}
