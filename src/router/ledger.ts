/**
 * What the router has changed on its host and owes it back, on disk before each change is made: when the process is
 * killed, the next one of the same name finds it and puts things back. TUN devices, and with them their addresses and
 * routes, go with the process by themselves; they are on record all the same.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { NapiSetting } from "../linux/napi.ts";
import { writeDurably } from "./durable.ts";

export type Change =
  | {
      readonly kind: "sysctl";
      readonly key: string;
      readonly before: string;
      readonly after: string;
      /** Of a named network namespace, while it is this one. */
      readonly netns?: NamespaceId;
    }
  | { readonly kind: "mtu"; readonly link: string; readonly before: number; readonly after: number }
  /** A feature of a link (`ethtool -k`) was off and is switched on. `index` finds the link under a new name, too. */
  | { readonly kind: "feature"; readonly link: string; readonly index: number; readonly feature: string }
  | {
      readonly kind: "napi";
      readonly link: string;
      readonly index: number;
      readonly setting: NapiSetting;
      readonly before: number;
      readonly after: number;
    }
  | { readonly kind: "tun"; readonly device: string }
  /** Routes of last resort in the main table: all that there are (fences). */
  | { readonly kind: "fences"; readonly prefixes: readonly string[] }
  /** A routing table of our own, and the rules that lead packets from these links to it. */
  | { readonly kind: "table"; readonly table: number; readonly links: readonly string[] };

/** A named network namespace, told from a later one of the same name. */
export interface NamespaceId {
  readonly name: string;
  readonly id: string;
}

export interface Entries {
  readonly pid: number;
  /** Start time of the process, to tell it from a later one with the same id. */
  readonly started: string;
  /** Network namespace that the changes are in. */
  readonly namespace: string;
  /** In the order in which they were made. */
  readonly changes: readonly Change[];
}

/** What a change is about; two routers that need the same thing owe it together. */
export function subjectOf(change: Change): string {
  switch (change.kind) {
    case "sysctl":
      return change.netns ? `${change.key} in ${change.netns.name}` : change.key;
    case "mtu":
      return `mtu ${change.link}`;
    case "feature":
      return `feature ${change.index} ${change.feature}`;
    case "napi":
      return `napi ${change.index} ${change.setting}`;
    case "tun":
      return `tun ${change.device}`;
    case "fences":
      return change.kind;
    case "table":
      return `table ${change.table}`;
  }
}

/** The record at this path; undefined when there is none, or none that can be read. */
export function readLedger(path: string): Entries | undefined {
  try {
    const entries = JSON.parse(readFileSync(path, "utf8")) as Entries;
    return Array.isArray(entries.changes) ? entries : undefined;
  } catch {
    return undefined;
  }
}

/** Records of the other routers beside this one: same root folder, other name. */
export function neighbours(path: string): Entries[] {
  const own = dirname(path);
  const root = dirname(own);
  return readdirSync(root, { withFileTypes: true }).flatMap((entry) => {
    const folder = join(root, entry.name);
    if (!entry.isDirectory() || folder === own) return [];
    return readLedger(join(folder, "state.json")) ?? [];
  });
}

export function writeLedger(path: string, entries: Entries): void {
  writeDurably(path, `${JSON.stringify(entries, null, 2)}\n`);
}

export function removeLedger(path: string): void {
  rmSync(path, { force: true });
}
