// Rules: the first that matches decides, and else the direction's default. They stand in four lists, by direction and IP version, so a
// packet meets only those that could match it. Each list is walked; a flow is judged once, and again only when the rules have changed.

import {
  RULE_ACCEPT,
  RULE_ADDRESS,
  RULE_ANY,
  RULE_HIT,
  RULE_MASK,
  RULE_PORT_HIGH,
  RULE_PORT_LOW,
  RULE_PROTOCOL,
  RULE_STRIDE,
  SET_DEFAULTS,
  SET_DEFAULT_HITS,
  SET_HITS,
  SET_HITS_STRIDE,
  SET_LISTS,
  SET_LIST_STRIDE,
} from "./layout/filter";
import { worker } from "./state";

/** No port: the packet has none, or is not to be judged by it. */
export const NO_PORT: u32 = 0xffffffff;

/** Index among the hits of what decided last, and whether that was a rule (else a default). */
let decided: u32 = 0;
export let byRule: bool = false;

/** Does the set accept what goes this way, to or from the far address at `far`, with this protocol, to this port? */
export function accepts(set: usize, direction: u32, version: u32, proto: u32, far: usize, port: u32): bool {
  const list = set + SET_LISTS + (direction + (version == 4 ? 0 : 2)) * SET_LIST_STRIDE;
  let rule = <usize>load<u32>(list);
  const end = rule + load<u32>(list, 4) * RULE_STRIDE;
  for (; rule < end; rule += RULE_STRIDE) {
    const wanted = load<u32>(rule, RULE_PROTOCOL);
    if (wanted != proto && wanted != RULE_ANY) continue;
    if (version == 4) {
      if (((load<u32>(far) ^ load<u32>(rule, RULE_ADDRESS)) & load<u32>(rule, RULE_MASK)) != 0) continue;
    } else if (!within6(far, rule)) {
      continue;
    }
    const low = load<u32>(rule, RULE_PORT_LOW);
    const high = load<u32>(rule, RULE_PORT_HIGH);
    if ((low != 0 || high != 65535) && (port < low || port > high)) continue;
    decided = load<u32>(rule, RULE_HIT);
    byRule = true;
    return load<u32>(rule, RULE_ACCEPT) != 0;
  }
  decided = load<u32>(set + SET_DEFAULT_HITS + (direction << 2));
  byRule = false;
  return load<u32>(set + SET_DEFAULTS + (direction << 2)) != 0;
}

function within6(far: usize, rule: usize): bool {
  const a = (load<u64>(far) ^ load<u64>(rule, RULE_ADDRESS)) & load<u64>(rule, RULE_MASK);
  const b = (load<u64>(far, 8) ^ load<u64>(rule, RULE_ADDRESS + 8)) & load<u64>(rule, RULE_MASK + 8);
  return (a | b) == 0;
}

/** Counts for what decided last. Each worker has its own. */
export function countHit(set: usize): void {
  const at = <usize>load<u32>(set, SET_HITS) + worker * load<u32>(set, SET_HITS_STRIDE) + (decided << 3);
  store<u64>(at, load<u64>(at) + 1);
}
