/** Networks by themselves: that they are ones, that branches may use them, and that those of one resource do not overlap. */
import type { Violation } from "../intent.ts";
import { overlap, type Prefix, type PrefixFault, prefixOf, readPrefix } from "../prefix.ts";
import type { Resource } from "../resources.ts";
import { breach, type Rule } from "./rule.ts";

/** Overlay addresses of devices are given out of this one: shared address space, RFC 6598. */
export const OVERLAY = prefixOf("100.64.0.0/10")!;

/** What cannot be a network of hosts (RFC 6890), and ours. */
const SPECIAL: readonly (readonly [Prefix, string])[] = (
  [
    ["0.0.0.0/8", "0.0.0.0/8, which is no address of a host (RFC 1122)"],
    ["127.0.0.0/8", "loopback, 127.0.0.0/8"],
    ["169.254.0.0/16", "link-local addresses, 169.254.0.0/16"],
    ["224.0.0.0/4", "multicast, 224.0.0.0/4"],
    ["240.0.0.0/4", "reserved addresses, 240.0.0.0/4"],
    ["100.64.0.0/10", "100.64.0.0/10, which devices have their own addresses of"],
  ] as const
).map(([text, what]) => [prefixOf(text)!, what]);

const SHORTEST = 8;

/** What is wrong with a text as a network of a branch, VPC or line. */
function networkFault(text: string): PrefixFault | undefined {
  const read = readPrefix(text);
  if ("message" in read) return read;
  if (read.length < SHORTEST) {
    return { message: `${text} is larger than a /${SHORTEST}`, next: `Use lengths from ${SHORTEST} to 32` };
  }
  const special = SPECIAL.find(([prefix]) => overlap(prefix, read));
  return (
    special && { message: `${text} overlaps ${special[1]}`, next: "Use private addresses, such as those of RFC 1918" }
  );
}

export const checkNetworks: Rule = ({ after }) => {
  switch (after?.kind) {
    case "instance":
      return [...each(after, "cidrs", after.cidrs), ...subset(after, "cidrs", after.cidrs, after.withdrawn)];
    case "vbr":
      return [
        ...each(after, "prefixes", after.prefixes),
        ...subset(after, "prefixes", after.prefixes, after.withdrawn),
      ];
    case "ccn":
      return after.cidr === null ? [] : single(after, "cidr", after.cidr);
    case "vpc":
      return vpc(after);
    default:
      return [];
  }
};

function single(whose: Resource, path: string, text: string): Violation[] {
  const fault = networkFault(text);
  return fault ? [breach("cidr-invalid", whose, path, fault.message, fault.next)] : [];
}

function each(whose: Resource, path: string, texts: readonly string[]): Violation[] {
  return [...texts.flatMap((text, i) => single(whose, `${path}[${i}]`, text)), ...disjoint(whose, path, texts)];
}

/** Sorted, an overlap is one between neighbours: a network that holds others stands right before the first of them. */
function disjoint(whose: Resource, path: string, texts: readonly string[]): Violation[] {
  const sorted = texts
    .map((text, i) => ({ text, i, prefix: prefixOf(text) }))
    .filter((one): one is typeof one & { prefix: Prefix } => one.prefix !== undefined)
    .sort((a, b) => a.prefix.base - b.prefix.base || a.prefix.length - b.prefix.length);
  return sorted.flatMap((one, at) => {
    const before = sorted[at - 1];
    if (!before || !overlap(before.prefix, one.prefix)) return [];
    return [
      breach(
        "cidr-overlap",
        whose,
        `${path}[${one.i}]`,
        `${one.text} overlaps ${before.text} of the same ${whose.kind === "vpc" ? "VPC" : whose.kind === "vbr" ? "VBR" : "instance"} ${whose.name}`,
        "Leave one of the two out",
      ),
    ];
  });
}

function subset(whose: Resource, path: string, all: readonly string[], withdrawn: readonly string[]): Violation[] {
  return withdrawn.flatMap((text, i) =>
    all.includes(text)
      ? []
      : [
          breach(
            "not-own",
            whose,
            `withdrawn[${i}]`,
            `${text} is withdrawn but is not among the ${path} of ${whose.name}`,
            `Withdraw only what stands in ${path}: ${all.join(", ") || "there is nothing"}`,
          ),
        ],
  );
}

function vpc(whose: Resource<"vpc">): Violation[] {
  const own = prefixOf(whose.cidr);
  const names = new Set<string>();
  return [
    ...single(whose, "cidr", whose.cidr),
    ...whose.vswitches.flatMap(({ name, cidr }, i) => {
      const path = `vswitches[${i}]`;
      const found: Violation[] = [];
      if (names.has(name)) {
        found.push(
          breach(
            "name-taken",
            whose,
            `${path}.name`,
            `VPC ${whose.name} has two vSwitches ${name}`,
            "Rename one of them",
          ),
        );
      }
      names.add(name);
      const prefix = readPrefix(cidr);
      if ("message" in prefix) found.push(breach("cidr-invalid", whose, `${path}.cidr`, prefix.message, prefix.next));
      else if (own && !(prefix.length >= own.length && overlap(own, prefix))) {
        found.push(
          breach(
            "cidr-outside-vpc",
            whose,
            `${path}.cidr`,
            `vSwitch ${name} with ${cidr} is not inside ${whose.cidr} of VPC ${whose.name}`,
            `Choose a network inside ${whose.cidr}`,
          ),
        );
      }
      return found;
    }),
    ...disjoint(
      whose,
      "vswitches",
      whose.vswitches.map(({ cidr }) => cidr),
    ),
  ];
}
