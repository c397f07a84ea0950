/**
 * The places where an attachment's TUN device can be, other than on the host as it is: what each stands on, how the device gets
 * there, and the kernel routes that make it reachable.
 */
import { LAST_METRIC } from "../linux/routes.ts";
import { familyOf, hostPrefix } from "./address.ts";
import type { Host, KernelRoute, Link, Where } from "./host.ts";
import type { NamespaceId } from "./ledger.ts";
import type { Loans } from "./loans.ts";
import { quiet, sourceCheck } from "./quiet.ts";
import type { ResourceOf } from "./resource.ts";

export type AttachmentWish = ResourceOf<"attachment">;

/** `id` tells it from a later one of the same name. */
export type Ground = { readonly id: string } | { readonly missing: string };

/** A device that has been brought to its place. */
export interface Settled {
  readonly where: Where;
  /** Routing table of its routes; undefined: main. */
  readonly table: number | undefined;
  /** All kernel routes that it wants, so that hosts behind it reach these prefixes. */
  routes(reach: readonly string[]): KernelRoute[];
}

/** What an attachment stands on. `links`: of this host. */
export function groundOf({ place }: AttachmentWish, host: Host, links: readonly Link[]): Ground {
  switch (place.kind) {
    case "namespace": {
      const id = host.namespaceId(place.name);
      return id === undefined ? { missing: `there is no network namespace "${place.name}"` } : { id };
    }
    case "vrf": {
      const link = links.find(({ name }) => name === place.device);
      if (!link) return { missing: `there is no VRF device ${place.device}` };
      if (link.table === undefined) return { missing: `${place.device} is no VRF device` };
      return { id: `${link.index} ${link.table}` };
    }
    case "line": {
      const link = links.find(({ name }) => name === place.interface);
      if (!link) return { missing: `there is no interface ${place.interface}` };
      return link.up ? { id: String(link.index) } : { missing: `the interface ${place.interface} is down` };
    }
  }
}

/** Brings a device, just made on this host and down, to its place, and up. @throws LinuxError, RouterError */
export async function settle(wish: AttachmentWish, ground: string, means: Means): Promise<Settled> {
  switch (wish.place.kind) {
    case "namespace":
      return inNamespace(wish, { name: wish.place.name, id: ground }, means);
    case "vrf":
      return inVrf(wish, wish.place.device, Number(ground.split(" ")[1]), means);
    case "line":
      return onLine(wish, wish.place, means);
  }
}

interface Means {
  readonly host: Host;
  readonly loans: Loans;
  /** What is borrowed is noted here (`subjectOf`). */
  readonly borrowed: string[];
}

async function inNamespace(
  wish: AttachmentWish,
  netns: NamespaceId,
  { host, loans, borrowed }: Means,
): Promise<Settled> {
  const { device, mtu, addresses } = wish;
  const where = { netns: netns.name };
  await host.setLink(device, { netns: netns.name });
  host.inside(netns.name, () => quiet(host, device));
  for (const key of FORWARDING) borrowed.push(await loans.sysctl(key, "1", netns));
  await host.equipLink(device, { mtu, up: true }, addresses.map(hostPrefix), where);
  const routes = (reach: readonly string[]) => reach.map((prefix) => ({ prefix, link: device }));
  return { where, table: undefined, routes };
}

const FORWARDING = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"];

async function inVrf(wish: AttachmentWish, master: string, table: number, { host }: Means): Promise<Settled> {
  const { device, mtu, addresses } = wish;
  await host.setLink(device, { master });
  quiet(host, device);
  await host.equipLink(device, { mtu, up: true }, addresses.map(hostPrefix));
  const routes = (reach: readonly string[]) => reach.map((prefix) => ({ prefix, link: device, table }));
  return { where: {}, table, routes };
}

/** What comes in at either end looks up a table of its own, which ends with "unreachable": nothing falls through to other networks. */
async function onLine(
  wish: AttachmentWish,
  { interface: line, nextHop }: Extract<AttachmentWish["place"], { readonly kind: "line" }>,
  { host, loans, borrowed }: Means,
): Promise<Settled> {
  const { device, mtu, local } = wish;
  quiet(host, device);
  await host.setLink(device, { mtu, up: true });
  const table = await loans.table([device, line]);
  borrowed.push(`table ${table}`);
  const families = host.readSysctl("net/ipv6/conf/all/forwarding") === undefined ? ([4] as const) : ([4, 6] as const);
  for (const family of families) {
    for (const iif of [device, line]) await host.changeRule("add", { family, priority: table, iif, table });
  }
  borrowed.push(await loans.sysctl(`net/ipv4/conf/${line}/rp_filter`, sourceCheck(host)));
  const ends = families.map(
    (family): KernelRoute => ({
      prefix: family === 4 ? "0.0.0.0/0" : "::/0",
      kind: "unreachable",
      metric: LAST_METRIC,
      table,
    }),
  );
  const lead = local.map((prefix): KernelRoute => {
    const via = nextHop !== null && familyOf(nextHop) === familyOf(prefix);
    return { prefix, link: line, table, ...(via ? { via: nextHop, onlink: true } : {}) };
  });
  const routes = (reach: readonly string[]) => [
    ...ends,
    ...lead,
    ...reach.map((prefix) => ({ prefix, link: device, table })),
  ];
  return { where: {}, table, routes };
}
