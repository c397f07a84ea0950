/** Network namespaces by name, as `ip netns` keeps them in /run/netns. */

import { LinuxError } from "./error.ts";
import { askIp, runIp } from "./iproute.ts";

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
