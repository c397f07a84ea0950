/** A resource as the API gives it: its spec, what the store adds, and what is observed. */
export type { RouterDiff } from "../../console/api/difference.ts";

import type { Kind } from "../../console/model/resources.ts";

export interface Item {
  readonly kind: Kind;
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly status?: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

/** A device that was made, with the key that it enrols with. */
export interface NewDevice {
  readonly serial: string;
  readonly role: string;
  readonly key?: string | null;
  readonly instance?: string;
  readonly accessPoint?: string;
}

/** What the store adds; the rest is the spec. */
export const META: ReadonlySet<string> = new Set(["kind", "id", "version", "created", "updated", "status"]);

export function specOf(item: Item): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).filter(([key]) => !META.has(key)));
}

export function textOf(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number" && !Number.isInteger(value)) return value.toFixed(2);
  if (Array.isArray(value)) return value.length === 0 ? "–" : value.map(textOf).join(" ");
  if (typeof value === "object") return Object.values(value).map(textOf).join(":");
  return timeText(String(value));
}

/** A time as the API writes it → 2026-11-21 19:11:04Z; any other text as it is. */
export function timeText(text: string): string {
  return text.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/, "$1 $2Z");
}
