/**
 * RouterConfig: all that a router does, with every default filled in, canonical texts and plain numbers. What a YAML file
 * or a control plane's intent is compiled to, and what `diff` compares. It is frozen, goes through JSON unchanged, and
 * holds no secret: `auth.secret` is a name in the Secrets that travel apart from it.
 */
import Type, { type Static } from "typebox";

const closed = { additionalProperties: false } as const;

const Name = Type.String({ format: "vcpe-name" });
const Ip = Type.String({ format: "vcpe-ip", description: "Canonical text (RFC 5952)." });
const Prefix = Type.String({ format: "vcpe-prefix", description: "Canonical text, host bits 0." });
const Port = Type.Integer({ minimum: 1, maximum: 65535 });
const orNull = <T extends Type.TSchema>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description });

const Identity = Type.Object(
  {
    type: Type.Enum(["ipv4", "ipv6", "email", "fqdn", "keyid"]),
    value: Type.String({ minLength: 1, description: "keyid: text, or 0x and hexadecimal." }),
  },
  { ...closed, description: "IKE identity, RFC 7296 §3.5." },
);

const Child = Type.Object(
  {
    name: Name,
    local: Type.Array(Prefix, { minItems: 1 }),
    remote: Type.Array(Prefix, { minItems: 1 }),
  },
  closed,
);

const Zone = orNull(Name, "No packet goes from a zone into the same zone; null: in none.");

const Route = Type.Object(
  {
    prefix: Prefix,
    preference: Type.Integer({
      minimum: 0,
      maximum: 255,
      description: "Of several tunnels with this prefix the lowest that is up carries it.",
    }),
    zone: Zone,
  },
  closed,
);

/** Where the other end of an attachment's TUN device is: this host, a network namespace, a VRF device, a leased line. */
const Place = Type.Union([
  Type.Object({ kind: Type.Literal("host") }, closed),
  Type.Object({ kind: Type.Literal("namespace"), name: Name }, closed),
  Type.Object({ kind: Type.Literal("vrf"), device: Type.String({ format: "vcpe-device" }) }, closed),
  Type.Object(
    {
      kind: Type.Literal("line"),
      interface: Type.String({ format: "vcpe-device" }),
      nextHop: orNull(Ip, "The other end of the line; null: the prefixes are on the link."),
    },
    closed,
  ),
]);

const Attachment = Type.Object(
  {
    name: Name,
    vrf: Name,
    tun: Type.Object(
      { name: Type.String({ format: "vcpe-device" }), mtu: Type.Integer({ minimum: 576, maximum: 65535 }) },
      closed,
    ),
    place: Place,
    local: Type.Array(Prefix, { description: "Go to the TUN device." }),
    filter: orNull(Name, "What may go in and out; null: everything."),
  },
  { ...closed, description: "One more network of a VRF: a VPC, a leased line." },
);

const Filter = Type.Object(
  {
    name: Name,
    rules: Type.Array(
      Type.Object(
        {
          id: Name,
          direction: Type.Enum(["in", "out"], { description: "in: into the attached network; out: from it." }),
          protocol: orNull(Type.Integer({ minimum: 0, maximum: 255 }), "IP protocol; null: any."),
          ports: orNull(
            Type.Object(
              {
                low: Type.Integer({ minimum: 0, maximum: 65535 }),
                high: Type.Integer({ minimum: 0, maximum: 65535 }),
              },
              closed,
            ),
            "Destination ports, inclusive; null: any.",
          ),
          prefix: Prefix,
          action: Type.Enum(["accept", "drop"]),
        },
        closed,
      ),
      { description: "The first that matches decides. `prefix` is the far side: the source in, the destination out." },
    ),
    in: Type.Enum(["accept", "drop"], { description: "Where no rule matches." }),
    out: Type.Enum(["accept", "drop"], { description: "Where no rule matches." }),
  },
  { ...closed, description: "Stateful: answers to what was accepted pass." },
);

const Vrf = Type.Object(
  {
    name: Name,
    addresses: Type.Array(Ip, { description: "The router's own; on the TUN device as /32 and /128." }),
    tun: orNull(
      Type.Object(
        {
          name: Type.String({ format: "vcpe-device" }),
          mtu: Type.Integer({ minimum: 576, maximum: 65535 }),
          filter: orNull(Name, "What may go in and out; null: everything."),
        },
        closed,
      ),
      "null: traffic from tunnel to tunnel only.",
    ),
    local: Type.Array(Prefix, { description: "Go to the TUN device." }),
  },
  closed,
);

const Tunnel = Type.Object(
  {
    name: Name,
    vrf: Name,
    peer: Type.Object(
      {
        address: orNull(Ip, "Where to begin; null: the peer begins."),
        port: Port,
        identity: Identity,
        from: orNull(Type.Array(Ip, { minItems: 1 }), "Outer addresses the peer may begin from; null: any."),
      },
      closed,
    ),
    local: Type.Object(
      { address: orNull(Ip, "Our outer address; null: as the kernel routes."), identity: Identity },
      closed,
    ),
    auth: Type.Union([
      Type.Object(
        {
          kind: Type.Literal("psk"),
          secret: Type.String({ minLength: 1, description: "Name of the pre-shared key in the Secrets." }),
          version: Type.String({ description: "Changes when the secret does; opaque, tells nothing of it." }),
        },
        closed,
      ),
      Type.Object(
        {
          kind: Type.Literal("certificate"),
          peer: Type.String({ minLength: 1, description: "dNSName that the peer's certificate must bear." }),
        },
        { ...closed, description: "Both ends by certificate; ours is in `credentials`." },
      ),
    ]),
    start: Type.Enum(["initiate", "respond"]),
    ike: Type.Object(
      { proposals: Type.Array(Type.String(), { minItems: 1 }), lifetimeMs: Type.Integer({ minimum: 1 }) },
      closed,
    ),
    esp: Type.Object(
      {
        proposals: Type.Array(Type.String(), { minItems: 1 }),
        lifetimeMs: Type.Integer({ minimum: 1 }),
        packets: Type.Integer({ minimum: 1000, description: "Rekey after so many sent on one SA." }),
        bytes: Type.Integer({ minimum: 1_000_000, description: "Rekey after so many sent on one SA." }),
      },
      closed,
    ),
    children: Type.Array(Child, { minItems: 1, description: "The first that matches a packet carries it." }),
    routes: Type.Array(Route, { description: "Go through this tunnel." }),
    zone: Zone,
    shape: orNull(
      Type.Object({ bitsPerSecond: Type.Integer({ minimum: 64_000, maximum: 100_000_000_000 }) }, closed),
      "What goes into the tunnel, inner packets, is held to this rate; null: no limit.",
    ),
    mtu: orNull(Type.Integer({ minimum: 576, maximum: 65535 }), "Largest inner packet, bytes; null: from the path."),
    dpdMs: Type.Integer({ minimum: 0, description: "0: never." }),
    encapsulation: Type.Enum(["always", "nat"]),
  },
  closed,
);

const Engine = Type.Enum(["auto", "wasm", "native"]);

export const RouterConfig = Type.Object(
  {
    name: Name,
    log: Type.Enum(["trace", "debug", "info", "warn", "error", "silent"]),
    workers: Type.Union([Type.Integer({ minimum: 1, maximum: 16 }), Type.Literal("auto")]),
    pin: Type.Boolean({ description: "Each worker stays on one CPU." }),
    moderation: Type.Integer({ minimum: 0, maximum: 1000, description: "Microseconds, see the file's key." }),
    outer: Type.Object(
      {
        ipv4: orNull(Ip, "Address to bind; null: no IPv4 outside."),
        ipv6: orNull(Ip, "Address to bind; null: no IPv6 outside."),
        ikePort: Port,
        natPort: Port,
      },
      closed,
    ),
    engines: Type.Object(
      { chacha20poly1305: Engine, aes128gcm16: Engine, aes256gcm16: Engine },
      { ...closed, description: "What encrypts and decrypts ESP; auto: the quicker one." },
    ),
    offload: Type.Object(
      { tso: Type.Boolean(), uso: Type.Boolean(), gso: Type.Boolean(), gro: Type.Boolean(), coalesce: Type.Boolean() },
      { ...closed, description: "Which offloads may be used, where the kernel can." },
    ),
    lan: Type.Object(
      {
        gro: Type.Boolean({ description: "Set GRO forwarding, where the kernel can." }),
        interfaces: orNull(
          Type.Array(Type.String({ format: "vcpe-device" })),
          "null: as the host routes vrfs[].local.",
        ),
        holdUs: Type.Integer({ minimum: 0, maximum: 10_000, description: "0: leave the device as it is." }),
      },
      { ...closed, description: "Where packets of the local prefixes come in." },
    ),
    interfaces: Type.Array(
      Type.Object(
        { name: Type.String({ format: "vcpe-device" }), mtu: Type.Integer({ minimum: 576, maximum: 65535 }) },
        closed,
      ),
    ),
    credentials: orNull(
      Type.Object(
        {
          chain: Type.Array(Type.String(), { minItems: 1, description: "PEM; our certificate, then its issuers." }),
          trust: Type.Array(Type.String(), { minItems: 1, description: "PEM; roots of the peers' certificates." }),
          secret: Type.String({ minLength: 1, description: "Name of the private key (PKCS #8, DER) in the Secrets." }),
          version: Type.String({ description: "Changes when the key does; opaque, tells nothing of it." }),
        },
        closed,
      ),
      "What proves who we are to peers with certificates.",
    ),
    vrfs: Type.Array(Vrf),
    flows: Type.Object(
      { limit: Type.Integer({ minimum: 1024, maximum: 4_194_304 }) },
      { ...closed, description: "Flows that all filters together know at once." },
    ),
    attachments: Type.Array(Attachment),
    filters: Type.Array(Filter),
    tunnels: Type.Array(Tunnel),
    routes: Type.Array(Type.Object({ vrf: Name, prefix: Prefix, via: Type.Enum(["blackhole", "prohibit"]) }, closed)),
  },
  closed,
);

type Frozen<T> = T extends readonly (infer E)[]
  ? readonly Frozen<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

export type RouterConfig = Frozen<Static<typeof RouterConfig>>;
export type VrfConfig = RouterConfig["vrfs"][number];
export type TunnelConfig = RouterConfig["tunnels"][number];
export type AttachmentConfig = RouterConfig["attachments"][number];
export type FilterConfig = RouterConfig["filters"][number];

/** Pre-shared keys by the name that `auth.secret` gives, and the private key that `credentials.secret` names. */
export type Secrets = ReadonlyMap<string, Uint8Array>;

/** Freezes a configuration with all that is in it. */
export function freeze<T>(value: T): Frozen<T> {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value as Frozen<T>;
}
