/**
 * What of a part has changed, when most of it has not: members of its object that are new, are gone, or are lists of which one stretch is
 * another. A branch of a large CEN has a thousand routes in one part; one more of them travels as one route.
 */
import Type, { type Static } from "typebox";

const Count = Type.Integer({ minimum: 0 });

export const Patch = Type.Object({
  set: Type.Record(Type.String(), Type.Unknown(), { description: "Members with their new values." }),
  unset: Type.Array(Type.String(), { description: "Members that are gone." }),
  splice: Type.Record(Type.String(), Type.Object({ at: Count, remove: Count, insert: Type.Array(Type.Unknown()) }), {
    description: "Lists, by member: from index `at` on `remove` elements give way to `insert`.",
  }),
});
export type Patch = Static<typeof Patch>;

type Members = Readonly<Record<string, unknown>>;

/** Shorter lists are sent whole. */
const LONG = 16;

/** undefined: one of them is no object. Values are the same if they are one value: parts share what did not change. */
export function patchOf(before: unknown, after: unknown): Patch | undefined {
  if (!isObject(before) || !isObject(after)) return undefined;
  const set: [string, unknown][] = [];
  const splice: [string, Patch["splice"][string]][] = [];
  for (const [key, value] of Object.entries(after)) {
    const was = Object.hasOwn(before, key) ? before[key] : undefined;
    if (was === value) continue;
    if (Array.isArray(was) && Array.isArray(value) && value.length >= LONG) splice.push([key, spliceOf(was, value)]);
    else set.push([key, value]);
  }
  const unset = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return { set: Object.fromEntries(set), unset, splice: Object.fromEntries(splice) };
}

/** The part as it is after the patch; undefined: the patch is not one of this part. */
export function patched(before: unknown, { set, unset, splice }: Patch): object | undefined {
  if (!isObject(before)) return undefined;
  const after = new Map(Object.entries(before));
  for (const key of unset) after.delete(key);
  for (const [key, value] of Object.entries(set)) after.set(key, value);
  for (const [key, { at, remove, insert }] of Object.entries(splice)) {
    const list = after.get(key);
    if (!Array.isArray(list) || at + remove > list.length) return undefined;
    after.set(key, list.toSpliced(at, remove, ...insert));
  }
  return Object.fromEntries(after);
}

function spliceOf(before: readonly unknown[], after: readonly unknown[]): Patch["splice"][string] {
  const shorter = Math.min(before.length, after.length);
  let at = 0;
  while (at < shorter && before[at] === after[at]) at++;
  let end = 0;
  while (end < shorter - at && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  return { at, remove: before.length - at - end, insert: after.slice(at, after.length - end) };
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
