/** Policy routing: which routing table packets look up, ip-rule(8). */

import { askIp, runIp, type Where } from "./iproute.ts";
import { ROUTE_PROTOCOL } from "./routes.ts";

export interface Rule {
  readonly family: 4 | 6;
  /** Lower ones are asked first; the local table has 0, main 32766. */
  readonly priority: number;
  /** Only packets that came in there; absent: all. It stays, and matches again, when a link of this name comes back. */
  readonly iif?: string;
  readonly table: number;
}

interface RuleEntry {
  readonly priority: number;
  readonly iif?: string;
  readonly table?: string;
}

/** All rules of both families that name a table. */
export async function listRules(where: Where = {}): Promise<Rule[]> {
  const found: Rule[] = [];
  for (const family of [4, 6] as const) {
    // -N: numbers, not names, of tables.
    for (const entry of await askIp<RuleEntry>(["-N", `-${family}`, "rule", "show"], "list the routing rules", where)) {
      if (entry.table === undefined) continue;
      const iif = entry.iif === undefined ? {} : { iif: entry.iif };
      found.push({ family, priority: entry.priority, table: Number(entry.table), ...iif });
    }
  }
  return found;
}

/** @throws LinuxError exists, absent, not-permitted, unsupported */
export async function changeRule(verb: "add" | "delete", rule: Rule, where: Where = {}): Promise<void> {
  const { family, priority, iif, table } = rule;
  const from = iif === undefined ? [] : ["iif", iif];
  const words = [`-${family}`, "rule", verb, "priority", String(priority), ...from, "lookup", String(table)];
  const protocol = ["protocol", String(ROUTE_PROTOCOL)];
  await runIp([...words, ...protocol], `${verb} the routing rule ${priority} for ${iif ?? "all"}`, where);
}
