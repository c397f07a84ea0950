/** One tunnel in the configuration file: the peer, what proves each side, the suites, what goes through. */
import Type, { type Static } from "typebox";
import { ESP_PROPOSALS, IKE_PROPOSALS } from "./defaults.ts";
import { closed, Duration, Ip, Name, Port, Prefix, SecretFile } from "./field.ts";

const RouteFile = Type.Union(
  [
    Prefix,
    Type.Object(
      {
        prefix: Prefix,
        preference: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
        zone: Type.Optional(Type.Union([Name("Zone that the route leads into."), Type.Null()])),
      },
      closed,
    ),
  ],
  { expects: "a prefix, or { prefix: PREFIX, preference: 0–255, zone: NAME }" },
);

export const TunnelFile = Type.Object(
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
    auth: Type.Object(
      {
        psk: Type.Optional(
          SecretFile(
            "Pre-shared key: read from a file (relative paths start at the configuration file; one line end at its end is cut off), from an environment variable, or written here. A value 0x… is hexadecimal.",
          ),
        ),
        certificate: Type.Optional(
          Type.Object(
            {
              peer: Type.String({
                format: "vcpe-dns-name",
                description:
                  "Name that the peer's certificate must bear as a dNSName among its subject alternative names, whatever its identity (peer.id) is. Whole; capitals make no difference.",
              }),
            },
            {
              ...closed,
              description:
                "Both ends prove themselves with certificates (digital signatures, RFC 7427). Ours, and the authorities that may vouch for the peer, are in `credentials`.",
            },
          ),
        ),
      },
      { ...closed, description: "How the two ends prove who they are: psk or certificate, one of the two." },
    ),
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
      Type.Array(RouteFile, {
        description:
          "Prefixes behind the peer: routed to the TUN device in the kernel, and to this tunnel here. Either a prefix alone, or { prefix, preference, zone }: preference (0–255, default 0) where several tunnels have the prefix, the lowest that is up carries it; zone where the route leads, default the tunnel's, null: none.",
      }),
    ),
    shape: Type.Optional(
      Type.Object(
        {
          rate: Type.String({
            format: "vcpe-rate",
            description:
              "Bits a second with a unit, decimal: 64k to 100G, such as 2M or 1.5G. Counted are the packets inside, by their IP length.",
          }),
        },
        {
          ...closed,
          description:
            "Holds what goes into the tunnel to a rate; each end shapes what it sends. What comes faster waits up to 50 ms (10 full packets where that is longer), fair among flows. Default: no limit.",
        },
      ),
    ),
    zone: Type.Optional(
      Name(
        "Zone of this tunnel. What comes out of a tunnel of a zone is not let into the same zone again (it is refused with ICMP): sites that must not reach each other share one. Default: none.",
      ),
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
          "Ask a peer of which nothing was heard for so long whether it lives (RFC 7296 §2.4); 71.5 s without an answer, and it counts as dead. off: never. Default 30s.",
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

/** An entry of `routes`, with its defaults; `zone` undefined: that of the tunnel. */
export function routeOf(entry: RouteEntry): {
  readonly prefix: string;
  readonly preference: number;
  readonly zone?: string | null;
} {
  return typeof entry === "string" ? { prefix: entry, preference: 0 } : { ...entry, preference: entry.preference ?? 0 };
}

export type TunnelFile = Static<typeof TunnelFile>;
export type RouteEntry = NonNullable<TunnelFile["routes"]>[number];
