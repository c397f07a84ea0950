/** Draws a plan in network namespaces. Links are made inside the namespaces, so the host never has an interface of them. */
import { inside, run } from "./command.ts";
import type { Plan } from "./plan.ts";
import type { LabState } from "./state.ts";

export interface TopologyOptions {
  readonly state: LabState;
  readonly plan: Plan;
  /** Namespace of a place. */
  readonly namespace: (place: string) => string;
  readonly signal?: AbortSignal;
}

/**
 * Written into each namespace before it has links. IPv6 duplicate address detection would hold addresses back for a
 * second; nobody else is on these links. Routers between the sites forward; edges and gateways are left to the product.
 */
function settings(forwards: boolean): string {
  const lines = [
    "net/ipv6/conf/all/disable_ipv6=0",
    "net/ipv6/conf/default/disable_ipv6=0",
    "net/ipv6/conf/all/accept_dad=0",
    "net/ipv6/conf/default/accept_dad=0",
    "net/ipv6/conf/default/accept_ra=0",
    "net/ipv6/conf/default/router_solicitations=0",
  ];
  if (forwards)
    lines.push("net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1", "net/ipv6/conf/default/forwarding=1");
  return lines
    .map((line) => line.split("="))
    .map(([path, value]) => `echo ${value} > /proc/sys/${path}`)
    .join(" && ");
}

/** IPv4 leaves by one address with ports chosen at random; IPv6 passes as it is. */
const MASQUERADE = `
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "out" masquerade fully-random
  }
}
`;

/** Makes namespaces, links, addresses, routes and NAT. The record names the namespaces before they exist. */
export async function build(options: TopologyOptions): Promise<void> {
  const { state, plan, namespace, signal } = options;
  const names = plan.places.map((place) => namespace(place.name));
  state.noteNamespaces(names);
  const batch = (lines: readonly string[], within?: string) =>
    run(["ip", ...(within === undefined ? [] : ["-n", within]), "-batch", "-"], {
      input: `${lines.join("\n")}\n`,
      signal,
    });
  await batch(names.map((name) => `netns add ${name}`));
  await Promise.all(
    plan.places.map(({ name, role }) => {
      const forwards = role === "internet" || role === "nat" || role === "peer";
      return run(inside(namespace(name), ["sh", "-c", settings(forwards)]), { signal });
    }),
  );
  for (const place of plan.places) {
    const lines = plan.links
      .filter((link) => link.ends[0].place === place.name)
      .map(({ ends: [near, far], mtu = 1500 }) => {
        const peer = `peer name ${far.device} mtu ${mtu} netns ${namespace(far.place)}`;
        return `link add ${near.device} mtu ${mtu} type veth ${peer}`;
      });
    if (lines.length > 0) await batch(lines, namespace(place.name));
  }
  await Promise.all(
    plan.places.map((place) => {
      const ends = plan.links.flatMap((link) => link.ends).filter((end) => end.place === place.name);
      const routes = plan.routes.filter((route) => route.place === place.name);
      const lines = ["link set lo up"];
      for (const { device, addresses } of ends) {
        for (const address of addresses) {
          lines.push(`addr add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`);
        }
        lines.push(`link set ${device} up`);
      }
      for (const { to, via } of routes) lines.push(`route add ${to} via ${via}`);
      return batch(lines, namespace(place.name));
    }),
  );
  await Promise.all(
    plan.places
      .filter((place) => place.role === "nat")
      .map((place) => run(inside(namespace(place.name), ["nft", "-f", "-"]), { input: MASQUERADE, signal })),
  );
}
