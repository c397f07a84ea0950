/** All that operators want, at one moment: what rules look at and what `compile` turns into configurations of routers. */
import { derive } from "./lineage.ts";
import { KINDS } from "./references.ts";
import type { Kind, Resource } from "./resources.ts";

/** Resources of each kind by id. A change makes a new Intent that shares what stayed. */
export type Intent = { readonly [K in Kind]: ReadonlyMap<string, Resource<K>> };

/** One resource before and after; undefined: not there. */
export interface Change<K extends Kind = Kind> {
  readonly kind: K;
  readonly id: string;
  readonly before: Resource<K> | undefined;
  readonly after: Resource<K> | undefined;
}

/** A rule of the field that an intent breaks. */
export interface Violation {
  /** A stable word in kebab case: "cidr-conflict". */
  readonly code: string;
  /** One sentence that names both sides. */
  readonly message: string;
  /** What to do about it. */
  readonly next: string;
  /** Whose rule it is: the resource that is written, and the key. */
  readonly kind: Kind;
  readonly id: string;
  readonly path: string;
  /** The other side. */
  readonly other?: { readonly kind: Kind; readonly id: string; readonly name: string };
}

export const EMPTY: Intent = Object.freeze(
  Object.fromEntries(KINDS.map((kind) => [kind, new Map<string, never>()])) as Record<Kind, Map<string, never>>,
);

/**
 * The intent with the changes carried out; of several changes of one resource the last counts. What the intent holds already changes
 * nothing, and when that is so of all, the same intent is given back.
 */
export function withChanges(intent: Intent, changes: readonly Change[]): Intent {
  const last = new Map(changes.map((change) => [`${change.kind}/${change.id}`, change]));
  const real = [...last.values()].filter(({ kind, id, after }) => intent[kind].get(id) !== after);
  if (real.length === 0) return intent;
  const maps: Partial<Record<Kind, Map<string, Resource>>> = {};
  const carried: Change[] = [];
  for (const { kind, id, after } of real) {
    const map = maps[kind] ?? new Map<string, Resource>(intent[kind]);
    maps[kind] = map;
    carried.push({ kind, id, before: map.get(id), after });
    if (after === undefined) map.delete(id);
    else map.set(id, after);
  }
  const changed = Object.freeze({ ...intent, ...maps }) as Intent;
  derive(changed, intent, carried);
  return changed;
}
