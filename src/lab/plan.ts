/**
 * The region that the lab draws, as plain data: places (network namespaces), links, addresses, routes.
 *
 *   branch-a-lan ── branch-a ──(IPv6 outer)──┐                            ┌── gw ── vpc
 *   10.1.0.2       edge                     internet ── 198.51.100.0/24 ─┘   gateway  10.100.0.2
 *   branch-b-lan ── branch-b ── nat-b ───────┘            2001:db8:100::/64
 *   10.2.0.2       edge        (IPv4 NAT)
 *
 * Outer addresses are from the documentation ranges (RFC 5737, RFC 3849), inner ones private (RFC 1918, RFC 4193).
 */
export type Role = "host" | "edge" | "gateway" | "internet" | "nat" | "peer" | "console" | "network";

export interface Place {
  readonly name: string;
  readonly role: Role;
  readonly title: string;
}

export interface LinkEnd {
  readonly place: string;
  readonly device: string;
  /** With prefix lengths. */
  readonly addresses: readonly string[];
}

export interface Link {
  readonly ends: readonly [LinkEnd, LinkEnd];
  /** Largest IP packet; 1500 when absent. */
  readonly mtu?: number;
}

export interface StaticRoute {
  readonly place: string;
  readonly to: string;
  readonly via: string;
}

export interface Plan {
  readonly places: readonly Place[];
  readonly links: readonly Link[];
  readonly routes: readonly StaticRoute[];
}

/** Where a site's private networks are, and how its router is reached. */
export interface Site {
  /** Place of the router. */
  readonly router: string;
  readonly role: "edge" | "gateway";
  /** Place of the host behind it. */
  readonly host: string;
  readonly hostAddresses: { readonly ipv4: string; readonly ipv6: string };
  readonly prefixes: readonly string[];
  /** The router's own addresses inside the overlay. */
  readonly own: readonly [string, string];
  readonly id: string;
  /** Which family the tunnel's outer packets use (edges). */
  readonly outer: "ipv4" | "ipv6";
}

export const GATEWAY_ADDRESS = { ipv4: "198.51.100.1", ipv6: "2001:db8:100::1" } as const;
/** Address of nat-b towards the internet: what the gateway sees of branch-b. */
export const NAT_ADDRESS = "203.0.113.6";

export const SITES: readonly Site[] = [
  {
    router: "branch-a",
    role: "edge",
    host: "branch-a-lan",
    hostAddresses: { ipv4: "10.1.0.2", ipv6: "fd00:1::2" },
    prefixes: ["10.1.0.0/24", "fd00:1::/64"],
    own: ["10.255.0.1", "fd00:ff::1"],
    id: "branch-a.vcpe.test",
    outer: "ipv6",
  },
  {
    router: "branch-b",
    role: "edge",
    host: "branch-b-lan",
    hostAddresses: { ipv4: "10.2.0.2", ipv6: "fd00:2::2" },
    prefixes: ["10.2.0.0/24", "fd00:2::/64"],
    own: ["10.255.0.2", "fd00:ff::2"],
    id: "branch-b.vcpe.test",
    outer: "ipv4",
  },
  {
    router: "gw",
    role: "gateway",
    host: "vpc",
    hostAddresses: { ipv4: "10.100.0.2", ipv6: "fd00:100::2" },
    prefixes: ["10.100.0.0/16", "fd00:100::/64"],
    own: ["10.255.0.100", "fd00:ff::100"],
    id: "gw.vcpe.test",
    outer: "ipv4",
  },
];

export const PLAN: Plan = {
  places: [
    { name: "internet", role: "internet", title: "the internet between the sites" },
    { name: "nat-b", role: "nat", title: "NAT (masquerade, random ports) in front of branch-b" },
    { name: "gw", role: "gateway", title: "vcpe gateway" },
    { name: "vpc", role: "host", title: "host in the private network behind the gateway" },
    { name: "branch-a", role: "edge", title: "vcpe edge, tunnel over IPv6" },
    { name: "branch-a-lan", role: "host", title: "host behind branch-a" },
    { name: "branch-b", role: "edge", title: "vcpe edge, tunnel over IPv4 through the NAT" },
    { name: "branch-b-lan", role: "host", title: "host behind branch-b" },
  ],
  links: [
    {
      ends: [
        { place: "internet", device: "to-gw", addresses: ["198.51.100.254/24", "2001:db8:100::fe/64"] },
        { place: "gw", device: "wan", addresses: ["198.51.100.1/24", "2001:db8:100::1/64"] },
      ],
    },
    {
      ends: [
        { place: "internet", device: "to-a", addresses: ["203.0.113.1/30", "2001:db8:a::fe/64"] },
        { place: "branch-a", device: "wan", addresses: ["203.0.113.2/30", "2001:db8:a::1/64"] },
      ],
    },
    {
      ends: [
        { place: "internet", device: "to-nat-b", addresses: ["203.0.113.5/30", "2001:db8:b::fe/64"] },
        { place: "nat-b", device: "out", addresses: ["203.0.113.6/30", "2001:db8:b::1/64"] },
      ],
    },
    {
      ends: [
        { place: "nat-b", device: "in", addresses: ["192.168.77.1/24", "2001:db8:b1::fe/64"] },
        { place: "branch-b", device: "wan", addresses: ["192.168.77.2/24", "2001:db8:b1::1/64"] },
      ],
    },
    {
      ends: [
        { place: "branch-a", device: "lan", addresses: ["10.1.0.1/24", "fd00:1::1/64"] },
        { place: "branch-a-lan", device: "eth0", addresses: ["10.1.0.2/24", "fd00:1::2/64"] },
      ],
    },
    {
      ends: [
        { place: "branch-b", device: "lan", addresses: ["10.2.0.1/24", "fd00:2::1/64"] },
        { place: "branch-b-lan", device: "eth0", addresses: ["10.2.0.2/24", "fd00:2::2/64"] },
      ],
    },
    {
      ends: [
        { place: "gw", device: "vpc", addresses: ["10.100.0.1/16", "fd00:100::1/64"] },
        { place: "vpc", device: "eth0", addresses: ["10.100.0.2/16", "fd00:100::2/64"] },
      ],
    },
  ],
  routes: [
    { place: "gw", to: "0.0.0.0/0", via: "198.51.100.254" },
    { place: "gw", to: "::/0", via: "2001:db8:100::fe" },
    { place: "branch-a", to: "0.0.0.0/0", via: "203.0.113.1" },
    { place: "branch-a", to: "::/0", via: "2001:db8:a::fe" },
    { place: "nat-b", to: "0.0.0.0/0", via: "203.0.113.5" },
    { place: "nat-b", to: "::/0", via: "2001:db8:b::fe" },
    { place: "branch-b", to: "0.0.0.0/0", via: "192.168.77.1" },
    { place: "branch-b", to: "::/0", via: "2001:db8:b1::fe" },
    { place: "internet", to: "2001:db8:b1::/64", via: "2001:db8:b::1" },
    { place: "branch-a-lan", to: "0.0.0.0/0", via: "10.1.0.1" },
    { place: "branch-a-lan", to: "::/0", via: "fd00:1::1" },
    { place: "branch-b-lan", to: "0.0.0.0/0", via: "10.2.0.1" },
    { place: "branch-b-lan", to: "::/0", via: "fd00:2::1" },
    { place: "vpc", to: "0.0.0.0/0", via: "10.100.0.1" },
    { place: "vpc", to: "::/0", via: "fd00:100::1" },
  ],
};
