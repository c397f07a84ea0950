/** The local status API: what goes over /run/vcpe/<name>/status.sock. */
import Type, { type Static } from "typebox";

const Count = Type.Integer({ minimum: 0 });
const Time = Type.String({ format: "date-time" });
const Traffic = Type.Object({ packets: Count, bytes: Count });
const Spi = Type.String({ pattern: "^0x[0-9a-f]{8}([0-9a-f]{8})?$", description: "As captures show it: 0xc0ffee01." });

const Child = Type.Object({
  name: Type.String(),
  copy: Type.Integer({
    minimum: 0,
    description: "0: the first of this name; above: one more, for one worker (RFC 9611).",
  }),
  cipher: Type.String(),
  spiIn: Spi,
  spiOut: Spi,
  since: Time,
  rekeys: Count,
  esn: Type.Boolean({ description: "64-bit sequence numbers." }),
  in: Traffic,
  out: Traffic,
  replayed: Type.Integer({ minimum: 0, description: "Inbound packets that the replay window refused." }),
  forged: Type.Integer({ minimum: 0, description: "Inbound packets whose tag did not verify." }),
  selectors: Type.Object({ local: Type.Array(Type.String()), remote: Type.Array(Type.String()) }),
});

const Tunnel = Type.Object({
  name: Type.String(),
  vrf: Type.String(),
  peer: Type.Object({
    id: Type.String(),
    address: Type.Union([Type.String(), Type.Null()], {
      description: "Outer address in use; else the configured one.",
    }),
    port: Type.Union([Type.Integer(), Type.Null()]),
  }),
  state: Type.Enum(["down", "connecting", "up"]),
  since: Type.String({ format: "date-time", description: "When this state began." }),
  ike: Type.Union([
    Type.Object({
      suite: Type.String(),
      spiLocal: Spi,
      spiRemote: Spi,
      rekeys: Count,
      since: Time,
      auth: Type.Union(
        [
          Type.Object({ kind: Type.Literal("psk") }),
          Type.Object({
            kind: Type.Literal("certificate"),
            subject: Type.String(),
            issuer: Type.String(),
            notAfter: Type.String({ format: "date-time", description: "When the peer's certificate expires." }),
          }),
        ],
        { description: "How the peer has proved who it is." },
      ),
    }),
    Type.Null(),
  ]),
  nat: Type.Union(
    [
      Type.Object({
        local: Type.Boolean({ description: "This side is behind a NAT." }),
        remote: Type.Union([Type.Boolean(), Type.Null()], {
          description:
            "The peer is behind a NAT. null: it says so, but may do that only to have ESP in UDP, so nobody can tell.",
        }),
      }),
      Type.Null(),
    ],
    { description: "null: there is no IKE SA." },
  ),
  rttMs: Type.Union([Type.Number(), Type.Null()], { description: "Round trip of the last answered IKE request." }),
  mtu: Type.Integer({ description: "Largest inner packet, bytes." }),
  shape: Type.Union(
    [
      Type.Object({
        bitsPerSecond: Count,
        packets: Type.Integer({ minimum: 0, description: "Went into the tunnel." }),
        bytes: Type.Integer({ minimum: 0, description: "Their IP lengths." }),
        queued: Type.Integer({ minimum: 0, description: "Packets that had to wait." }),
        dropped: Type.Integer({
          minimum: 0,
          description: "Packets for which there was no room, or that waited too long.",
        }),
        marked: Type.Integer({ minimum: 0, description: "Packets that got a congestion mark (ECN) instead." }),
        waiting: Type.Integer({ minimum: 0, description: "Bytes that wait now." }),
        delayMs: Type.Number({ minimum: 0, description: "How long the last packet waited; 0 while none waits." }),
      }),
      Type.Null(),
    ],
    { description: "The rate that what goes into the tunnel is held to, and what it met; null: no limit." },
  ),
  children: Type.Array(Child),
  lastError: Type.Optional(Type.Object({ code: Type.String(), message: Type.String(), at: Time })),
});

const Managed = Type.Object({
  console: Type.String({ description: "URL." }),
  connected: Type.Boolean(),
  trouble: Type.Union([Type.String(), Type.Null()], { description: "Why it is not connected." }),
  lastSeen: Type.Union([Time, Type.Null()], { description: "When the console was heard last; null: not in this run." }),
  applied: Type.Integer({ minimum: 0, description: "Version of the configuration that runs; 0: none." }),
  refused: Type.Union([Type.Object({ version: Count, code: Type.String(), message: Type.String() }), Type.Null()], {
    description: "A newer configuration that could not be applied.",
  }),
  certificateUntil: Time,
});

const Attachment = Type.Object({
  name: Type.String(),
  vrf: Type.String(),
  place: Type.String({ description: '"host", "namespace NAME", "vrf DEVICE", "line INTERFACE".' }),
  device: Type.String({ description: "Its TUN device." }),
  local: Type.Array(Type.String(), { description: "Prefixes behind it." }),
  state: Type.Enum(["up", "waiting", "failed"], {
    description: "waiting: what it stands on is not there; failed: it could not be made, and is tried again.",
  }),
  reason: Type.Union([Type.String(), Type.Null()], {
    description: "Why it is not up, or what of it did not go.",
  }),
});

const Action = Type.Enum(["accept", "drop"]);
const Direction = Type.Enum(["in", "out"]);

const Filter = Type.Object({
  name: Type.String(),
  devices: Type.Array(Type.String(), { description: "TUN devices that have it." }),
  rules: Type.Array(
    Type.Object({
      id: Type.String(),
      direction: Direction,
      protocol: Type.Union([Type.Integer(), Type.Null()], { description: "null: any." }),
      ports: Type.Union([Type.Object({ low: Type.Integer(), high: Type.Integer() }), Type.Null()]),
      prefix: Type.String(),
      action: Action,
      hits: Type.Integer({ minimum: 0, description: "Packets that opened flows by it, or that it dropped." }),
    }),
  ),
  in: Type.Object({ action: Action, hits: Count }, { description: "Where no rule matches." }),
  out: Type.Object({ action: Action, hits: Count }),
});

export const RouterStatus = Type.Object({
  name: Type.String(),
  version: Type.String(),
  since: Time,
  pid: Count,
  managed: Type.Optional({ ...Managed, description: "A console decides what the router does." }),
  workers: Type.Integer({ minimum: 1, description: "Datapath threads." }),
  load: Type.Array(Type.Object({ tunRead: Count, udpRead: Count }), {
    description: "What each worker has read: packets from TUN devices, UDP datagrams.",
  }),
  engines: Type.Record(Type.String(), Type.String(), {
    description: 'Which AEAD engine serves each cipher: "wasm", "native", or "native from 256 bytes, else wasm".',
  }),
  offload: Type.Record(Type.String(), Type.String(), {
    description: 'Of tso, uso, gso, gro and coalesce: "on", or "off: " and why.',
  }),
  lan: Type.Array(
    Type.Object({
      interface: Type.String({ description: 'Device where packets come in from the LAN; "": none was found.' }),
      via: Type.Array(Type.String(), { description: "Links above it that the routes lead to: a bridge, a VLAN." }),
      state: Type.Enum(["set", "already", "off", "failed"]),
      reason: Type.Union([Type.String(), Type.Null()]),
    }),
    { description: "GRO forwarding: set by the router, on already, switched off, or why it could not be set." },
  ),
  attachments: Type.Array(Attachment),
  tunnels: Type.Array(Tunnel),
  routes: Type.Array(
    Type.Object({
      vrf: Type.String(),
      prefix: Type.String(),
      via: Type.String({ description: "Of several tunnels the one that carries it now, or would be started." }),
    }),
  ),
  limits: Type.Array(Type.Object({ table: Type.String(), used: Count, limit: Count }), {
    description: "Tables of the datapath: how much is in use. sas, next-hops, tuns, vrfs: entries; fib, pool: bytes.",
  }),
  filters: Type.Array(Filter),
  flows: Type.Object(
    {
      entries: Type.Integer({ minimum: 0, description: "Known now; an estimate where the limit is above 65,536." }),
      limit: Type.Integer({ description: "That have room." }),
      evicted: Type.Integer({ minimum: 0, description: "That gave way to new ones so far." }),
      refused: Type.Integer({ minimum: 0, description: "Packets that found no place for a new one." }),
    },
    { description: "The flow table of the filters." },
  ),
  drops: Type.Record(Type.String(), Count, { description: "Packets that went no further, by reason." }),
  counters: Type.Record(Type.String(), Count, { description: "What the datapath did." }),
  ike: Type.Record(Type.String(), Count, { description: "IKE messages refused, by reason, and other events." }),
  memory: Type.Object({
    rss: Type.Integer({ description: "Resident memory, bytes." }),
    hugePages: Type.String({ description: 'Huge pages for large tables: "on", or "off: " and why.' }),
  }),
});

export const ReloadReply = Type.Object({
  applied: Type.Array(Type.String(), { description: "What was done, one line each; empty: nothing has changed." }),
  warnings: Type.Array(Type.String()),
});

export const RekeyRequest = Type.Object(
  {
    what: Type.Enum(["child", "ike"], { description: "Default child." }),
    child: Type.Optional(Type.String({ description: "One of several Child SAs; default: all." })),
  },
  { additionalProperties: false },
);

export const Accepted = Type.Object({ ok: Type.Literal(true) });

export const Refusal = Type.Object({
  code: Type.String(),
  message: Type.String(),
  problems: Type.Optional(
    Type.Array(Type.String(), { description: "Of a configuration file: file:line:column: path: rule." }),
  ),
});

export type ManagedStatus = Static<typeof Managed>;
export type RouterStatus = Static<typeof RouterStatus>;
export type TunnelStatus = Static<typeof Tunnel>;
export type AttachmentStatus = Static<typeof Attachment>;
export type ChildStatus = Static<typeof Child>;
export type FilterStatus = Static<typeof Filter>;
export type ReloadReply = Static<typeof ReloadReply>;
export type Refusal = Static<typeof Refusal>;
