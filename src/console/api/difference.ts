/**
 * What a change does to routers, for people: which parts of which router come, change and go.
 *
 * Of a bounded number of routers, in a bounded text: one more branch of a network changes the list of routes that all its edges have in common, and
 * that list would stand in the difference of each of them, as it was and as it is.
 */
import type { PartsDelta } from "../../protocol/parts.ts";
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

export interface Differences {
  readonly routers: readonly RouterDiff[];
  /** So many others are concerned; absent: none. */
  readonly moreRouters?: number;
}

/** Routers whose difference is told when nobody says how many. */
export const ROUTERS_TOLD = 100;

/** Characters of JSON that all of them have, however many are asked for; but one router is always told. */
const LONGEST = 4 * 1024 * 1024;

/**
 * First those of which more changes than the common list of routes.
 *
 * @param intent from before: what the change makes is in the change
 * @param most routers
 */
export function differences(
  intent: Intent,
  { changes, deltas }: Pick<Committed, "changes" | "deltas">,
  most = ROUTERS_TOLD,
): Differences {
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
  const diffOf = (router: string, { put, remove, before }: PartsDelta): RouterDiff => {
    const added: string[] = [];
    const changed: { key: string; before: unknown; after: unknown }[] = [];
    for (const [key, after] of put) {
      if (before?.has(key)) changed.push({ key, before: before.get(key), after });
      else added.push(key);
    }
    return { router, name: nameOf(router), added, changed, removed: [...remove] };
  };
  const [common, own]: [string[], string[]] = [[], []];
  for (const [router, delta] of deltas) (onlyReach(delta) ? common : own).push(router);
  const routers: RouterDiff[] = [];
  let length = 0;
  for (const router of own.concat(common)) {
    if (routers.length >= most) break;
    const diff = diffOf(router, deltas.get(router)!);
    length += JSON.stringify(diff).length;
    if (length > LONGEST && routers.length > 0) break;
    routers.push(diff);
  }
  const moreRouters = deltas.size - routers.length;
  return { routers, ...(moreRouters > 0 && { moreRouters }) };
}

function onlyReach({ put, remove }: PartsDelta): boolean {
  return remove.size === 0 && [...put.keys()].every((key) => key.startsWith("reach/"));
}
