/** The rules of the field: what an intent may not be. Each is a function with a code, a sentence that names both sides, and a next step. */
import { type Change, type Intent, type Violation, withChanges } from "./intent.ts";
import { directoryOf } from "./lineage.ts";
import { checkAccessPoint } from "./rules/accesspoint.ts";
import { checkConflicts } from "./rules/conflict.ts";
import { checkDevice, checkDevices } from "./rules/device.ts";
import { checkInstance } from "./rules/instance.ts";
import { checkName } from "./rules/name.ts";
import { checkNetworks } from "./rules/network.ts";
import { checkOutside } from "./rules/outside.ts";
import { checkNextHop, checkPlace, checkRoom } from "./rules/place.ts";
import { checkRange } from "./rules/range.ts";
import { checkArea, checkReferences } from "./rules/reference.ts";
import type { Rule } from "./rules/rule.ts";
import { checkSecurityRule } from "./rules/security.ts";
import { checkUse } from "./rules/use.ts";

/** In the order in which they are told. */
const RULES: readonly Rule[] = [
  checkName,
  checkReferences,
  checkArea,
  checkUse,
  checkInstance,
  checkDevice,
  checkDevices,
  checkAccessPoint,
  checkNetworks,
  checkRange,
  checkPlace,
  checkNextHop,
  checkRoom,
  checkSecurityRule,
  checkConflicts,
  checkOutside,
];

/**
 * All that the intent after the changes breaks because of them; empty: they are good. `intent`: with the changes or before them. Cost
 * grows with the changes, not with the intent.
 */
export function violations(intent: Intent, changes: readonly Change[]): Violation[] {
  const directory = directoryOf(withChanges(intent, changes));
  const told = new Set<string>();
  const gone = new Set(changes.filter(({ after }) => !after).map(({ id }) => id));
  return changes.flatMap((change) => {
    // Two changed resources that are at odds find each other; the first of them tells.
    const found = RULES.flatMap((rule) => rule(change, directory)).filter(
      ({ code, kind, id, other, path }) =>
        // What goes while others need it is told with their names.
        !(code === "not-found" && gone.has(valueAt(change.after, path))) &&
        (!other || !told.has(`${code} ${other.kind}/${other.id} ${kind}/${id}`)),
    );
    for (const { code, kind, id, other } of found)
      if (other) told.add(`${code} ${kind}/${id} ${other.kind}/${other.id}`);
    return found;
  });
}

function valueAt(resource: Change["after"], key: string): string {
  return String((resource as unknown as Readonly<Record<string, unknown>> | undefined)?.[key]);
}
