/** Rules of security groups: ports and the far side. */
import type { Violation } from "../intent.ts";
import { readPrefix } from "../prefix.ts";
import { breach, called, type Rule } from "./rule.ts";

const ALL = "-1/-1";

export const checkSecurityRule: Rule = ({ after }) => {
  if (after?.kind !== "rule") return [];
  const found: Violation[] = [];
  const { protocol, ports, cidr, priority } = after;
  if (ports !== ALL) {
    const [low, high] = ports.split("/").map(Number);
    if (protocol !== "tcp" && protocol !== "udp") {
      found.push(
        breach(
          "ports-without-protocol",
          after,
          "ports",
          `${called(after)} names ports ${ports}, but ${protocol === "all" ? "all protocols together have" : `${protocol} has`} none`,
          `Write protocol tcp or udp, or ports "${ALL}"`,
        ),
      );
    } else if (!(low >= 1 && high <= 65535 && low <= high)) {
      found.push(
        breach(
          "ports",
          after,
          "ports",
          `"${ports}" of ${called(after)} is not a range of ports`,
          'Write "low/high" from 1 to 65535, the lower first: "80/80", "1/200"',
        ),
      );
    }
  }
  const far = readPrefix(cidr);
  if ("message" in far) found.push(breach("cidr-invalid", after, "cidr", far.message, far.next));
  if (!Number.isInteger(priority) || priority < 1 || priority > 100) {
    found.push(
      breach(
        "priority",
        after,
        "priority",
        `${called(after)} cannot have priority ${priority}`,
        "Choose 1 to 100; smaller ones come first",
      ),
    );
  }
  return found;
};
