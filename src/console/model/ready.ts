/** One verdict for the whole chain: device → instance → CCN → CEN → VPC → security group, and what mends the first broken link. */
import type { Directory } from "./directory.ts";
import type { Intent } from "./intent.ts";
import { directoryOf } from "./lineage.ts";
import type { Seen } from "./observed.ts";
import { ccnLink } from "./ready/ccn.ts";
import { cenLink } from "./ready/cen.ts";
import { deviceLink } from "./ready/device.ts";
import { groupLink } from "./ready/group.ts";
import { instanceLink } from "./ready/instance.ts";
import { type Link, linkOk, type ReadyLink } from "./ready/link.ts";
import { vpcLink } from "./ready/vpc.ts";

const CHAIN: readonly (readonly [ReadyLink["link"], Link])[] = [
  ["device", deviceLink],
  ["instance", instanceLink],
  ["ccn", ccnLink],
  ["cen", cenLink],
  ["vpc", vpcLink],
  ["security-group", groupLink],
];

/**
 * Can hosts of the instance reach a VPC? `links`: all six in order; the first that is not `ok` is the broken one, and what stands behind
 * a broken one that it needs says so with the code "waits".
 *
 * @throws Error: there is no such instance
 */
export function readiness(intent: Intent, instance: string, observed: Seen): { ready: boolean; links: ReadyLink[] } {
  const directory: Directory = directoryOf(intent);
  const one = directory.get("instance", instance);
  if (!one) throw new Error(`there is no instance ${instance}`);
  const links = CHAIN.map(([link, look]): ReadyLink => {
    const found = look(one, directory, observed);
    return { link, ok: linkOk(found), ...found };
  });
  return { ready: links.every(({ ok }) => ok), links };
}
