/**
 * What one gateway can hold. It would refuse a configuration with more as a whole, and then nobody's changes get there any more; so the
 * change that would be too much is refused, and says so to whoever asks for it.
 */

import type { Parts, PartsDelta } from "../../protocol/parts.ts";
import type { FilterConfig } from "../../router/config/config.ts";
import { refusal } from "../error.ts";
import type { Intent, Violation } from "../model/intent.ts";
import { directoryOf } from "../model/lineage.ts";
import { breach, called } from "../model/rules/rule.ts";

/** Routing domains of a datapath are 4,096; some are kept for changes under way. */
const MOST_NETWORKS = 4000;
/** Of the 65,536 SAs a tunnel needs two, and two more while it is rekeyed. */
const MOST_TUNNELS = 16_000;
/** Rules of one VPC: those that a file may have. Each is looked at by the first packet of a flow. */
const MOST_RULES = 1000;
/** Rules of all VPCs: the datapath has 16 MiB for them, in which old and new ones stand side by side for a moment. */
const MOST_RULES_OF_ALL = 50_000;

/** Of the parts of a router what is counted. */
interface Counted extends Pick<Parts, "size" | "get"> {
  keys(): Iterable<string>;
}

/** The parts as they would be after the delta, without a copy of them: a gateway has ten thousands. */
export function outlook(parts: Parts | undefined, { put, remove }: PartsDelta): Counted {
  if (!parts) return put;
  const fresh = [...put.keys()].filter((key) => !parts.has(key));
  return {
    size: parts.size + fresh.length - remove.size,
    get: (key) => put.get(key) ?? parts.get(key),
    keys: function* () {
      for (const key of parts.keys()) if (!remove.has(key)) yield key;
      yield* fresh;
    },
  };
}

/** @throws ConsoleError 422 access-point-full, too-many-rules */
export function demandRoom(...asked: Parameters<typeof overfull>): void {
  const faults = overfull(...asked);
  if (faults.length > 0) throw refusal(faults, 422);
}

/** @param after parts of a router after the change. Empty: there is room for what is new. */
function overfull(
  intent: Intent,
  deltas: ReadonlyMap<string, PartsDelta>,
  after: (router: string) => Counted | undefined,
): Violation[] {
  const directory = directoryOf(intent);
  return [...deltas].flatMap(([router, delta]): Violation[] => {
    const id = directory.get("device", router)?.accessPoint ?? undefined;
    const point = id === undefined ? undefined : directory.get("access-point", id);
    const parts = point && after(router);
    if (!parts) return [];
    const found: Violation[] = [];
    const tell = (what: string, most: string) =>
      found.push(
        breach(
          "access-point-full",
          point,
          "id",
          `${called(point)} would have ${what}`,
          `At most ${most} can be there; use another access point`,
        ),
      );
    const count = (kind: string, most: number, words: string) => {
      if (parts.size <= most || !isNew(delta, kind)) return;
      let number = 0;
      for (const key of parts.keys()) if (key.startsWith(kind)) number++;
      if (number > most) tell(`${number} ${words}`, String(most));
    };
    count("vrf/", MOST_NETWORKS, "networks (CENs, and CCNs without one)");
    count("tunnel/", MOST_TUNNELS, "tunnels");
    found.push(...longFilters(delta, intent));
    if (grows(delta)) {
      let rules = 0;
      for (const key of parts.keys()) if (key.startsWith("filter/")) rules += rulesOf(parts.get(key));
      if (rules > MOST_RULES_OF_ALL) tell(`${rules} rules of security groups`, String(MOST_RULES_OF_ALL));
    }
    return found;
  });
}

function longFilters({ put, before }: PartsDelta, intent: Intent): Violation[] {
  return [...put].flatMap(([key, part]): Violation[] => {
    const rules = rulesOf(part);
    const vpc = rules > MOST_RULES ? intent.vpc.get(key.slice(key.indexOf("/") + 1)) : undefined;
    if (!vpc || rules <= rulesOf(before?.get(key))) return [];
    return [
      breach(
        "too-many-rules",
        vpc,
        "id",
        `the security groups of ${called(vpc)} would have ${rules} rules`,
        `At most ${MOST_RULES} can be there; put several into one, with a shorter prefix or a range of ports`,
      ),
    ];
  });
}

/** Is a part of this kind new? */
function isNew({ put, before }: PartsDelta, kind: string): boolean {
  for (const key of put.keys()) if (key.startsWith(kind) && !before?.has(key)) return true;
  return false;
}

function grows({ put, before }: PartsDelta): boolean {
  for (const [key, part] of put) if (rulesOf(part) > rulesOf(before?.get(key))) return true;
  return false;
}

/** Of a filter; of anything else 0. */
function rulesOf(part: unknown): number {
  return (part as Partial<FilterConfig> | undefined)?.rules?.length ?? 0;
}
