/**
 * The configuration file of a router, as an operator writes it in YAML. The descriptions are the reference documentation;
 * `vcpe check --schema` prints this as a JSON Schema for editors. `expects` says in one phrase what a union takes;
 * `secret`: the value must never get into a message.
 */
import Type, { type Static } from "typebox";
import { FLOWS_MAX } from "../../datapath/flowlimit.ts";
import { closed, Ip, Mtu, Name, Port, Prefix, SecretFile } from "./field.ts";
import { FilterFile } from "./filter.ts";
import { TunnelFile } from "./tunnel.ts";

const OuterFile = Type.Object(
  {
    ipv4: Type.Optional(
      Type.Union([Type.Literal(false), Type.String({ format: "vcpe-ip4" })], {
        expects: "an IPv4 address of this host, 0.0.0.0 or false",
        description: "IPv4 address to bind; 0.0.0.0 (the default): all; false: no IPv4 outside.",
      }),
    ),
    ipv6: Type.Optional(
      Type.Union([Type.Literal(false), Type.String({ format: "vcpe-ip6" })], {
        expects: 'an IPv6 address of this host, "::" or false',
        description: 'IPv6 address to bind; "::" (the default): all; false: no IPv6 outside.',
      }),
    ),
    ikePort: Type.Optional(Port("UDP port of IKE. Default 500.")),
    natPort: Type.Optional(Port("UDP port of IKE and ESP in UDP (RFC 3948). Default 4500.")),
  },
  { ...closed, description: "Where IKE and ESP in UDP live: the outside of the router." },
);

const Switch = (description: string) =>
  Type.Optional(
    Type.Enum(["auto", "off"], {
      expects: "auto or off",
      description: `${description} auto (the default): where the kernel can.`,
    }),
  );

const OffloadFile = Type.Object(
  {
    tso: Switch("Take large TCP packets from the TUN device uncut."),
    uso: Switch("Take large UDP packets from the TUN device uncut (Linux 6.2 and later)."),
    gso: Switch("Send runs of datagrams as one message (UDP GSO)."),
    gro: Switch("Receive runs of datagrams as one message (UDP GRO)."),
    coalesce: Switch("Put packets of a flow together before they are written to the TUN device."),
  },
  closed,
);

const LanFile = Type.Object(
  {
    gro: Switch(
      "Have the kernel put UDP datagrams of a flow together where they come in from the LAN (GRO forwarding), while the router runs.",
    ),
    interfaces: Type.Optional(
      Type.Array(Type.String({ format: "vcpe-device" }), {
        description:
          "Interfaces towards the LAN. Default: those that the host's routes to vrfs[].local lead to. Of a bridge or bond its members are set, of a VLAN the device below.",
      }),
    ),
    holdUs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 10_000,
        description:
          "Microseconds for which packets wait in the device for more of their flow. Default 0: not at all; a network card gathers packets by itself under load, veth needs 100.",
      }),
    ),
  },
  { ...closed, description: "The interfaces towards the LAN." },
);

const InterfaceFile = Type.Object(
  {
    name: Type.String({ format: "vcpe-device", description: "Interface of this host." }),
    mtu: Type.Integer({ minimum: 576, maximum: 65535, description: "MTU it gets while the router runs, bytes." }),
  },
  closed,
);

const VrfFile = Type.Object(
  {
    name: Name("Name of the routing domain; tunnels and routes refer to it."),
    addresses: Type.Optional(
      Type.Array(Ip("One address."), {
        description:
          "The router's own addresses here: given to the TUN device as /32 and /128, source of its ICMP errors (path MTU discovery needs them).",
      }),
    ),
    tun: Type.Optional(
      Type.Object(
        {
          name: Type.String({ format: "vcpe-device", description: "Name of the TUN device." }),
          mtu: Type.Optional(Mtu("MTU of the TUN device, bytes. Default 1500.")),
          filter: Type.Optional(
            Name("Filter (see `filters`) between the tunnels and this device: in is towards the device, out from it."),
          ),
        },
        {
          ...closed,
          description:
            "The TUN device between the kernel and this VRF. Without one the VRF only carries traffic from tunnel to tunnel.",
        },
      ),
    ),
    local: Type.Optional(
      Type.Array(Prefix, {
        description: "Prefixes behind this router: packets to them go to the TUN device, and the kernel takes them on.",
      }),
    ),
  },
  closed,
);

const PlaceFile = Type.Object(
  {
    namespace: Type.Optional(
      Name("The network namespace of this name (`ip netns`): the TUN device is moved there as soon as it exists."),
    ),
    vrf: Type.Optional(
      Type.String({
        format: "vcpe-device",
        description: "The kernel's VRF device of this name: the TUN device joins it.",
      }),
    ),
    line: Type.Optional(
      Type.Object(
        {
          interface: Type.String({
            format: "vcpe-device",
            description: "Interface that the line ends at. What comes in there goes into the VRF, and nowhere else.",
          }),
          nextHop: Type.Optional(Ip("The other end of the line. Default: the prefixes are on the link.")),
        },
        { ...closed, description: "A leased line, by policy routing." },
      ),
    ),
  },
  { ...closed, description: "One of namespace, vrf and line. Default: this host as it is, as vrfs[].tun." },
);

const AttachmentFile = Type.Object(
  {
    name: Name("Name of the attachment."),
    vrf: Name("VRF that it belongs to."),
    tun: Type.Object(
      {
        name: Type.String({ format: "vcpe-device", description: "Name of its TUN device." }),
        mtu: Type.Optional(Mtu("MTU of the TUN device, bytes. Default 1500.")),
      },
      { ...closed, description: "The TUN device between the attached network and the VRF." },
    ),
    place: Type.Optional(PlaceFile),
    local: Type.Optional(
      Type.Array(Prefix, { description: "Prefixes behind it: packets to them go to its TUN device." }),
    ),
    filter: Type.Optional(Name("Filter (see filters) of what goes into it and comes out. Default: everything may.")),
  },
  closed,
);

const RouteFile = Type.Object(
  {
    vrf: Name("VRF of the route."),
    prefix: Prefix,
    via: Type.Enum(["blackhole", "prohibit"], {
      expects: "blackhole or prohibit",
      description: "blackhole: drop in silence. prohibit: drop and answer with ICMP.",
    }),
  },
  closed,
);

const EngineFile = (cipher: string) =>
  Type.Optional(
    Type.Enum(["auto", "wasm", "native"], {
      expects: "auto, wasm or native",
      description: `${cipher}: auto (the default) takes the quicker one, wasm is our own, native the libcrypto of Node.js, which uses the processor's own instructions for AES. One that is not here, or fails its self-test, gives way to the other.`,
    }),
  );

const EnginesFile = Type.Object(
  {
    chacha20poly1305: EngineFile("ChaCha20-Poly1305"),
    aes128gcm16: EngineFile("AES-GCM with 128-bit keys"),
    aes256gcm16: EngineFile("AES-GCM with 256-bit keys"),
  },
  { ...closed, description: "What encrypts and decrypts ESP. `vcpe status` shows what was chosen." },
);

const CredentialsFile = Type.Object(
  {
    certificate: Type.String({
      minLength: 1,
      description:
        "PEM file (relative paths start at the configuration file): our certificate, then the authorities between it and the root.",
    }),
    key: SecretFile(
      "Private key of the certificate, PEM (PKCS #8, without a passphrase): from a file, from an environment variable, or written here. Ed25519, ECDSA P-256 or P-384, or RSA of 2048–8192 bits.",
    ),
    trust: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: "PEM files with the certificates of the authorities that may vouch for peers.",
    }),
  },
  {
    ...closed,
    description:
      "What proves to peers with `auth.certificate` who we are. Read again at each reload; a renewed certificate ends no tunnel.",
  },
);

export const RouterFile = Type.Object(
  {
    name: Name("Name of this router; its status socket and state live in /run/vcpe/<name>."),
    log: Type.Optional(
      Type.Enum(["trace", "debug", "info", "warn", "error", "silent"], {
        expects: "trace, debug, info, warn, error or silent",
        description: "What is logged. Default info.",
      }),
    ),
    outer: Type.Optional(OuterFile),
    workers: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 16 }), Type.Literal("auto")], {
        expects: "a number from 1 to 16, or auto",
        description: "Datapath worker threads; auto: one for each CPU this process may use, at most 4. Default 1.",
      }),
    ),
    pin: Type.Optional(
      Type.Boolean({
        description: "Keep each worker on a CPU of its own, as long as there are as many. Default false.",
      }),
    ),
    moderation: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1000,
        expects: "microseconds, from 0 to 1000",
        description:
          "Microseconds that a worker lets packets gather while they come fast but one by one, so that they share system calls, as network cards moderate their interrupts (rx-usecs). It is what a packet waits at most then; on an idle path nothing waits. 0: never. Default 100.",
      }),
    ),
    engines: Type.Optional(EnginesFile),
    offload: Type.Optional(
      Type.Union([Type.Literal("off"), OffloadFile], {
        expects: "off, or a mapping of tso, uso, gso, gro and coalesce, each auto or off",
        description:
          "Work on many packets at once, where the kernel can: tso and uso (large TCP and UDP packets come from the TUN device uncut), gso and gro (runs of datagrams are sent and received as one message), coalesce (packets of a flow are put together before they are written to the TUN device). Each auto (the default) or off; off alone: none of them.",
      }),
    ),
    lan: Type.Optional(LanFile),
    interfaces: Type.Optional(
      Type.Array(InterfaceFile, { description: "Interfaces of this host whose MTU is changed while the router runs." }),
    ),
    vrfs: Type.Array(VrfFile, { minItems: 1, description: "Routing domains (virtual routing and forwarding)." }),
    credentials: Type.Optional(CredentialsFile),
    attachments: Type.Optional(
      Type.Array(AttachmentFile, {
        description:
          "More networks of a VRF: VPCs, leased lines. Where what they stand on is not there, they wait for it, and everything else runs.",
      }),
    ),
    filters: Type.Optional(
      Type.Array(FilterFile, { description: "Stateful filters (security groups), for TUN devices to name." }),
    ),
    flows: Type.Optional(
      Type.Object(
        {
          limit: Type.Optional(
            Type.Integer({
              minimum: 1024,
              maximum: FLOWS_MAX,
              description:
                "Flows that all filters together know at once; about 128 bytes each. When they are more, unanswered ones give way, and then new ones are refused. Default 65536. Needs a restart.",
            }),
          ),
        },
        { ...closed, description: "The flow table of the filters." },
      ),
    ),
    tunnels: Type.Optional(Type.Array(TunnelFile, { description: "IKEv2 peers and what goes to them." })),
    routes: Type.Optional(Type.Array(RouteFile, { description: "Prefixes that are dropped." })),
  },
  { ...closed, $id: "vcpe-router", title: "vcpe router", description: "One router: an edge or a gateway." },
);

export type AttachmentFile = Static<typeof AttachmentFile>;
export type RouterFile = Static<typeof RouterFile>;
export type CredentialsFile = Static<typeof CredentialsFile>;
