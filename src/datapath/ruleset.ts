/** Rule sets as the fast path reads them (layout: SET_*, RULE_*). */

import {
  DIRECTION_IN,
  DIRECTION_OUT,
  RULE_ACCEPT,
  RULE_ADDRESS,
  RULE_ANY,
  RULE_HIT,
  RULE_MASK,
  RULE_PORT_HIGH,
  RULE_PORT_LOW,
  RULE_PROTOCOL,
  RULE_STRIDE,
  SET_DEFAULT_HITS,
  SET_DEFAULTS,
  SET_GENERATION,
  SET_HEAD,
  SET_HITS,
  SET_HITS_STRIDE,
  SET_LIST_STRIDE,
  SET_LISTS,
} from "../../assembly/layout.ts";
import { PlaneError } from "./error.ts";
import type { FilterRule, FilterRules } from "./rules.ts";

const LINE = 64;

/** Bytes of one worker's hits: whole lines, so that workers do not write to each other's. */
function hitsStride(rules: number): number {
  return Math.ceil(((rules + 2) * 8) / LINE) * LINE;
}

/** Bytes of a set and the hits of its rules. */
export function sizeOfSet({ rules }: FilterRules, workers: number): number {
  return SET_HEAD + rules.length * RULE_STRIDE + workers * hitsStride(rules.length);
}

/** @throws PlaneError invalid */
export function checkRuleSet({ rules }: FilterRules): void {
  for (const { id, protocol, ports, prefix } of rules) {
    const bytes = prefix.address.length;
    const fits =
      (bytes === 4 || bytes === 16) &&
      prefix.length >= 0 &&
      prefix.length <= bytes * 8 &&
      (protocol === null || (protocol >= 0 && protocol <= 255)) &&
      (ports === null || (ports.low >= 0 && ports.low <= ports.high && ports.high <= 65535));
    if (!fits) throw new PlaneError("invalid", `The filter rule "${id}" has a protocol, port or prefix out of range.`);
  }
}

/** The set with zero hits, for a block that begins at `address`, `sizeOfSet` bytes. */
export function encodeRuleSet(
  set: FilterRules,
  generation: number,
  workers: number,
  address: number,
): Uint8Array<ArrayBuffer> {
  const { rules } = set;
  const bytes = new Uint8Array(sizeOfSet(set, workers));
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: number) => view.setUint32(at, value, true);
  put(SET_GENERATION, generation);
  put(SET_HITS, address + SET_HEAD + rules.length * RULE_STRIDE);
  put(SET_HITS_STRIDE, hitsStride(rules.length));
  for (const [direction, name] of [
    [DIRECTION_IN, "in"],
    [DIRECTION_OUT, "out"],
  ] as const) {
    put(SET_DEFAULTS + direction * 4, set[name] === "accept" ? 1 : 0);
    put(SET_DEFAULT_HITS + direction * 4, rules.length + direction);
  }
  let at = SET_HEAD;
  for (const [index, addressBytes, direction] of LISTS) {
    const list = SET_LISTS + index * SET_LIST_STRIDE;
    put(list, address + at);
    rules.forEach((rule, hit) => {
      if (rule.direction !== direction || rule.prefix.address.length !== addressBytes) return;
      encodeRule(rule, hit, view, bytes, at);
      put(list + 4, view.getUint32(list + 4, true) + 1);
      at += RULE_STRIDE;
    });
  }
  return bytes;
}

/** The four lists: index, bytes of an address, direction. */
const LISTS = [
  [DIRECTION_IN, 4, "in"],
  [DIRECTION_OUT, 4, "out"],
  [2 + DIRECTION_IN, 16, "in"],
  [2 + DIRECTION_OUT, 16, "out"],
] as const;

function encodeRule(rule: FilterRule, hit: number, view: DataView, bytes: Uint8Array, at: number): void {
  const { protocol, ports, prefix, action } = rule;
  view.setUint32(at + RULE_PROTOCOL, protocol ?? RULE_ANY, true);
  view.setUint32(at + RULE_PORT_LOW, ports?.low ?? 0, true);
  view.setUint32(at + RULE_PORT_HIGH, ports?.high ?? 65535, true);
  view.setUint32(at + RULE_ACCEPT, action === "accept" ? 1 : 0, true);
  view.setUint32(at + RULE_HIT, hit, true);
  for (let i = 0; i < prefix.address.length; i++) {
    const bits = Math.min(8, Math.max(0, prefix.length - i * 8));
    const mask = (0xff00 >> bits) & 0xff;
    bytes[at + RULE_MASK + i] = mask;
    bytes[at + RULE_ADDRESS + i] = prefix.address[i] & mask;
  }
}
