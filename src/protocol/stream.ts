/**
 * What console and agent say to each other over one WebSocket (wss://CONSOLE/v1/agent, TLS client certificate of the device): text frames,
 * each one JSON object. The agent begins with `hello`; the console answers with the configuration if the agent has not the newest.
 *
 * One configuration is in flight at most: the next one goes when `applied` has answered it, from what the agent then runs. The console
 * pings (RFC 6455 §5.5.2) every PING_EVERY; who hears nothing for SILENCE ends the connection.
 */
import Type, { type Static } from "typebox";
import { Patch } from "./patch.ts";
import { RootsNumber, SignedRoots } from "./roots.ts";
import { Proof, Statement, Version } from "./statement.ts";

/** Path of the WebSocket on the console's HTTPS server. */
export const AGENT_PATH = "/v1/agent";

const Count = Type.Integer({ minimum: 0 });
const Traffic = Type.Object({ packets: Count, bytes: Count });

/** Milliseconds. */
export const PING_EVERY = 15_000;
export const SILENCE = 2 * PING_EVERY + 5_000;

/** Tunnels in one report; an agent with more sends several. */
export const TUNNELS_A_REPORT = 1000;

/** Largest frame from an agent, bytes: a full report fits several times. */
export const LARGEST_FROM_AGENT = 1024 * 1024;

/** Largest frame from the console, bytes: 10,000 tunnels fit. */
export const LARGEST_FROM_CONSOLE = 64 * 1024 * 1024;

/** Why the console ends a connection (RFC 6455 §7.4.2); the agent comes back, unless it is said that it need not. */
export const CLOSE = {
  /** The same identity has connected again. */
  replaced: 4001,
  /** The certificate is taken no more: key reset, host released, device deleted, or expired. Joining again is the way. */
  identity: 4002,
  /** A frame that is none of those below, too large, or too many. */
  frame: 4003,
  /** The console ends, or starts anew. */
  leaving: 1001,
} as const;

export const ConfigFrame = Type.Object({
  type: Type.Literal("config"),
  base: Type.Integer({
    minimum: 0,
    description: "Version that `put`, `patch` and `remove` start from; 0: from nothing.",
  }),
  put: Type.Record(Type.String(), Type.Unknown()),
  patch: Type.Optional(
    Type.Record(Type.String(), Patch, {
      description: "Parts of version `base`, by key, and what of them has changed.",
    }),
  ),
  remove: Type.Array(Type.String()),
  statement: Statement,
  proof: Proof,
});

/** What the agent runs. Another version or another root than the console's: it is sent all. */
export const HelloFrame = Type.Object({
  type: Type.Literal("hello"),
  have: Version,
  root: Type.String({ pattern: "^[0-9a-f]{64}$", description: "rootHash of the parts that it runs." }),
  newest: Type.Optional(
    Type.Object(
      { statement: Statement, proof: Proof },
      {
        description: "What the console said of the newest configuration that the agent has kept: it takes none older.",
      },
    ),
  ),
  roots: Type.Optional(RootsNumber),
  software: Type.String({ maxLength: 64 }),
  hostname: Type.String({ maxLength: 255 }),
});

export const AppliedFrame = Type.Object({
  type: Type.Literal("applied"),
  version: Version,
  error: Type.Union([
    Type.Object({ code: Type.String({ maxLength: 64 }), message: Type.String({ maxLength: 2048 }) }),
    Type.Null(),
  ]),
});

const Label = Type.String({ maxLength: 128 });
const Reason = Type.Union([Type.String({ maxLength: 512 }), Type.Null()]);

export const ReportFrame = Type.Object({
  type: Type.Literal("report"),
  first: Type.Boolean({ description: "The first of this connection: what was known before is forgotten." }),
  tunnels: Type.Array(
    Type.Object({
      name: Label,
      state: Type.Enum(["down", "connecting", "up"]),
      rttMs: Type.Union([Type.Number({ minimum: 0 }), Type.Null()]),
      in: Traffic,
      out: Traffic,
      lastError: Reason,
      silent: Type.Optional(Type.Boolean({ description: "Its peer is silent when asked. Absent: no." })),
      carries: Type.Optional(
        Type.Boolean({
          description:
            "Of the routes that choose between it and other tunnels: does one lead over it now? Absent: none has a choice, or the agent is older.",
        }),
      ),
    }),
    { maxItems: TUNNELS_A_REPORT, description: "Those that changed since they were reported last." },
  ),
  gone: Type.Array(Label, { maxItems: 20_000, description: "Tunnels that are no more." }),
  attachments: Type.Array(Type.Object({ name: Label, state: Label, reason: Reason }), { maxItems: 2000 }),
  drops: Type.Record(Type.String({ pattern: "^[a-z0-9-]{1,64}$" }), Count, {
    additionalProperties: false,
    maxProperties: 200,
    description: "Packets that went no further, by reason.",
  }),
});

export const RenewFrame = Type.Object({
  type: Type.Literal("renew"),
  csr: Type.String({ maxLength: 4096, description: "PKCS #10 of the next key, PEM." }),
});

export const CertificateFrame = Type.Object({
  type: Type.Literal("certificate"),
  chain: Type.Array(Type.String(), { minItems: 1, description: "PEM; the device's, then its issuers." }),
  trust: Type.Array(Type.String(), { minItems: 1, description: "PEM; roots for peers." }),
});

/** After hello, if the agent has another number and has said so; and when the console's own certificate will be from other roots. */
export const RootsFrame = Type.Object({ type: Type.Literal("roots"), signed: SignedRoots });

export const FromConsole = Type.Union([ConfigFrame, CertificateFrame, RootsFrame]);
export const FromAgent = Type.Union([HelloFrame, AppliedFrame, ReportFrame, RenewFrame]);

export type ConfigFrame = Static<typeof ConfigFrame>;
export type CertificateFrame = Static<typeof CertificateFrame>;
export type RootsFrame = Static<typeof RootsFrame>;
export type HelloFrame = Static<typeof HelloFrame>;
export type AppliedFrame = Static<typeof AppliedFrame>;
export type ReportFrame = Static<typeof ReportFrame>;
export type RenewFrame = Static<typeof RenewFrame>;
export type FromConsole = Static<typeof FromConsole>;
export type FromAgent = Static<typeof FromAgent>;
