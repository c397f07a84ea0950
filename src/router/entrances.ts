/**
 * Where packets of the local prefixes come into this host: the devices whose receive path (NAPI, GRO) meets them first. The
 * kernel's routes say to which link a prefix belongs; a bridge, a bond or a VLAN is only stacked on the device that receives. No I/O.
 */
import { type AddressPrefix, contains, prefixOf } from "./address.ts";
import type { Link, Way } from "./host.ts";

export interface Question {
  readonly prefixes: readonly string[];
  /** Named by the configuration, instead of looking for the prefixes; null: look. */
  readonly interfaces: readonly string[] | null;
  /** The router's own TUN devices: nothing comes in from a LAN there. */
  readonly own: readonly string[];
}

export interface Entrance {
  readonly link: Link;
  /** The links that routes lead to and this one is below, "br0"; empty: the route leads here. */
  readonly via: readonly string[];
}

/** A link that was looked for, or that has no receiving device here; `name` "": no route leads to any. */
export interface Blind {
  readonly name: string;
  readonly why: string;
}

export interface Entrances {
  readonly found: readonly Entrance[];
  readonly blind: readonly Blind[];
}

/** Links whose members receive. */
const MASTERS = new Set(["bridge", "bond", "team", "vrf"]);
/** Links that take over what the link below them has received, GRO done. */
const UPPER = new Set(["vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"]);

/** `ways`: routes that lie in the prefixes or cover them. */
export function entrances(question: Question, links: readonly Link[], ways: readonly Way[]): Entrances {
  const { prefixes, interfaces, own } = question;
  const blind: Blind[] = [];
  let names: readonly string[];
  if (interfaces) names = interfaces;
  else {
    const toLan = ways
      .filter((way) => !way.links.some((name) => own.includes(name)))
      .map((way) => ({ prefix: prefixOf(way.prefix), links: way.links }));
    const led = lead(prefixes, toLan);
    const lost = led.filter((each) => each.links.length === 0).map(({ prefix }) => prefix);
    const otherwise = toLan.some((way) => way.prefix.length === 0) ? " but the default route" : "";
    if (lost.length > 0) blind.push({ name: "", why: `this host has no route to ${lost.join(", ")}${otherwise}` });
    names = [...new Set(led.flatMap((each) => each.links))];
  }
  const found = new Map<number, { link: Link; via: Set<string> }>();
  for (const name of names) {
    const top = links.find((link) => link.name === name);
    if (!top) {
      blind.push({ name, why: "there is no such interface" });
      continue;
    }
    const below = receivers(top, links, own);
    if (typeof below === "string") blind.push({ name, why: below });
    else {
      for (const link of below) {
        const entry = found.get(link.index) ?? { link, via: new Set<string>() };
        if (link !== top) entry.via.add(name);
        found.set(link.index, entry);
      }
    }
  }
  return { found: [...found.values()].map(({ link, via }) => ({ link, via: [...via] })), blind };
}

interface Led {
  readonly prefix: string;
  readonly links: readonly string[];
}

interface LanWay {
  readonly prefix: AddressPrefix;
  readonly links: readonly string[];
}

/**
 * The links that each prefix is reached through. Default routes count only when nothing else leads to any of them (a host with one arm):
 * most often they lead to the outside, and so would the prefixes of a LAN interface that is down.
 */
function lead(prefixes: readonly string[], ways: readonly LanWay[]): Led[] {
  const through = (ways: readonly LanWay[]) =>
    prefixes.map((prefix) => ({ prefix, links: linksOf(prefixOf(prefix), ways) }));
  const led = through(ways.filter((way) => way.prefix.length > 0));
  return led.some(({ links }) => links.length > 0) ? led : through(ways);
}

/** Of all routes inside the prefix, and of the narrowest that covers it. */
function linksOf(prefix: AddressPrefix, ways: readonly LanWay[]): readonly string[] {
  const inside = ways.filter((way) => contains(prefix, way.prefix));
  const covering = ways
    .filter((way) => way.prefix.length < prefix.length && contains(way.prefix, prefix))
    .sort((a, b) => b.prefix.length - a.prefix.length)
    .slice(0, 1);
  return [...new Set([...inside, ...covering].flatMap((way) => way.links))];
}

/** The devices below a link; or why there are none. */
function receivers(link: Link, links: readonly Link[], own: readonly string[], depth = 0): Link[] | string {
  // The kernel stacks at most eight deep (MAX_NEST_DEV).
  if (depth > 8) return "it is stacked too deep";
  if (own.includes(link.name)) return "it is this router's own TUN device";
  if (link.name === "lo") return "the prefix is this host's own";
  if (MASTERS.has(link.kind)) {
    const members = links.filter((other) => other.master === link.name);
    const below = members.map((member) => receivers(member, links, own, depth + 1));
    const devices = below.flatMap((each) => (typeof each === "string" ? [] : each));
    return devices.length > 0 ? devices : (below.find((each) => typeof each === "string") ?? "it has no members");
  }
  if (UPPER.has(link.kind)) {
    const lower = links.find((other) => other.name === link.lower);
    return lower ? receivers(lower, links, own, depth + 1) : "the device below it is in another network namespace";
  }
  return [link];
}
