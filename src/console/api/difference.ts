/** What a change does to routers, for people: which parts of which router come, change and go. */
import { isDeepStrictEqual } from "node:util";
import type { Committed, Desk } from "../desk/desk.ts";
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

/** @param planned of `preview`: the desk's parts are still those from before */
export function differences(desk: Desk, { changes, deltas }: Committed): RouterDiff[] {
  const touched = new Map(changes.map(({ id, before, after }) => [id, (after ?? before)!]));
  const find = (kind: "device" | "instance" | "access-point", id: string): Resource | undefined =>
    touched.get(id) ?? desk.intent[kind].get(id);
  const nameOf = (router: string) => {
    const device = find("device", router) as Resource<"device"> | undefined;
    const owner = device?.instance
      ? find("instance", device.instance)
      : device?.accessPoint && find("access-point", device.accessPoint);
    return device && owner ? `${owner.name} (${device.role})` : router;
  };
  return [...deltas].map(([router, { put, remove }]) => {
    const parts = desk.parts(router);
    const changed = [...put]
      .filter(([key, after]) => parts?.has(key) && !isDeepStrictEqual(parts.get(key), after))
      .map(([key, after]) => ({ key, before: parts!.get(key), after }));
    const added = [...put.keys()].filter((key) => !parts?.has(key));
    return { router, name: nameOf(router), added, changed, removed: [...remove] };
  });
}
