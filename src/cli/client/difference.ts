/** What differs, told to people: of a resource key by key, of routers part by part. */
import { isDeepStrictEqual } from "node:util";
import type { RouterDiff } from "./item.ts";

/** Longest text of a value in a line. */
const LONGEST = 60;

/** Entries of a list that are named. */
const MANY = 4;

export interface Difference {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Leaves that differ; lists are leaves. */
export function differences(before: unknown, after: unknown, path = ""): Difference[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isMap(before) || !isMap(after)) return [{ path, before, after }];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => differences(before[key], after[key], path === "" ? key : `${path}.${key}`));
}

/** Of two lists too long to be shown whole: what comes and what goes. */
export function lineOf({ path, before, after }: Difference): string {
  const key = path === "" ? "" : `${path}: `;
  if (!Array.isArray(before) || !Array.isArray(after) || (whole(before) && whole(after)))
    return `${key}${short(before)} → ${short(after)}`;
  const lacks = (list: readonly unknown[]) => {
    const there = new Set(list.map((entry) => JSON.stringify(entry)));
    return (entry: unknown) => !there.has(JSON.stringify(entry));
  };
  const parts = [
    ...after.filter(lacks(before)).map((entry) => `+ ${short(entry)}`),
    ...before.filter(lacks(after)).map((entry) => `- ${short(entry)}`),
  ];
  const more = parts.length > MANY ? [`and ${parts.length - MANY} more`] : [];
  return `${key}${parts.length === 0 ? "another order" : [...parts.slice(0, MANY), ...more].join(", ")}`;
}

/** What the console says of the routers that a change concerns. */
export interface Concerned {
  readonly routers: readonly RouterDiff[];
  /** So many others; absent: none. */
  readonly moreRouters?: number;
}

/** Router after router: + comes, ~ changes, - goes. */
export function routerLines({ routers, moreRouters = 0 }: Concerned): string[] {
  if (routers.length + moreRouters === 0) return ["no router is concerned"];
  const lines = routers.flatMap(({ router, name, added, changed, removed }) => [
    `router ${router}${name && name !== router ? `, ${name}` : ""}: ${added.length} added, ${changed.length} changed, ${removed.length} removed`,
    ...added.map((key) => `  + ${key}`),
    ...changed.flatMap(({ key, before, after }) => {
      const leaves = differences(before, after);
      return leaves.length === 1
        ? [`  ~ ${key} ${lineOf(leaves[0])}`]
        : [`  ~ ${key}`, ...leaves.map((leaf) => `      ${lineOf(leaf)}`)];
    }),
    ...removed.map((key) => `  - ${key}`),
  ]);
  return moreRouters > 0 ? [...lines, `${moreRouters} more routers are concerned`] : lines;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function whole(value: unknown): boolean {
  return textOf(value).length <= LONGEST;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function short(value: unknown): string {
  if (value === undefined) return "(none)";
  const text = textOf(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
