/** Kernel parameters: /proc/sys. */

import { readFileSync, writeFileSync } from "node:fs";
import { failed, LinuxError } from "./error.ts";

/**
 * Keys are paths below /proc/sys, "net/ipv4/conf/eth0.100/rp_filter": with "/" because a dot can be part of a link's name.
 */
function file(key: string): string {
  const parts = key.split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) {
    throw new LinuxError({
      code: "invalid",
      errno: "",
      tried: `find the kernel parameter ${JSON.stringify(key)}`,
      because: "a key is a path below /proc/sys such as net/ipv4/ip_forward",
      next: "",
    });
  }
  return `/proc/sys/${key}`;
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "EIO";
}

/** The value without its newline; undefined when this kernel (or namespace) has no such parameter. */
export function readSysctl(key: string): string | undefined {
  const path = file(key);
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw failed(errnoOf(error), `read ${path}`);
  }
}

/**
 * Sets a parameter of the network namespace that this process is in; gives what was there before, to be put back later.
 *
 * @throws LinuxError absent, not-permitted, invalid
 */
export function writeSysctl(key: string, value: string): string {
  const path = file(key);
  const before = readSysctl(key);
  if (before === undefined) {
    throw new LinuxError({
      code: "absent",
      errno: "ENOENT",
      tried: `set ${key} to ${value}`,
      because: `there is no ${path}`,
      next: "The kernel lacks this feature, or the link is gone.",
    });
  }
  if (before === value) return before;
  try {
    writeFileSync(path, value);
  } catch (error) {
    throw failed(errnoOf(error), `set ${key} to ${value}`);
  }
  return before;
}
