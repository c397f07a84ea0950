/** No published network covers the outer address of an access point: edges would send their own tunnel into the tunnel. */
import { claimsOf, type Directory } from "../directory.ts";
import type { Violation } from "../intent.ts";
import type { Prefix } from "../prefix.ts";
import { parseIpv4 } from "../prefix.ts";
import { breach, called, changedIn, MOST, type Rule } from "./rule.ts";

export const checkOutside: Rule = (change, directory) => {
  const { after } = change;
  switch (after?.kind) {
    case "instance":
    case "vpc":
    case "vbr":
      if (
        directory.componentOf(after) === null ||
        !changedIn(change, "cidrs", "cidr", "prefixes", "withdrawn", "ccn", "cen")
      )
        return [];
      return claimsOf(after).flatMap(({ prefix, text, published }) => {
        const [point] = published ? directory.outside.overlapping(prefix) : [];
        if (!point) return [];
        const other = directory.get("access-point", point.id)!;
        const path = after.kind === "instance" ? "cidrs" : after.kind === "vbr" ? "prefixes" : "cidr";
        return [covers(after, path, `${text} of ${called(after)}`, point.text, other)];
      });
    case "access-point":
      return changedIn(change, "ipv4") && after.ipv4 !== null ? covered(after, after.ipv4, directory) : [];
    default:
      return [];
  }
};

type Side = Parameters<typeof breach>[1];

function covered(point: Side, address: string, directory: Directory): Violation[] {
  const base = parseIpv4(address);
  if (base === undefined) return [];
  const one: Prefix = { base, length: 32 };
  const found: Violation[] = [];
  for (const [, set] of directory.allNetworks()) {
    for (const claim of set.overlapping(one)) {
      if (!claim.published) continue;
      const owner = directory.get(claim.kind, claim.id)!;
      found.push(covers(point, "ipv4", `${claim.text} of ${called(owner)}`, address, point, owner));
      if (found.length === MOST) return found;
    }
  }
  return found;
}

function covers(
  whose: Side,
  path: string,
  network: string,
  address: string,
  point: Side,
  other: Side = point,
): Violation {
  return breach(
    "covers-access-point",
    whose,
    path,
    `${network} covers ${address}, the outer address of ${called(point)}`,
    "Publish smaller networks that leave this address out: what goes to the access point itself must not enter a tunnel",
    other,
  );
}
