/** Links (network interfaces) and their addresses, through iproute2. */

import { askIp, batchIp, runIp, type Where } from "./iproute.ts";

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
  readonly up: boolean;
  /** "tun", "veth", "bridge" …; "" for a plain device. */
  readonly kind: string;
  /** The bridge, bond or VRF that it belongs to. */
  readonly master?: string;
  /** The link that it sits on (VLAN, MACVLAN …), or is paired with (veth); absent too when that is in another namespace. */
  readonly lower?: string;
  /** Of a VRF device: number of its routing table. */
  readonly table?: number;
}

export interface LinkAddress {
  readonly link: string;
  readonly family: 4 | 6;
  /** As text: "192.0.2.1". */
  readonly address: string;
  readonly prefixLength: number;
  /** "global", "link", "host" … */
  readonly scope: string;
}

interface LinkEntry {
  readonly ifindex: number;
  readonly ifname: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly link?: string | null;
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: { readonly table?: number } };
}

interface AddressEntry {
  readonly ifname: string;
  readonly addr_info?: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

/** All links of the namespace. */
export async function listLinks(where: Where = {}): Promise<Link[]> {
  const entries = await askIp<LinkEntry>(["-d", "link", "show"], "list the links", where);
  return entries.map((entry) => ({
    index: entry.ifindex,
    name: entry.ifname,
    mtu: entry.mtu,
    up: entry.flags.includes("UP"),
    kind: entry.linkinfo?.info_kind ?? "",
    ...(entry.master === undefined ? {} : { master: entry.master }),
    ...(typeof entry.link === "string" ? { lower: entry.link } : {}),
    ...(entry.linkinfo?.info_kind === "vrf" && entry.linkinfo.info_data?.table !== undefined
      ? { table: entry.linkinfo.info_data.table }
      : {}),
  }));
}

/** The link of this name; undefined: there is none. */
export async function findLink(name: string, where: Where = {}): Promise<Link | undefined> {
  return (await listLinks(where)).find((link) => link.name === name);
}

/** What is absent stays as it is. `mtu`: largest IP packet, bytes. */
export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  /** The bridge or VRF that it joins. */
  readonly master?: string;
  /** Named network namespace that it moves to; it leaves the one it was in, down and without addresses. */
  readonly netns?: string;
}

/** The arguments of `ip` that change a link; for `batchIp`. */
export function linkChange(name: string, change: LinkChange): string[] {
  const mtu = change.mtu === undefined ? [] : ["mtu", String(change.mtu)];
  const master = change.master === undefined ? [] : ["master", change.master];
  const netns = change.netns === undefined ? [] : ["netns", change.netns];
  const state = change.up === undefined ? [] : [change.up ? "up" : "down"];
  return ["link", "set", "dev", name, ...mtu, ...master, ...netns, ...state];
}

/** @throws LinuxError absent, not-permitted, invalid (an MTU that the device does not take) */
export async function setLink(name: string, change: LinkChange, where: Where = {}): Promise<void> {
  await runIp(linkChange(name, change), `change the link ${name}`, where);
}

/** Changes a link and then gives it addresses, each "192.0.2.1/24", in one go. @throws BatchError as setLink and addAddresses */
export async function equipLink(
  name: string,
  change: LinkChange,
  addresses: readonly string[],
  where: Where = {},
  use: AddressUse = "any",
): Promise<void> {
  await batchIp([linkChange(name, change), ...addresses.map((address) => addressAddition(name, address, use))], where);
}

/** Deletes the link. @throws LinuxError absent */
export async function deleteLink(name: string, where: Where = {}): Promise<void> {
  await runIp(["link", "delete", "dev", name], `delete the link ${name}`, where);
}

/** Addresses of one link, or of all. */
export async function listAddresses(link?: string, where: Where = {}): Promise<LinkAddress[]> {
  const filter = link === undefined ? [] : ["dev", link];
  const entries = await askIp<AddressEntry>(["address", "show", ...filter], "list the addresses", where);
  return entries.flatMap((entry) =>
    (entry.addr_info ?? []).map((info) => ({
      link: entry.ifname,
      family: info.family === "inet" ? (4 as const) : (6 as const),
      address: info.local,
      prefixLength: info.prefixlen,
      scope: info.scope,
    })),
  );
}

/**
 * The arguments of `ip` that give a link an address, "192.0.2.1/24"; no harm when it has it. IPv6 without duplicate
 * address detection: the address is usable at once, and a TUN has no neighbours to ask.
 */
export function addressAddition(link: string, address: string, use: AddressUse = "any"): string[] {
  const six = address.includes(":");
  // The kernel's source selection passes over IPv4 addresses of scope host, and over deprecated IPv6 addresses.
  const answers = use === "any" ? [] : six ? ["preferred_lft", "0"] : ["scope", "host"];
  return ["address", "replace", address, "dev", link, ...(six ? ["nodad"] : []), ...answers];
}

/** any: as every address. answers: it answers, but local programs that choose no source address are not given it. */
export type AddressUse = "any" | "answers";

/** Gives a link addresses, each "192.0.2.1/24". @throws BatchError absent, not-permitted, invalid */
export async function addAddresses(link: string, addresses: readonly string[], where: Where = {}): Promise<void> {
  await batchIp(
    addresses.map((address) => addressAddition(link, address)),
    where,
  );
}

/** Takes an address off a link. @throws LinuxError absent */
export async function deleteAddress(link: string, address: string, where: Where = {}): Promise<void> {
  await runIp(["address", "delete", address, "dev", link], `take ${address} off ${link}`, where);
}
