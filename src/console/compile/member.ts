/** Who takes part in a component, and where: what is compiled from. */
import type { Reach } from "../../protocol/reach.ts";
import type { Directory } from "../model/directory.ts";
import { claimsOf } from "../model/directory.ts";
import { holds, type Prefix, prefixKey } from "../model/prefix.ts";
import type { Resource } from "../model/resources.ts";
import { reachOf } from "./reach.ts";
import { type Route, routeTo } from "./tunnel.ts";

/** An access point with its device: where a component's tunnels and attachments end. */
export interface Point {
  readonly accessPoint: Resource<"access-point">;
  readonly gateway: Resource<"device">;
}

/** A prefix that everybody in the component may reach, but those of the same zone. */
export interface Published {
  readonly prefix: Prefix;
  readonly text: string;
  /** Id of the instance, VPC or VBR. */
  readonly owner: string;
  /** Id of its access point. */
  readonly at: string;
  /** CCN whose instances must not reach each other; null: everybody may. */
  readonly zone: string | null;
  /** The route to it of an edge, and of another gateway. */
  readonly fromEdge: Route;
  readonly fromGateway: Route;
}

/** An instance whose devices get tunnels. */
export interface Branch {
  readonly instance: Resource<"instance">;
  /** The active device first. */
  readonly devices: readonly Resource<"device">[];
  readonly at: string;
  readonly zone: string | null;
}

export interface Attached {
  readonly network: Resource<"vpc"> | Resource<"vbr">;
  readonly at: string;
}

export interface Component {
  readonly id: string;
  /** By the id of the access point, in the order of these. */
  readonly points: ReadonlyMap<string, Point>;
  readonly branches: readonly Branch[];
  readonly attached: readonly Attached[];
  /** By address. Without overlaps, as the rules want it. */
  readonly published: readonly Published[];
  readonly reach: Reach;
}

/** `id`: of a CEN, or of a CCN that has none. `before`: what it was; routes that stay are the same values, so comparing them is quick. */
export function gather(id: string, directory: Directory, before?: Component): Component {
  const known = new Map(before?.published.map((one) => [`${one.text} ${one.zone}`, one]));
  const points = new Map<string, Point>();
  const published: Published[] = [];
  /** Is there a gateway at this access point? */
  const enter = (accessPoint: Resource<"access-point"> | undefined): boolean => {
    if (!accessPoint) return false;
    if (points.has(accessPoint.id)) return true;
    const gateway = directory.gatewayOf(accessPoint.id);
    if (gateway) points.set(accessPoint.id, { accessPoint, gateway });
    return gateway !== undefined;
  };
  const publish = (owner: Resource<"instance" | "vpc" | "vbr">, at: string, zone: string | null): number => {
    const all = claimsOf(owner).filter((claim) => claim.published);
    for (const { prefix, text } of all) {
      const same = known.get(`${text} ${zone}`);
      const fromEdge = same?.fromEdge ?? routeTo(text, 0, null);
      const fromGateway = same?.fromGateway ?? (zone === null ? fromEdge : routeTo(text, 0, zone));
      published.push({ prefix, text, owner: owner.id, at, zone, fromEdge, fromGateway });
    }
    return all.length;
  };

  const branches: Branch[] = [];
  const own = directory.get("ccn", id);
  const ccns = own ? [own] : directory.usersOf(id, "ccn");
  for (const ccn of ccns) {
    const zone = ccn.interworking ? null : ccn.id;
    for (const instance of directory.usersOf(ccn.id, "instance")) {
      const accessPoint = directory.accessPointOf(instance);
      if (!instance.activated || instance.locked || !enter(accessPoint)) continue;
      const at = accessPoint!.id;
      const devices = directory.usersOf(instance.id, "device").sort((a, b) => rank(a) - rank(b));
      branches.push({ instance, devices, at, zone });
      publish(instance, at, zone);
    }
  }
  const attached: Attached[] = [];
  for (const kind of ["vpc", "vbr"] as const) {
    for (const network of directory.usersOf(id, kind) as (Resource<"vpc"> | Resource<"vbr">)[]) {
      if (!enter(directory.get("access-point", network.accessPoint))) continue;
      // What publishes nothing is reached by nobody.
      if (publish(network, network.accessPoint, null) > 0) attached.push({ network, at: network.accessPoint });
    }
  }
  published.sort((a, b) => prefixKey(a.prefix) - prefixKey(b.prefix) || (a.owner < b.owner ? -1 : 1));
  const used = new Set([...branches, ...attached].map(({ at }) => at));
  return {
    id,
    points: new Map([...points].filter(([at]) => used.has(at)).sort(([a], [b]) => (a < b ? -1 : 1))),
    branches,
    attached,
    published,
    reach: reachOf(id, published, before?.reach),
  };
}

/** Do a withdrawn block of this instance and what somebody else publishes have addresses in common? Then the block is not its to send from. */
export function disputed(block: Prefix, instance: string, published: readonly Published[]): boolean {
  return published.some(({ prefix, owner }) => owner !== instance && (holds(block, prefix) || holds(prefix, block)));
}

function rank({ role }: Resource<"device">): number {
  return role === "standby" ? 1 : 0;
}
