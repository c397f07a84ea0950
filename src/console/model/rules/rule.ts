/** What a rule is, and how it tells what it found. */
import type { Directory } from "../directory.ts";
import type { Change, Violation } from "../intent.ts";
import type { Kind, Resource } from "../resources.ts";
import { WORDS } from "../word.ts";

/** Looks at one change in the directory of the intent with all changes. */
export type Rule = (change: Change, directory: Directory) => Violation[];

/** Of many that are found of one kind at most so many are told by name. */
export const MOST = 5;

/** "CEN corp". */
export function called({ kind, name }: { readonly kind: Kind; readonly name: string }): string {
  return `${WORDS[kind].one} ${name}`;
}

type Side = Pick<Resource, "kind" | "id" | "name">;

/** @param path the key of `whose` that breaks the rule. */
export function breach(
  code: string,
  whose: Side,
  path: string,
  message: string,
  next: string,
  other?: Side,
): Violation {
  const { kind, id } = whose;
  const found = { code, message, next, kind, id, path };
  return other ? { ...found, other: { kind: other.kind, id: other.id, name: other.name } } : found;
}

/** Are these keys other than before? A resource that is new has all of them changed. */
export function changedIn(change: Change, ...keys: readonly string[]): boolean {
  const { before, after } = change;
  if (!before || !after) return true;
  const a = before as unknown as Readonly<Record<string, unknown>>;
  const b = after as unknown as Readonly<Record<string, unknown>>;
  return keys.some((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]));
}

/** "a, b and 3 more". */
export function some(names: readonly string[]): string {
  const shown = names.slice(0, MOST).join(", ");
  return names.length > MOST ? `${shown} and ${names.length - MOST} more` : shown;
}
