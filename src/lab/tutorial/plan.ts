/**
 * The region of the tutorial: branches in Hangzhou and Ningbo, VPCs in Shanghai and Beijing, an access point in each of the two, and the
 * console; and beside them another customer with the same addresses.
 *
 *   hangzhou-host ── hangzhou ──────────────┐          ┌── shanghai ──┬── shanghai-vpc ── shanghai-server
 *   172.16.0.10      edge                   │          │   gateway    └── other-vpc ───── other-server
 *   ningbo-host ──── ningbo ── ningbo-nat ──┤ internet ┤                  (the same addresses, another customer's)
 *   172.17.0.10      edge                   │          ├── beijing ────── beijing-vpc ─── beijing-server
 *   suzhou-host ──── suzhou ────────────────┘          │   gateway
 *   172.16.0.10      edge, the other customer's        └── console, office (where the operator sits)
 *
 * Outer addresses are from the documentation ranges (RFC 5737), inner ones private (RFC 1918).
 */
import type { Link, Place, Plan, StaticRoute } from "../plan.ts";

export interface Branch {
  /** Place of the edge, and of the host behind it. */
  readonly edge: string;
  readonly host: string;
  readonly address: string;
  /** Its private CIDR block, and its instance in the console. */
  readonly cidr: string;
  readonly instance: string;
  readonly accessPoint: string;
  readonly tenant: Tenant;
}

export interface Cloud {
  /** Name of the VPC, and place (a network namespace) of its network. */
  readonly vpc: string;
  readonly server: string;
  readonly address: string;
  readonly cidr: string;
  readonly vswitch: string;
  readonly accessPoint: string;
  readonly tenant: Tenant;
}

export interface Gateway {
  /** Place, and name of the access point. */
  readonly place: string;
  readonly address: string;
}

/** Whose it is: a CCN and a CEN each. */
export type Tenant = "corp" | "other";

export const CONSOLE = { place: "console", address: "203.0.113.2", port: 8443 } as const;
/** Where the operator types the commands. */
export const OFFICE = "office";
export const AREA = "mainland";

export const GATEWAYS: readonly Gateway[] = [
  { place: "shanghai", address: "198.51.100.2" },
  { place: "beijing", address: "198.51.100.6" },
];

export const BRANCHES: readonly Branch[] = [
  {
    edge: "hangzhou",
    host: "hangzhou-host",
    address: "172.16.0.10",
    cidr: "172.16.0.0/16",
    instance: "hangzhou-branch",
    accessPoint: "shanghai",
    tenant: "corp",
  },
  {
    edge: "ningbo",
    host: "ningbo-host",
    address: "172.17.0.10",
    cidr: "172.17.0.0/16",
    instance: "ningbo-branch",
    accessPoint: "beijing",
    tenant: "corp",
  },
  {
    edge: "suzhou",
    host: "suzhou-host",
    address: "172.16.0.10",
    cidr: "172.16.0.0/16",
    instance: "suzhou-branch",
    accessPoint: "shanghai",
    tenant: "other",
  },
];

export const CLOUDS: readonly Cloud[] = [
  {
    vpc: "shanghai-vpc",
    server: "shanghai-server",
    address: "10.1.1.10",
    cidr: "10.1.0.0/16",
    vswitch: "10.1.1.0/24",
    accessPoint: "shanghai",
    tenant: "corp",
  },
  {
    vpc: "beijing-vpc",
    server: "beijing-server",
    address: "10.2.1.10",
    cidr: "10.2.0.0/16",
    vswitch: "10.2.1.0/24",
    accessPoint: "beijing",
    tenant: "corp",
  },
  {
    vpc: "other-vpc",
    server: "other-server",
    address: "10.1.1.10",
    cidr: "10.1.0.0/16",
    vswitch: "10.1.1.0/24",
    accessPoint: "shanghai",
    tenant: "other",
  },
];

/** What the internet router calls its end of the link to a place: at most 15 characters. */
const towards = (place: string) => `to-${place}`.slice(0, 15);

/** A place with one leg in the internet: /30, the router has the lower address. */
function leg(place: string, device: string, router: string, own: string): { link: Link; route: StaticRoute } {
  return {
    link: {
      ends: [
        { place: "internet", device: towards(place), addresses: [`${router}/30`] },
        { place, device, addresses: [`${own}/30`] },
      ],
    },
    route: { place, to: "0.0.0.0/0", via: router },
  };
}

const LEGS = [
  leg("shanghai", "wan", "198.51.100.1", "198.51.100.2"),
  leg("beijing", "wan", "198.51.100.5", "198.51.100.6"),
  leg("console", "eth0", "203.0.113.1", "203.0.113.2"),
  leg("hangzhou", "wan", "203.0.113.5", "203.0.113.6"),
  leg("ningbo-nat", "out", "203.0.113.9", "203.0.113.10"),
  leg("suzhou", "wan", "203.0.113.13", "203.0.113.14"),
  leg("office", "eth0", "203.0.113.17", "203.0.113.18"),
];

/** The first address of a prefix: the router's there. */
function first(prefix: string): string {
  return prefix.replace(/\.0\/\d+$/, ".1");
}

/** A host and what is before it: an edge, or the network of a VPC. */
function behind(place: string, device: string, host: string, address: string, prefix: string) {
  const router = first(prefix);
  const length = prefix.split("/")[1];
  const link: Link = {
    ends: [
      { place, device, addresses: [`${router}/${length}`] },
      { place: host, device: "eth0", addresses: [`${address}/${length}`] },
    ],
  };
  return { link, route: { place: host, to: "0.0.0.0/0", via: router } };
}

const LANS = [
  ...BRANCHES.map(({ edge, host, address }) => behind(edge, "lan", host, address, address.replace(/\.10$/, ".0/24"))),
  ...CLOUDS.map(({ vpc, server, address, vswitch }) => behind(vpc, "servers", server, address, vswitch)),
];

function places(): Place[] {
  return [
    { name: "internet", role: "internet", title: "the internet between all of them" },
    { name: CONSOLE.place, role: "console", title: "the console" },
    { name: OFFICE, role: "host", title: "where the operator sits" },
    ...GATEWAYS.map(
      ({ place }): Place => ({ name: place, role: "gateway", title: `access point ${place}: a gateway` }),
    ),
    ...CLOUDS.flatMap(({ vpc, server, tenant }): Place[] => [
      { name: vpc, role: "network", title: `network of the VPC${tenant === "other" ? " of another customer" : ""}` },
      { name: server, role: "host", title: "server in it" },
    ]),
    { name: "ningbo-nat", role: "nat", title: "NAT (masquerade, random ports) in front of the Ningbo branch" },
    ...BRANCHES.flatMap(({ edge, host, tenant }): Place[] => [
      { name: edge, role: "edge", title: `vCPE of the branch${tenant === "other" ? " of another customer" : ""}` },
      { name: host, role: "host", title: "host at the branch" },
    ]),
  ];
}

export const TUTORIAL: Plan = {
  places: places(),
  links: [
    ...LEGS.map(({ link }) => link),
    {
      ends: [
        { place: "ningbo-nat", device: "in", addresses: ["192.168.77.1/24"] },
        { place: "ningbo", device: "wan", addresses: ["192.168.77.2/24"] },
      ],
    },
    ...LANS.map(({ link }) => link),
  ],
  routes: [
    ...LEGS.map(({ route }) => route),
    { place: "ningbo", to: "0.0.0.0/0", via: "192.168.77.1" },
    ...LANS.map(({ route }) => route),
  ],
};
