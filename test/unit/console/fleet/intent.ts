/** Intents for tests that need devices only. */
import type { Change, Intent } from "../../../../src/console/model/intent.ts";
import { type Kind, SPECS } from "../../../../src/console/model/resources.ts";

export type { Change, Intent };

export const EMPTY = Object.fromEntries(Object.keys(SPECS).map((kind) => [kind, new Map()])) as unknown as Intent;

export function withChanges(intent: Intent, changes: readonly Change[]): Intent {
  const after: Record<string, Map<string, unknown>> = { ...(intent as object) };
  for (const { kind, id, after: resource } of changes) {
    const map = new Map(after[kind]);
    if (resource) map.set(id, resource);
    else map.delete(id);
    after[kind as Kind] = map;
  }
  return after as unknown as Intent;
}
