/** What a change does to routers, for people: which parts of which router come, change and go. */
import type { Committed } from "../desk/desk.ts";
import type { Intent } from "../model/intent.ts";
import type { Resource } from "../model/resources.ts";

export interface RouterDiff {
  /** Id: the serial number. */
  readonly router: string;
  /** "hangzhou-branch (active)" */
  readonly name: string;
  readonly added: readonly string[];
  readonly changed: readonly { readonly key: string; readonly before: unknown; readonly after: unknown }[];
  readonly removed: readonly string[];
}

/** @param intent from before: what the change makes is in the change */
export function differences(intent: Intent, { changes, deltas }: Committed): RouterDiff[] {
  const touched = new Map(changes.map(({ id, before, after }) => [id, (after ?? before)!]));
  const find = (kind: "device" | "instance" | "access-point", id: string): Resource | undefined =>
    touched.get(id) ?? intent[kind].get(id);
  const nameOf = (router: string) => {
    const device = find("device", router) as Resource<"device"> | undefined;
    const owner = device?.instance
      ? find("instance", device.instance)
      : device?.accessPoint && find("access-point", device.accessPoint);
    return device && owner ? `${owner.name} (${device.role})` : router;
  };
  return [...deltas].map(([router, { put, remove, before }]) => {
    const added: string[] = [];
    const changed: { key: string; before: unknown; after: unknown }[] = [];
    for (const [key, after] of put) {
      if (before?.has(key)) changed.push({ key, before: before.get(key), after });
      else added.push(key);
    }
    return { router, name: nameOf(router), added, changed, removed: [...remove] };
  });
}
