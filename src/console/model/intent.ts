/** All that operators want, at one moment: what rules look at and what `compile` turns into configurations of routers. */
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
