/** Instances: bandwidth, and what a locked one may not. */
import { BANDWIDTH } from "../field.ts";
import type { Violation } from "../intent.ts";
import { breach, called, type Rule } from "./rule.ts";

export const checkInstance: Rule = ({ before, after }) => {
  if (after?.kind !== "instance") return [];
  const found: Violation[] = [];
  const { peakBandwidth } = after;
  const { minimum, maximum } = BANDWIDTH;
  if (!Number.isInteger(peakBandwidth) || peakBandwidth < minimum || peakBandwidth > maximum) {
    found.push(
      breach(
        "bandwidth",
        after,
        "peakBandwidth",
        `${called(after)} cannot have a peak bandwidth of ${peakBandwidth} Mbit/s`,
        `Choose a whole number from ${minimum} to ${maximum}`,
      ),
    );
  }
  if (before?.kind !== "instance" || !after.locked) return found;
  const unlock = `Unlock it first: vcpe unlock instance ${after.name}`;
  if (after.ccn !== null && after.ccn !== before.ccn) {
    found.push(breach("locked", after, "ccn", `${called(after)} is locked and cannot be bound`, unlock));
  }
  if (after.activated && !before.activated) {
    found.push(breach("locked", after, "activated", `${called(after)} is locked and cannot be activated`, unlock));
  }
  return found;
};
