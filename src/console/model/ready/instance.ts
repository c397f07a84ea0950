/** The instance may have tunnels, has networks that others may reach, and an access point. */
import type { Directory } from "../directory.ts";
import { prefixOf } from "../prefix.ts";
import type { Claim } from "../prefixset.ts";
import type { Resource } from "../resources.ts";
import { called } from "../rules/rule.ts";
import { gatewayBehind } from "./gateway.ts";
import { broken, type Found, good, type Link } from "./link.ts";

export const instanceLink: Link = (instance, directory, observed) => {
  const { name, cidrs, withdrawn } = instance;
  if (instance.locked) {
    return broken("locked", `instance ${name} is locked`, `Run: vcpe unlock instance ${name}`);
  }
  if (!instance.activated) {
    return broken("not-activated", `instance ${name} is not activated`, `Run: vcpe activate instance ${name}`);
  }
  if (cidrs.length === 0) {
    return broken(
      "no-cidr",
      `instance ${name} has no private CIDR block`,
      `Name the networks of the branch: vcpe update instance ${name} --cidrs 192.168.10.0/24`,
    );
  }
  if (cidrs.every((cidr) => withdrawn.includes(cidr))) return nothingPublished(instance, directory);
  const point = directory.accessPointOf(instance);
  const area = directory.get("area", instance.area)?.name ?? instance.area;
  if (!point) {
    return broken(
      "no-access-point",
      `area ${area} has no access point for instance ${name}`,
      `Make one: vcpe create access-point NAME --area ${area} --region REGION --ipv4 ADDRESS`,
    );
  }
  const gateway = directory.gatewayOf(point.id);
  if (!gateway || observed(gateway.id)?.controller !== "normal") {
    return broken(
      "gateway-down",
      `the gateway of access point ${point.name} is not connected to the console`,
      gateway
        ? `On its host run: vcpe gateway; the first time: vcpe join --console URL --serial ${gateway.id}`
        : "Delete the access point and create it anew: its device comes with it",
    );
  }
  const behind = gatewayBehind(point, observed(gateway.id)!, name);
  if (behind) return behind;
  return good(`instance ${name} is activated and uses access point ${point.name}`);
};

/** Blocks are withdrawn by an operator, often because others publish the same addresses: then to publish them would be refused. */
function nothingPublished(instance: Resource<"instance">, directory: Directory): Found {
  const { name, cidrs } = instance;
  const message = `every CIDR block of instance ${name} is withdrawn`;
  const rivals = cidrs.map((cidr) => rivalOf(cidr, instance, directory));
  const free = rivals.indexOf(undefined);
  if (free >= 0) {
    const rest = cidrs.toSpliced(free, 1).join(",");
    return broken(
      "withdrawn",
      message,
      `To publish ${cidrs[free]} run: vcpe update instance ${name} --withdrawn ${rest || '""'}`,
    );
  }
  const rival = rivals[0]!;
  const owner = directory.get(rival.kind, rival.id)!;
  return broken(
    "withdrawn",
    `${message}, and ${cidrs[0]} overlaps ${rival.text} of ${called(owner)}`,
    `Withdraw that one, or use another block: vcpe update instance ${name} --cidrs CIDR --withdrawn ""`,
  );
}

/** What somebody else publishes of these addresses in the same component. */
function rivalOf(cidr: string, instance: Resource<"instance">, directory: Directory): Claim | undefined {
  const component = directory.componentOf(instance);
  const prefix = prefixOf(cidr);
  if (component === null || !prefix) return undefined;
  for (const set of directory.networks(component)) {
    for (const claim of set.overlapping(prefix)) if (claim.published && claim.id !== instance.id) return claim;
  }
  return undefined;
}
