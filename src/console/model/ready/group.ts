/** A security group of a VPC lets the instance's networks in. */
import type { Directory } from "../directory.ts";
import { claimsOf } from "../directory.ts";
import { overlap, type Prefix, prefixOf } from "../prefix.ts";
import type { Resource } from "../resources.ts";
import { broken, good, type Link, waits } from "./link.ts";
import { publishedOf, reachable } from "./vpc.ts";

export const groupLink: Link = (instance, directory, observed) => {
  const near = reachable(instance, directory, observed);
  const vpcs = near.length > 0 ? near : publishedOf(instance, directory);
  if (vpcs.length === 0) return waits("security groups stand before a VPC");
  const sources = claimsOf(instance)
    .filter(({ published }) => published)
    .map(({ prefix }) => prefix);
  const open = vpcs.filter(({ id }) => accepts(id, sources, directory));
  const shut = vpcs.filter((vpc) => !open.includes(vpc)).map(({ name }) => name);
  if (open.length > 0) {
    const rest = shut.length > 0 ? `; closed: VPC ${shut.join(", ")}` : "";
    return good(
      `security groups let instance ${instance.name} into VPC ${open.map(({ name }) => name).join(", ")}${rest}`,
    );
  }
  const [vpc] = vpcs;
  const [group] = directory.usersOf(vpc.id, "security-group");
  const cidr = instance.cidrs.find((text) => !instance.withdrawn.includes(text)) ?? "CIDR";
  const rule = `vcpe create rule NAME --security-group ${group?.name ?? "GROUP"} --direction ingress --policy accept --protocol all --cidr ${cidr}`;
  return broken(
    "closed",
    `no security group of VPC ${shut.join(", ")} lets instance ${instance.name} in`,
    group ? `Run: ${rule}` : `Run: vcpe create security-group GROUP --vpc ${vpc.name}, then: ${rule}`,
  );
};

/** Does something of what comes from these networks get into the VPC? The first rule that has all of a network decides about it. */
function accepts(vpc: string, sources: readonly Prefix[], directory: Directory): boolean {
  const rules = directory
    .usersOf(vpc, "security-group")
    .flatMap(({ id }) => directory.usersOf(id, "rule"))
    .filter(({ direction }) => direction === "ingress")
    .sort(inOrder);
  return sources.some((source) => {
    for (const { cidr, policy, protocol } of rules) {
      const far = prefixOf(cidr);
      if (!far || !overlap(far, source)) continue;
      if (policy === "accept") return true;
      if (protocol === "all" && far.length <= source.length) return false;
    }
    return false;
  });
}

/** Smaller priority first; of equal ones what drops. */
function inOrder(a: Resource<"rule">, b: Resource<"rule">): number {
  return a.priority - b.priority || Number(a.policy === "accept") - Number(b.policy === "accept");
}
