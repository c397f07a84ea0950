/** Network namespaces by name, as `ip netns` keeps them in /run/netns. */

import { statSync } from "node:fs";
import { failed, LinuxError } from "./error.ts";
import { close, errno, open, setns } from "./ffi.ts";
import { askIp, runIp } from "./iproute.ts";

/** Where `ip netns` keeps the names. */
const FOLDER = "/run/netns";

const O_CLOEXEC = 0x80000;
const CLONE_NEWNET = 0x40000000;

function checkName(name: string): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(name)) return;
  throw new LinuxError({
    code: "invalid",
    errno: "",
    tried: `name a network namespace ${JSON.stringify(name)}`,
    because: "a name has 1 to 100 letters, digits, `.`, `_` and `-`, and begins with none of `.` and `-`",
    next: "",
  });
}

/** Makes a namespace, empty but for its loopback link (down). @throws LinuxError exists, not-permitted */
export async function addNetns(name: string): Promise<void> {
  checkName(name);
  await runIp(["netns", "add", name], `make the network namespace ${name}`);
}

/**
 * Forgets the name; the namespace itself goes, and its links, with the last process in it.
 *
 * @throws LinuxError absent, not-permitted
 */
export async function deleteNetns(name: string): Promise<void> {
  checkName(name);
  await runIp(["netns", "delete", name], `delete the network namespace ${name}`);
}

/** Names of all namespaces. */
export async function listNetns(): Promise<string[]> {
  return (await askIp<{ name: string }>(["netns", "list"], "list the network namespaces")).map((entry) => entry.name);
}

/** The command line that runs `argv` in the namespace; for child_process. */
export function inNetns(name: string, argv: readonly string[]): string[] {
  checkName(name);
  return ["ip", "netns", "exec", name, ...argv];
}

/** Tells a namespace from a later one with the same name; undefined: there is none. */
export function netnsId(name: string): string | undefined {
  checkName(name);
  const found = statSync(`${FOLDER}/${name}`, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

/**
 * Runs `act` with this thread in the named namespace: /proc/sys/net is that one's then. It must not wait for anything: the thread is
 * back when this returns.
 *
 * @throws LinuxError absent, not-permitted; what `act` throws
 */
export function insideNetns<T>(name: string, act: () => T): T {
  checkName(name);
  const tried = `enter the network namespace ${name}`;
  const home = open("/proc/thread-self/ns/net", O_CLOEXEC, 0);
  if (home < 0) throw failed(errno(), tried);
  const there = open(`${FOLDER}/${name}`, O_CLOEXEC, 0);
  if (there < 0) {
    const error = failed(errno(), tried);
    close(home);
    throw error;
  }
  try {
    if (setns(there, CLONE_NEWNET) < 0) throw failed(errno(), tried);
    try {
      return act();
    } finally {
      // A router that went on in somebody else's network would do harm there.
      if (setns(home, CLONE_NEWNET) < 0) process.abort();
    }
  } finally {
    close(there);
    close(home);
  }
}
