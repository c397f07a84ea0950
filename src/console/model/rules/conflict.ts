/**
 * What is published in a component has one origin: no two networks of it overlap, whoever brings them, and also when a bind brings
 * two components together. A withdrawn block conflicts with nothing; it does once it is published.
 */
import { claimsOf, type Directory } from "../directory.ts";
import type { Violation } from "../intent.ts";
import type { Claim, PrefixSet } from "../prefixset.ts";
import type { Resource } from "../resources.ts";
import { breach, called, changedIn, MOST, type Rule } from "./rule.ts";

/** Keys that bring networks into a component. */
const BRINGING = {
  instance: ["cidrs", "withdrawn", "ccn"],
  vpc: ["cidr", "withdrawn", "cen"],
  vbr: ["prefixes", "withdrawn", "cen"],
} as const;

export const checkConflicts: Rule = (change, directory) => {
  const { after } = change;
  if (after?.kind === "instance" || after?.kind === "vpc" || after?.kind === "vbr") {
    const component = directory.componentOf(after);
    if (component === null || !changedIn(change, ...BRINGING[after.kind])) return [];
    return clashes(after, claimsOf(after), directory.networks(component), component, directory);
  }
  if (after?.kind === "ccn" && after.cen !== null && changedIn(change, "cen")) {
    const own = directory.networksAt(after.id);
    const others = directory.networks(after.cen).filter((set) => set !== own);
    return clashes(after, own?.claims ?? [], others, after.cen, directory);
  }
  return [];
};

function clashes(
  whose: Resource,
  claims: Iterable<Claim>,
  sets: readonly PrefixSet[],
  component: string,
  directory: Directory,
): Violation[] {
  const found: Violation[] = [];
  const domain = directory.get("cen", component) ?? directory.get("ccn", component);
  // It is deleted by the same change: a rule of its own refuses that.
  if (!domain) return found;
  for (const claim of claims) {
    if (!claim.published) continue;
    for (const set of sets) {
      for (const rival of set.overlapping(claim.prefix)) {
        if (!rival.published || rival.id === claim.id) continue;
        const other = directory.get(rival.kind, rival.id)!;
        const ours =
          claim.id === whose.id ? claim.text : `${claim.text} of ${called(directory.get(claim.kind, claim.id)!)}`;
        found.push(
          breach(
            "cidr-conflict",
            whose,
            claim.id === whose.id ? keyOf(whose, claim.text) : "cen",
            `${ours} overlaps ${rival.text} of ${called(other)} in ${called(domain)}`,
            "Use another block for one of the two, or withdraw one of them",
            other,
          ),
        );
        if (found.length === MOST) return found;
      }
    }
  }
  return found;
}

function keyOf(whose: Resource, text: string): string {
  if (whose.kind === "instance") return `cidrs[${whose.cidrs.indexOf(text)}]`;
  return whose.kind === "vbr" ? `prefixes[${whose.prefixes.indexOf(text)}]` : "cidr";
}
