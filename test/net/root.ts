/** Tests with namespaces need root and /dev/net/tun; where these lack, they are skipped, and the reason is printed. */
import { existsSync } from "node:fs";

/** Whether tests with namespaces can run here; prints why not. */
export function asRoot(what: string): boolean {
  if (process.getuid?.() !== 0) {
    console.log(`skipped: ${what} needs root (network namespaces and TUN devices)`);
    return false;
  }
  if (!existsSync("/dev/net/tun")) {
    console.log(`skipped: ${what} needs /dev/net/tun`);
    return false;
  }
  return true;
}
