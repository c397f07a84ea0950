/** What tests of the desk do with it, and a store in memory for it. */
import { EXAMPLES } from "../../../src/console/api/examples.ts";
import { OWN_KINDS } from "../../../src/console/api/specs.ts";
import { SYSTEM } from "../../../src/console/author.ts";
import type { Desk } from "../../../src/console/desk/desk.ts";
import { Draft, type OwnKind } from "../../../src/console/desk/draft.ts";
import type { Resource, Written } from "../../../src/console/model/resources.ts";
import { openDatabase } from "../../../src/console/store/database.ts";
import { STORE_MIGRATIONS } from "../../../src/console/store/schema.ts";

export function create(desk: Desk, kind: OwnKind, written: object) {
  return desk.change(SYSTEM, `create ${kind}`, (intent) => {
    const draft = new Draft(desk, intent);
    draft.create(kind, written as Written<OwnKind>);
    return draft.changes();
  });
}

export function update(desk: Desk, kind: OwnKind, name: string, keys: object, also?: () => void) {
  const plan = (intent: Desk["intent"]) => {
    const draft = new Draft(desk, intent);
    const { kind: _k, id: _i, version: _v, created: _c, updated: _u, ...spec } = desk.find(kind, name)!;
    draft.update(desk.find(kind, name) as Resource<OwnKind>, { ...spec, ...keys } as Written<OwnKind>);
    return draft.changes();
  };
  return desk.change(SYSTEM, "update", plan, also);
}

export async function tutorial(desk: Desk): Promise<void> {
  for (const kind of OWN_KINDS) await create(desk, kind, EXAMPLES[kind]);
}

export function devices(desk: Desk, role: string): string[] {
  return [...desk.intent.device.values()].filter((device) => device.role === role).map(({ id }) => id);
}

export function memory() {
  return openDatabase(":memory:", STORE_MIGRATIONS);
}
