/** Tests with namespaces need root, /dev/net/tun and some programs; where these lack, they are skipped, and the reason is printed. */
import { existsSync } from "node:fs";
import { aptSystem, LAB_PROGRAMS, missing, type Program } from "../../src/lab/prerequisites.ts";

/** Whether tests with namespaces can run here; prints why not. What apt-get can install is no reason: the lab does that. */
export function asRoot(what: string, programs: readonly Program[] = []): boolean {
  const reason = obstacle([...LAB_PROGRAMS, ...programs]);
  if (reason !== undefined) console.log(`skipped: ${what} needs ${reason}`);
  return reason === undefined;
}

function obstacle(programs: readonly Program[]): string | undefined {
  if (process.getuid?.() !== 0) return "root (network namespaces and TUN devices)";
  if (!existsSync("/dev/net/tun")) return "/dev/net/tun (modprobe tun)";
  const lacking = missing(programs);
  if (lacking.length === 0 || aptSystem()) return undefined;
  const names = lacking.map(({ name, debian }) => `${name} (on Debian in the package ${debian})`);
  return `${names.join(", ")}, and this is neither Debian nor Ubuntu, where they would be installed`;
}
