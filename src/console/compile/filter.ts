/** Security groups of a VPC → the filter at its attachment. */
import type { FilterConfig } from "../../router/config/config.ts";
import { freeze } from "../../router/config/config.ts";
import type { Directory } from "../model/directory.ts";
import type { Resource } from "../model/resources.ts";

/** IANA's numbers; null: every protocol. */
const PROTOCOLS: Readonly<Record<Resource<"rule">["protocol"], number | null>> = {
  all: null,
  icmp: 1,
  tcp: 6,
  udp: 17,
  gre: 47,
  esp: 50,
};

/** The rules of all groups of the VPC in one list. Nothing goes in unless a rule accepts it; everything goes out unless one drops it. */
export function filterOf(vpc: string, directory: Directory): FilterConfig {
  const rules = directory
    .usersOf(vpc, "security-group")
    .flatMap(({ id }) => directory.usersOf(id, "rule"))
    .sort(before);
  return freeze({ name: vpc, rules: rules.map(ruleOf), in: "drop" as const, out: "accept" as const });
}

/** Smaller priority first; of equal ones what drops, then by id. */
function before(a: Resource<"rule">, b: Resource<"rule">): number {
  if (a.priority !== b.priority) return a.priority - b.priority;
  if (a.policy !== b.policy) return a.policy === "drop" ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

function ruleOf({ id, direction, protocol, ports, cidr, policy }: Resource<"rule">): FilterConfig["rules"][number] {
  const [low, high] = ports.split("/").map(Number);
  return {
    id,
    direction: direction === "ingress" ? "in" : "out",
    protocol: PROTOCOLS[protocol],
    ports: ports === "-1/-1" ? null : { low, high },
    prefix: cidr,
    action: policy,
  };
}
