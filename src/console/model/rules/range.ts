/** Blocks of instances lie in the CIDR block of their CCN, when it has one. */
import type { Violation } from "../intent.ts";
import { holds, prefixOf } from "../prefix.ts";
import type { Resource } from "../resources.ts";
import { breach, called, changedIn, MOST, type Rule } from "./rule.ts";

export const checkRange: Rule = (change, directory) => {
  const { after } = change;
  if (after?.kind === "instance" && after.ccn !== null && changedIn(change, "cidrs", "ccn")) {
    const ccn = directory.get("ccn", after.ccn);
    return ccn ? outside(after, ccn, after, (i) => `cidrs[${i}]`) : [];
  }
  if (after?.kind === "ccn" && after.cidr !== null && changedIn(change, "cidr")) {
    const found: Violation[] = [];
    for (const instance of directory.usersOf(after.id, "instance")) {
      found.push(...outside(instance, after, after, () => "cidr"));
      if (found.length >= MOST) break;
    }
    return found.slice(0, MOST);
  }
  return [];
};

function outside(
  instance: Resource<"instance">,
  ccn: Resource<"ccn">,
  whose: Resource,
  path: (index: number) => string,
): Violation[] {
  const range = ccn.cidr === null ? undefined : prefixOf(ccn.cidr);
  if (!range) return [];
  return instance.cidrs.flatMap((text, i) => {
    const prefix = prefixOf(text);
    if (!prefix || holds(range, prefix)) return [];
    return [
      breach(
        "cidr-outside-ccn",
        whose,
        path(i),
        `${text} of ${called(instance)} is not inside ${ccn.cidr}, the CIDR block of ${called(ccn)}`,
        `Choose blocks inside ${ccn.cidr}, or change or clear the cidr of ${called(ccn)}`,
        whose === ccn ? instance : ccn,
      ),
    ];
  });
}
