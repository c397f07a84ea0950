/** Transparent huge pages, madvise(2): 2 MiB in one entry of the processor's address cache, where a small page has 4 KiB. */

import { readFileSync } from "node:fs";
import { errno, type HostAddress, madvise } from "./ffi.ts";

const MADV_HUGEPAGE = 14;

/** Bytes of a huge page on x86-64, and on arm64 with pages of 4 KiB. */
export const HUGE_PAGE = 2 << 20;

/** For whom the kernel makes huge pages; "none": it knows none. */
export type HugePageSetting = "always" | "madvise" | "never" | "none";

export function hugePageSetting(file = "/sys/kernel/mm/transparent_hugepage/enabled"): HugePageSetting {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return "none";
  }
  const chosen = /\[(always|madvise|never)\]/.exec(text)?.[1] ?? "none";
  return chosen as HugePageSetting;
}

/**
 * Asks for huge pages where memory from `from` up to `to` is touched from now on; only whole huge pages within are concerned.
 * Returns "on", or "off: " and why: nothing depends on it but speed. Costs no memory by itself; the first byte that is
 * touched in a huge page then takes all of it.
 */
export function adviseHugePages(from: HostAddress, to: HostAddress, setting = hugePageSetting()): string {
  if (setting === "none") return "off: this kernel has none";
  if (setting === "never") return "off: /sys/kernel/mm/transparent_hugepage/enabled says never";
  const start = Math.ceil(from / HUGE_PAGE) * HUGE_PAGE;
  const size = Math.floor(to / HUGE_PAGE) * HUGE_PAGE - start;
  if (size <= 0) return "on";
  return madvise(start, size, MADV_HUGEPAGE) === 0 ? "on" : `off: the kernel refused it (errno ${errno()})`;
}
