/**
 * The objects of the console, as an operator writes them: for each kind a schema of its *spec*. What the store adds is `Meta`; what is
 * observed or derived (states, routes, readiness) is no part of a resource and stands in `status`.
 *
 *   area ── access point (a gateway with its device)
 *     └── instance (≤ 2 devices) ──▶ CCN ──▶ CEN ◀── VPC (security groups, rules), VBR
 */
import Type, { type Static } from "typebox";
import {
  BANDWIDTH,
  Cidr,
  closed,
  Description,
  Device,
  Ipv4,
  Ipv6,
  Line,
  Name,
  Namespace,
  orNull,
  Ref,
} from "./field.ts";

/** Where access points, instances, CCNs and CENs belong; things that are bound to each other are in one area. */
const AreaSpec = Type.Object({ name: Name, description: Type.Optional(Description) }, closed);

/** What of the gateway's host an access point offers: only admins say it, and operators choose among it. */
const Offered = <T extends Type.TSchema>(item: T, what: string) =>
  Type.Optional(
    Type.Array(item, {
      maxItems: 1000,
      uniqueItems: true,
      description: `${what}, on the gateway's host. Default: none.`,
    }),
  );

/** A gateway that ends the tunnels of an area, and the addresses at which edges and other gateways reach it. */
const AccessPointSpec = Type.Object(
  {
    name: Name,
    description: Type.Optional(Description),
    area: Ref("area"),
    region: Line(1, 64, "Where it stands, e.g. shanghai; no control characters."),
    ipv4: Type.Optional(orNull(Ipv4, "Outer address; null: none.")),
    ipv6: Type.Optional(orNull(Ipv6, "Outer address; null: none.")),
    ikePort: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: "UDP. Default 500." })),
    natPort: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: "UDP. Default 4500." })),
    lineInterfaces: Offered(Device, "Interfaces that leased lines (VBRs) may end at"),
    vpcNamespaces: Offered(Namespace, "Network namespaces that VPCs may be attached in"),
    vpcVrfs: Offered(Device, "VRF devices that VPCs may be attached in"),
  },
  closed,
);

const InstanceSpec = Type.Object(
  {
    name: Name,
    description: Type.Optional(Description),
    area: Ref("area"),
    accessPoint: Type.Optional(orNull(Ref("access point"), "null (the default): the first of the area, by name.")),
    peakBandwidth: Type.Integer({ ...BANDWIDTH, description: "Mbit/s, each direction." }),
    haType: Type.Optional(Type.Literal("warm_backup", { description: "Both devices online; the active one carries." })),
    routingStrategy: Type.Optional(Type.Literal("static")),
    cidrs: Type.Optional(
      Type.Array(Cidr, { maxItems: 50, uniqueItems: true, description: "Private CIDR blocks at the branch." }),
    ),
    withdrawn: Type.Optional(
      Type.Array(Cidr, {
        maxItems: 50,
        uniqueItems: true,
        description: "Of the CIDR blocks those that are not published.",
      }),
    ),
    ccn: Type.Optional(orNull(Ref("CCN"), "Default null: bound to none.")),
    activated: Type.Optional(Type.Boolean({ description: "Default false: its devices get no tunnels yet." })),
    locked: Type.Optional(Type.Boolean({ description: "Default false. true: its devices get no tunnels." })),
  },
  closed,
);

/** Made with its instance or access point, never by itself. */
const DeviceSpec = Type.Object(
  {
    name: Name,
    instance: orNull(Ref("instance"), "null: it is the device of an access point."),
    accessPoint: orNull(Ref("access point"), "null: it is a device of an instance."),
    role: Type.Enum(["active", "standby", "gateway"]),
    /** Its own address in every VRF that it serves: source of its ICMP errors, target of pings. */
    address: Ipv4,
    /** One more with each reset of its key or release of its host: what an older identity's certificate names is taken no more. */
    generation: Type.Integer({ minimum: 1 }),
  },
  closed,
);

const CcnSpec = Type.Object(
  {
    name: Name,
    description: Type.Optional(Description),
    area: Ref("area"),
    cidr: Type.Optional(orNull(Cidr, "CIDR blocks of its instances must lie in it; null (the default): anywhere.")),
    interworking: Type.Optional(Type.Boolean({ description: "May its instances talk to each other? Default true." })),
    cen: Type.Optional(orNull(Ref("CEN"), "Default null: attached to none.")),
  },
  closed,
);

const CenSpec = Type.Object({ name: Name, description: Type.Optional(Description), area: Ref("area") }, closed);

/** Where the network of a VPC is on the gateway's host. */
const VpcPlace = Type.Union(
  [
    Type.Object({ kind: Type.Literal("namespace"), name: Namespace }, closed),
    Type.Object({ kind: Type.Literal("vrf"), device: Device }, closed),
    Type.Object({ kind: Type.Literal("host") }, closed),
  ],
  { description: "A network namespace or VRF device that the access point offers, or (admins) the host itself." },
);

const VpcSpec = Type.Object(
  {
    name: Name,
    description: Type.Optional(Description),
    accessPoint: Ref("access point"),
    cidr: Cidr,
    vswitches: Type.Optional(
      Type.Array(Type.Object({ name: Name, cidr: Cidr }, closed), {
        maxItems: 100,
        description: "Subnets; all lie in `cidr`.",
      }),
    ),
    place: VpcPlace,
    withdrawn: Type.Optional(Type.Boolean({ description: "Default false. true: its CIDR block is not published." })),
    cen: Type.Optional(orNull(Ref("CEN"), "Default null: attached to none.")),
  },
  closed,
);

/** A leased line that ends at an access point. */
const VbrSpec = Type.Object(
  {
    name: Name,
    description: Type.Optional(Description),
    accessPoint: Ref("access point"),
    interface: Type.Unsafe<string>({ ...Device, description: "One that the access point offers for leased lines." }),
    nextHop: Type.Optional(orNull(Ipv4, "The far end of the line; null (the default): the prefixes are on the link.")),
    prefixes: Type.Array(Cidr, { minItems: 1, maxItems: 200, uniqueItems: true }),
    withdrawn: Type.Optional(Type.Array(Cidr, { maxItems: 200, uniqueItems: true, description: "Not published." })),
    cen: Type.Optional(orNull(Ref("CEN"), "Default null: attached to none.")),
  },
  closed,
);

/** What may go into and out of a VPC. A VPC without an accepting rule takes nothing in; it may send everything out. */
const SecurityGroupSpec = Type.Object({ name: Name, description: Type.Optional(Description), vpc: Ref("VPC") }, closed);

const RuleSpec = Type.Object(
  {
    name: Name,
    description: Type.Optional(Description),
    securityGroup: Ref("security group"),
    direction: Type.Enum(["ingress", "egress"]),
    policy: Type.Enum(["accept", "drop"]),
    protocol: Type.Enum(["all", "tcp", "udp", "icmp", "gre", "esp"]),
    ports: Type.Optional(
      Type.String({
        pattern: "^(-1/-1|\\d{1,5}/\\d{1,5})$",
        description: 'Destination ports "80/80", "1/200"; "-1/-1" (the default): all.',
      }),
    ),
    cidr: Type.Union([Cidr, Type.Literal("0.0.0.0/0")], {
      description: "The far side: source of ingress, destination of egress.",
    }),
    priority: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, description: "Smaller first; of equal ones drop first. Default 1." }),
    ),
  },
  closed,
);

/** Every kind by its word in paths, commands and files; order: what a resource refers to stands before it. */
export const SPECS = {
  area: AreaSpec,
  "access-point": AccessPointSpec,
  cen: CenSpec,
  ccn: CcnSpec,
  instance: InstanceSpec,
  device: DeviceSpec,
  vpc: VpcSpec,
  vbr: VbrSpec,
  "security-group": SecurityGroupSpec,
  rule: RuleSpec,
} as const;

export type Kind = keyof typeof SPECS;

/** What an operator wrote: optional keys may be absent. */
export type Written<K extends Kind> = Static<(typeof SPECS)[K]>;

/** A spec with all defaults filled in and references as ids. */
export type Spec<K extends Kind> = { readonly [P in keyof Written<K>]-?: Exclude<Written<K>[P], undefined> };

/** What the store adds to a spec. */
export interface Meta<K extends Kind = Kind> {
  readonly kind: K;
  /** Prefix of the kind and ten small letters or digits: ins-4k2m9x0qzt. A device's is its serial number. */
  readonly id: string;
  /** 1 at creation, one more with each change: the ETag. */
  readonly version: number;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly updated: string;
}

export type Resource<K extends Kind = Kind> = { [P in K]: Meta<P> & Spec<P> }[K];

/** Prefix of ids. */
export const ID_PREFIX: Readonly<Record<Exclude<Kind, "device">, string>> = {
  area: "area",
  "access-point": "ap",
  cen: "cen",
  ccn: "ccn",
  instance: "ins",
  vpc: "vpc",
  vbr: "vbr",
  "security-group": "sg",
  rule: "sgr",
};
