/** The kernel as far as the router changes it or asks it: one door, so that tests can bring a host of their own. */
import { readFileSync, readlinkSync } from "node:fs";
import { type Features, readFeatures, setFeature } from "../linux/ethtool.ts";
import type { Where } from "../linux/iproute.ts";
import { type LinkBell, openLinkBell } from "../linux/linkbell.ts";
import {
  addAddresses,
  deleteAddress,
  deleteLink,
  equipLink,
  type Link,
  type LinkChange,
  listLinks,
  setLink,
} from "../linux/links.ts";
import { type LinkId, type NapiSetting, readNapi, writeNapi } from "../linux/napi.ts";
import { insideNetns, netnsId } from "../linux/netns.ts";
import { localAddressFor, pathMtu } from "../linux/path.ts";
import {
  changeRoutes,
  type KernelRoute,
  listRoutes,
  type RouteFilter,
  type RouteVerb,
  type Way,
  waysTo,
} from "../linux/routes.ts";
import { changeRule, listRules, type Rule } from "../linux/rules.ts";
import { readSysctl, writeSysctl } from "../linux/sysctl.ts";

export type {
  Features,
  KernelRoute,
  Link,
  LinkBell,
  LinkChange,
  LinkId,
  NapiSetting,
  RouteFilter,
  RouteVerb,
  Rule,
  Way,
  Where,
};

/** `where`: in which named network namespace; absent: the router's own. */
export interface Host {
  /** Kernel parameter, a path below /proc/sys; undefined: there is none. */
  readSysctl(key: string): string | undefined;
  writeSysctl(key: string, value: string): void;
  listLinks(): Promise<Link[]>;
  setLink(name: string, change: LinkChange, where?: Where): Promise<void>;
  /** Changes a link, and gives it addresses that only answer, each with its prefix length. */
  equipLink(name: string, change: LinkChange, addresses: readonly string[], where?: Where): Promise<void>;
  deleteLink(name: string): Promise<void>;
  /** Each with its prefix length. */
  addAddresses(link: string, addresses: readonly string[]): Promise<void>;
  deleteAddress(link: string, address: string): Promise<void>;
  /** All of one family and verb; a failure is a BatchError that says at which it stopped. */
  changeRoutes(verb: RouteVerb, routes: readonly KernelRoute[], where?: Where): Promise<void>;
  listRoutes(filter: RouteFilter): Promise<KernelRoute[]>;
  listRules(): Promise<Rule[]>;
  changeRule(verb: "add" | "delete", rule: Rule): Promise<void>;
  /** Routes that lie in these prefixes, or cover them. */
  waysTo(prefixes: readonly string[]): Promise<Way[]>;
  /** What `ethtool -k` shows. */
  features(link: string): Features;
  setFeature(link: string, feature: string, on: boolean): void;
  /** Undefined: this kernel has no such setting. */
  readNapi(link: LinkId, setting: NapiSetting): number | undefined;
  writeNapi(link: LinkId, setting: NapiSetting, value: number): void;
  /** Rings when links, addresses or routes have changed. */
  listen(): LinkBell;
  /** Our address towards a remote one; undefined: no route. */
  localAddress(remote: Uint8Array): Uint8Array | undefined;
  /** Largest IP packet on the way to a remote address, bytes; undefined: no route. */
  pathMtu(remote: Uint8Array, local?: Uint8Array): number | undefined;
  /** Names the network namespace that the router is in. */
  namespace(): string;
  /** Tells a named namespace from a later one of the same name; undefined: there is none. */
  namespaceId(name: string): string | undefined;
  /** Kernel parameters are those of this namespace while `act` runs; it must not wait for anything. */
  inside<T>(namespace: string, act: () => T): T;
  /** Tells a process from a later one with the same id; undefined: it has ended. */
  startOf(pid: number): string | undefined;
}

export function linuxHost(): Host {
  // Read once: within `inside` it would be the other one.
  const here = readlinkSync("/proc/self/ns/net");
  return {
    readSysctl,
    writeSysctl: (key, value) => void writeSysctl(key, value),
    listLinks: () => listLinks(),
    setLink: (name, change, where) => setLink(name, change, where),
    equipLink: (name, change, addresses, where) => equipLink(name, change, addresses, where, "answers"),
    deleteLink: (name) => deleteLink(name),
    addAddresses: (link, addresses) => addAddresses(link, addresses),
    deleteAddress: (link, address) => deleteAddress(link, address),
    changeRoutes: (verb, routes, where) => changeRoutes(verb, routes, where),
    listRoutes: (filter) => listRoutes(filter),
    listRules: () => listRules(),
    changeRule: (verb, rule) => changeRule(verb, rule),
    waysTo: (prefixes) => waysTo(prefixes),
    features: readFeatures,
    setFeature,
    readNapi,
    writeNapi,
    listen: openLinkBell,
    localAddress: (remote) => localAddressFor(remote),
    pathMtu: (remote, local) => pathMtu(remote, local),
    namespace: () => here,
    namespaceId: netnsId,
    inside: insideNetns,
    startOf,
  };
}

/** Start time of a process in clock ticks since boot, proc_pid_stat(5) field 22. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold spaces; what follows the last one does not.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
