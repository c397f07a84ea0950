/** A security group of a VPC lets the instance's networks in. */
import type { Directory } from "../directory.ts";
import { claimsOf } from "../directory.ts";
import { holds, overlap, type Prefix, prefixOf } from "../prefix.ts";
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
  const obstacle = vpcs.map(({ id }) => obstacleAt(id, sources, directory)).find((rule) => rule !== undefined);
  if (obstacle) {
    const group = directory.get("security-group", obstacle.securityGroup)!;
    return broken(
      "closed",
      `rule ${obstacle.name} of security group ${group.name} drops what instance ${instance.name} sends to VPC ${directory.get("vpc", group.vpc)!.name}`,
      `Run: vcpe delete rule ${obstacle.name}, or make its priority larger than that of the rule which accepts: vcpe update rule ${obstacle.name} --priority N`,
    );
  }
  const [group] = directory.usersOf(vpc.id, "security-group");
  const cidr = instance.cidrs.find((text) => !instance.withdrawn.includes(text)) ?? "CIDR";
  const rule = `vcpe create rule NAME --security-group ${group?.name ?? "GROUP"} --direction ingress --policy accept --protocol all --cidr ${cidr}`;
  return broken(
    "closed",
    `no security group of VPC ${shut.join(", ")} lets instance ${instance.name} in`,
    group ? `Run: ${rule}` : `Run: vcpe create security-group GROUP --vpc ${vpc.name}, then: ${rule}`,
  );
};

type Rule = Resource<"rule">;

/** What a rule is about, of what comes from one network. */
interface Scope extends Pick<Rule, "protocol" | "ports"> {
  readonly far: Prefix;
}

const ALL_PORTS = "-1/-1";

/** Does something of what comes from these networks get into the VPC? Not what an accepting rule lets in that another has dropped whole before. */
function accepts(vpc: string, sources: readonly Prefix[], directory: Directory): boolean {
  const rules = rulesOf(vpc, directory);
  return sources.some((source) => accepting(rules, source).some(({ dropped }) => !dropped));
}

/** The rule that drops what another would accept; or that would drop what a new rule of the first priority accepted. */
function obstacleAt(vpc: string, sources: readonly Prefix[], directory: Directory): Rule | undefined {
  const rules = rulesOf(vpc, directory);
  for (const source of sources) {
    for (const { dropped } of accepting(rules, source)) if (dropped) return dropped;
    const all: Scope = { protocol: "all", ports: ALL_PORTS, far: source };
    const first = rules.find((one) => one.policy === "drop" && one.priority === 1 && covers(one, all));
    if (first) return first;
  }
  return undefined;
}

/** Rules that accept something of this network, each with the one that has dropped all of it before. */
function accepting(rules: readonly Rule[], source: Prefix): { readonly dropped: Rule | undefined }[] {
  return rules.flatMap((rule, at) => {
    const far = prefixOf(rule.cidr);
    if (rule.policy !== "accept" || !far || !overlap(far, source)) return [];
    const scope: Scope = { ...rule, far: far.length > source.length ? far : source };
    return [{ dropped: rules.slice(0, at).find((one) => one.policy === "drop" && covers(one, scope)) }];
  });
}

function covers({ protocol, ports, cidr }: Rule, scope: Scope): boolean {
  const far = prefixOf(cidr);
  if (!far || !holds(far, scope.far) || (protocol !== "all" && protocol !== scope.protocol)) return false;
  if (ports === ALL_PORTS) return true;
  if (scope.ports === ALL_PORTS) return false;
  const [[low, high], [from, to]] = [ports, scope.ports].map((text) => text.split("/").map(Number));
  return low <= from && to <= high;
}

/** For what comes in, in the order in which the filter asks them (compile/filter.ts). */
function rulesOf(vpc: string, directory: Directory): Rule[] {
  return directory
    .usersOf(vpc, "security-group")
    .flatMap(({ id }) => directory.usersOf(id, "rule"))
    .filter(({ direction }) => direction === "ingress")
    .sort(inOrder);
}

/** Smaller priority first; of equal ones what drops. */
function inOrder(a: Rule, b: Rule): number {
  return a.priority - b.priority || Number(a.policy === "accept") - Number(b.policy === "accept");
}
