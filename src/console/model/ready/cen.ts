/** The CCN is bound to a CEN. */
import { broken, good, type Link, waits } from "./link.ts";

export const cenLink: Link = (instance, directory) => {
  const ccn = instance.ccn === null ? undefined : directory.get("ccn", instance.ccn);
  if (!ccn) return waits("a CEN is reached through a CCN");
  if (ccn.cen === null) {
    return broken("not-bound", `CCN ${ccn.name} is bound to no CEN`, `Run: vcpe bind ccn ${ccn.name} cen CEN`);
  }
  return good(`CCN ${ccn.name} is bound to CEN ${directory.get("cen", ccn.cen)?.name ?? ccn.cen}`);
};
