/** Rules about filters: names that must be unique or exist, rules that can never match. */
import { familyOf } from "../address.ts";
import { protocolNumber } from "./filter.ts";
import { nearest } from "./nearest.ts";
import { error, type Finding, once, type Path, warning } from "./problem.ts";
import type { RouterFile } from "./schema.ts";

/** TCP, UDP, DCCP, SCTP, UDP-Lite. */
const WITH_PORTS: ReadonlySet<number | null> = new Set([6, 17, 33, 132, 136]);
const ICMP = 1;
const ICMPV6 = 58;

export function checkFilters(file: RouterFile): Finding[] {
  const filters = file.filters ?? [];
  return [
    ...once(
      "duplicate-name",
      "the filter name",
      filters.map(({ name }, i) => ({ text: name, path: ["filters", i, "name"] })),
    ),
    ...filters.flatMap(({ rules = [] }, i) => {
      const at: Path = ["filters", i, "rules"];
      const ids = rules.map(({ id }, j) => ({ text: id, path: [...at, j, "id"] }));
      return [
        ...once("duplicate-name", "the rule", ids),
        ...rules.flatMap((rule, j) => ruleFindings(rule, [...at, j])),
      ];
    }),
    ...file.vrfs.flatMap(({ tun }, i) =>
      tun?.filter === undefined ? [] : known(file, tun.filter, ["vrfs", i, "tun", "filter"]),
    ),
    ...(file.attachments ?? []).flatMap(({ filter }, i) =>
      filter === undefined ? [] : known(file, filter, ["attachments", i, "filter"]),
    ),
  ];
}

/** Is there a filter of this name? */
function known(file: RouterFile, name: string, path: Path): Finding[] {
  const names = (file.filters ?? []).map((filter) => filter.name);
  if (names.includes(name)) return [];
  const meant = nearest(name, names);
  const next = meant
    ? `Did you mean "${meant}"?`
    : names.length > 0
      ? `Filters: ${names.join(", ")}`
      : "Add it to filters";
  return [error("unknown-filter", path, `there is no filter "${name}"`, next)];
}

type Rule = NonNullable<NonNullable<RouterFile["filters"]>[number]["rules"]>[number];

function ruleFindings({ protocol, ports, prefix }: Rule, at: Path): Finding[] {
  const number = protocolNumber(protocol);
  const findings: Finding[] = [];
  if (ports !== undefined && !WITH_PORTS.has(number)) {
    const what = number === null ? "any protocol" : `protocol ${protocol}`;
    findings.push(
      error(
        "no-ports",
        [...at, "ports"],
        `${what} has no ports to compare with`,
        "Write protocol: tcp or udp, or leave ports out",
      ),
    );
  }
  const family = familyOf(prefix);
  if ((number === ICMP && family === 6) || (number === ICMPV6 && family === 4)) {
    findings.push(
      warning(
        "never-matches",
        [...at, "prefix"],
        `${family === 6 ? "icmp is of IPv4" : "icmpv6 is of IPv6"}, but ${prefix} is an IPv${family} prefix`,
        `Write protocol: ${family === 6 ? "icmpv6" : "icmp"}`,
      ),
    );
  }
  return findings;
}
