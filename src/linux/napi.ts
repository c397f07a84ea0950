/**
 * How long a device's receive poll (NAPI) gathers packets before GRO lets them go: sysfs, /sys/class/net/<link>/. Kernel:
 * Documentation/networking/napi.rst, "IRQ mitigation".
 *
 *   gro_flush_timeout       nanoseconds after which the poll runs again and packets that were put together are let go
 *   napi_defer_hard_irqs    how many polls in a row may find nothing before the device interrupts again
 */

import { readFileSync, writeFileSync } from "node:fs";
import { failed, LinuxError } from "./error.ts";
import { isLinkName } from "./tun.ts";

export const NAPI_SETTINGS = ["gro_flush_timeout", "napi_defer_hard_irqs"] as const;
export type NapiSetting = (typeof NAPI_SETTINGS)[number];

/** A link by name and index: /sys may show another network namespace than the one this process is in. */
export interface LinkId {
  readonly name: string;
  readonly index: number;
}

/** The setting of a link; undefined: this kernel has none. @throws LinuxError absent, not-permitted */
export function readNapi(link: LinkId, setting: NapiSetting): number | undefined {
  const tried = `read ${setting} of ${link.name}`;
  demandSame(link, tried);
  const text = read(`/sys/class/net/${link.name}/${setting}`, tried);
  return text === undefined ? undefined : Number(text);
}

/** @throws LinuxError absent, not-permitted (also where /sys cannot be written: containers), unsupported, invalid */
export function writeNapi(link: LinkId, setting: NapiSetting, value: number): void {
  const tried = `set ${setting} of ${link.name} to ${value}`;
  demandSame(link, tried);
  try {
    writeFileSync(`/sys/class/net/${link.name}/${setting}`, String(value), { flag: "r+" });
  } catch (error) {
    throw failed(codeOf(error), tried, {
      ENOENT: { code: "unsupported", because: "this kernel has no such setting", next: "" },
      EROFS: {
        code: "not-permitted",
        because: "/sys is mounted read-only",
        next: "In a container mount /sys writable, or set it from outside.",
      },
    });
  }
}

function demandSame(link: LinkId, tried: string): void {
  if (!isLinkName(link.name)) throw failed("ENODEV", tried);
  const index = read(`/sys/class/net/${link.name}/ifindex`, tried);
  if (index !== undefined && Number(index) === link.index) return;
  throw new LinuxError({
    code: "absent",
    errno: "",
    tried,
    because: `/sys shows ${index === undefined ? "no such link" : "another link of this name"}`,
    next: "Mount a /sys of this network namespace (`ip netns exec` and container runtimes do).",
  });
}

function read(path: string, tried: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw failed(codeOf(error), tried);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "EIO";
}
