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

const Vrf = Type.Object(
  {
    name: Name,
    addresses: Type.Array(Ip, { description: "The router's own; on the TUN device as /32 and /128." }),
    tun: orNull(
      Type.Object(
        { name: Type.String({ format: "vcpe-device" }), mtu: Type.Integer({ minimum: 576, maximum: 65535 }) },
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
    auth: Type.Object(
      {
        kind: Type.Literal("psk"),
        secret: Type.String({ minLength: 1, description: "Name of the pre-shared key in the Secrets." }),
        version: Type.String({ description: "Changes when the secret does; opaque, tells nothing of it." }),
      },
      closed,
    ),
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
    routes: Type.Array(Prefix, { description: "Go through this tunnel." }),
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
    vrfs: Type.Array(Vrf, { minItems: 1 }),
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
export type ChildConfig = TunnelConfig["children"][number];

/** Pre-shared keys by the name that `auth.secret` gives. */
export type Secrets = ReadonlyMap<string, Uint8Array>;

/** Freezes a configuration with all that is in it. */
export function freeze<T>(value: T): Frozen<T> {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value as Frozen<T>;
}
