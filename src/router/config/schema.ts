/**
 * The configuration file of a router, as an operator writes it in YAML. The descriptions are the reference documentation;
 * `vcpe check --schema` prints this as a JSON Schema for editors. `expects` says in one phrase what a union takes;
 * `secret`: the value must never get into a message.
 */
import Type, { type Static } from "typebox";
import { ESP_PROPOSALS, IKE_PROPOSALS } from "./defaults.ts";

const closed = { additionalProperties: false } as const;

const Name = (description: string) => Type.String({ format: "vcpe-name", description });
const Prefix = Type.String({
  format: "vcpe-prefix",
  description: "An IPv4 or IPv6 network: address/length, host bits 0.",
});
const Ip = (description: string) => Type.String({ format: "vcpe-ip", description });
const Duration = (description: string) => Type.String({ format: "vcpe-duration", description });
const Port = (description: string) => Type.Integer({ minimum: 1, maximum: 65535, description });
const Mtu = (description: string) => Type.Integer({ minimum: 576, maximum: 65535, description });

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

const SecretFile = Type.Union(
  [
    Type.Object({ file: Type.String({ minLength: 1 }) }, closed),
    Type.Object({ env: Type.String({ minLength: 1 }) }, closed),
    Type.Object({ value: Type.String({ minLength: 1 }) }, closed),
  ],
  {
    secret: true,
    expects: "{ file: PATH }, { env: NAME } or { value: SECRET }",
    description:
      "Pre-shared key: read from a file (relative paths start at the configuration file; one line end at its end is cut off), from an environment variable, or written here. A value 0x… is hexadecimal.",
  },
);

const TunnelFile = Type.Object(
  {
    name: Name("Name of the tunnel."),
    vrf: Name("VRF of the packets inside."),
    peer: Type.Object(
      {
        address: Type.Optional(
          Type.String({
            format: "vcpe-ip-or-any",
            description: 'Outer address of the peer. Absent or "any": the peer begins.',
          }),
        ),
        port: Type.Optional(Port("UDP port of the peer's IKE. Default 500.")),
        id: Type.String({
          format: "vcpe-identity",
          description: "Identity that the peer must prove: address, host name, name@domain, or keyid:text.",
        }),
        from: Type.Optional(
          Type.Array(Ip("One address."), {
            minItems: 1,
            description: "Only from these outer addresses may the peer begin. Default: any.",
          }),
        ),
      },
      { ...closed, description: "The other end." },
    ),
    local: Type.Object(
      {
        id: Type.String({ format: "vcpe-identity", description: "Our identity, as the peer expects it." }),
        address: Type.Optional(Ip("Our outer address. Default: as the host's routing table chooses.")),
      },
      { ...closed, description: "This end." },
    ),
    auth: Type.Object({ psk: SecretFile }, { ...closed, description: "How the two ends prove who they are." }),
    start: Type.Optional(
      Type.Enum(["initiate", "respond"], {
        expects: "initiate or respond",
        description:
          "initiate: begin at once, and again whenever the tunnel is down. respond: wait for the peer, or for a packet that wants the tunnel. Default: initiate when the peer has an address.",
      }),
    ),
    ike: Type.Optional(
      Type.Object(
        {
          proposals: Type.Optional(
            Type.Array(Type.String({ format: "vcpe-ike-proposal" }), {
              minItems: 1,
              description: `IKE suites, most wanted first. Default: ${IKE_PROPOSALS.join(", ")}.`,
            }),
          ),
          lifetime: Type.Optional(Duration("Rekey the IKE SA after this time, less up to 10 %. Default 4h.")),
        },
        { ...closed, description: "The IKE SA." },
      ),
    ),
    esp: Type.Optional(
      Type.Object(
        {
          proposals: Type.Optional(
            Type.Array(Type.String({ format: "vcpe-esp-proposal" }), {
              minItems: 1,
              description: `ESP suites, most wanted first; with a group, each rekey makes a fresh key exchange. Default: ${ESP_PROPOSALS.join(", ")}.`,
            }),
          ),
          lifetime: Type.Optional(Duration("Rekey Child SAs after this time, less up to 10 %. Default 1h.")),
          packets: Type.Optional(
            Type.Integer({
              minimum: 1000,
              maximum: 2 ** 48,
              description:
                "Rekey a Child SA after so many packets sent, less up to 10 %. Default 2^32; never more than 2^31 without ESN.",
            }),
          ),
          bytes: Type.Optional(
            Type.Integer({
              minimum: 1_000_000,
              maximum: 2 ** 50,
              description: "Rekey a Child SA after so many bytes sent, less up to 10 %. Default 2^40.",
            }),
          ),
        },
        { ...closed, description: "The Child SAs." },
      ),
    ),
    selectors: Type.Optional(
      Type.Object(
        {
          local: Type.Optional(Type.Array(Prefix, { minItems: 1, description: "Our side. Default: everything." })),
          remote: Type.Optional(
            Type.Array(Prefix, { minItems: 1, description: "The peer's side. Default: everything." }),
          ),
        },
        { ...closed, description: "What the one Child SA may carry (traffic selectors, RFC 7296 §2.9)." },
      ),
    ),
    children: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Name("Name of the Child SA."),
            local: Type.Optional(Type.Array(Prefix, { minItems: 1, description: "Our side. Default: everything." })),
            remote: Type.Optional(
              Type.Array(Prefix, { minItems: 1, description: "The peer's side. Default: everything." }),
            ),
          },
          closed,
        ),
        {
          minItems: 1,
          maxItems: 64,
          description: "Instead of `selectors`: several Child SAs, the first that matches a packet carries it.",
        },
      ),
    ),
    routes: Type.Optional(
      Type.Array(Prefix, {
        description: "Prefixes behind the peer: routed to the TUN device in the kernel, and to this tunnel here.",
      }),
    ),
    mtu: Type.Optional(
      Type.Union([Type.Literal("auto"), Type.Integer({ minimum: 576, maximum: 65535 })], {
        expects: "auto, or a number from 576 to 65535",
        description:
          "Largest inner packet, bytes. auto (the default): what the path carries, less what ESP in UDP adds.",
      }),
    ),
    dpd: Type.Optional(
      Type.String({
        format: "vcpe-duration-or-off",
        description:
          "Ask a peer of which nothing was heard for so long whether it lives (RFC 7296 §2.4). off: never. Default 30s.",
      }),
    ),
    encapsulation: Type.Optional(
      Type.Enum(["always", "nat"], {
        expects: "always or nat",
        description:
          "always (the default): make the peer use ESP in UDP even when there is no NAT. nat: leave it to NAT detection; without a NAT no Child SA comes up, as ESP without UDP is not carried.",
      }),
    ),
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
    interfaces: Type.Optional(
      Type.Array(InterfaceFile, { description: "Interfaces of this host whose MTU is changed while the router runs." }),
    ),
    vrfs: Type.Array(VrfFile, { minItems: 1, description: "Routing domains (virtual routing and forwarding)." }),
    tunnels: Type.Optional(Type.Array(TunnelFile, { description: "IKEv2 peers and what goes to them." })),
    routes: Type.Optional(Type.Array(RouteFile, { description: "Prefixes that are dropped." })),
  },
  { ...closed, $id: "vcpe-router", title: "vcpe router", description: "One router: an edge or a gateway." },
);

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";
export type RouterFile = Static<typeof RouterFile>;
export type SecretFile = Static<typeof SecretFile>;
