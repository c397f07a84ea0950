/**
 * What console and agent say to each other over one WebSocket (wss://CONSOLE/v1/agent, TLS client certificate of the device): text frames,
 * each one JSON object. The agent begins with `hello`; the console answers with the configuration if the agent has not the newest.
 */
import Type, { type Static } from "typebox";

const Version = Type.Integer({
  minimum: 0,
  description: "Revision of the intent that last changed this router; 0: none.",
});
const Count = Type.Integer({ minimum: 0 });
const Traffic = Type.Object({ packets: Count, bytes: Count });

/** What the console vouches for: signed with its Ed25519 key over the canonical JSON of this (RFC 8032). */
export const Statement = Type.Object({
  router: Type.String(),
  version: Version,
  root: Type.String({ pattern: "^[0-9a-f]{64}$", description: "rootHash of all parts after the change." }),
  at: Type.String({ format: "date-time" }),
});

export const ConfigFrame = Type.Object({
  type: Type.Literal("config"),
  base: Type.Integer({ minimum: 0, description: "Version that `put` and `remove` start from; 0: from nothing." }),
  put: Type.Record(Type.String(), Type.Unknown()),
  remove: Type.Array(Type.String()),
  statement: Statement,
  signature: Type.String({ description: "base64." }),
});

/** The agent has another version than `base`, or its root differs: send all. */
export const HelloFrame = Type.Object({
  type: Type.Literal("hello"),
  have: Version,
  software: Type.String({ maxLength: 64 }),
  hostname: Type.String({ maxLength: 255 }),
});

export const AppliedFrame = Type.Object({
  type: Type.Literal("applied"),
  version: Version,
  error: Type.Union([Type.Object({ code: Type.String(), message: Type.String() }), Type.Null()]),
});

export const ReportFrame = Type.Object({
  type: Type.Literal("report"),
  tunnels: Type.Array(
    Type.Object({
      name: Type.String(),
      state: Type.Enum(["down", "connecting", "up"]),
      rttMs: Type.Union([Type.Number(), Type.Null()]),
      in: Traffic,
      out: Traffic,
      lastError: Type.Union([Type.String(), Type.Null()]),
    }),
    { description: "Those that changed since the last report; all in the first one." },
  ),
  gone: Type.Array(Type.String(), { description: "Tunnels that are no more." }),
  attachments: Type.Array(
    Type.Object({ name: Type.String(), state: Type.String(), reason: Type.Union([Type.String(), Type.Null()]) }),
  ),
  drops: Type.Record(Type.String(), Count),
});

export const RenewFrame = Type.Object({
  type: Type.Literal("renew"),
  csr: Type.String({ description: "PKCS #10, PEM." }),
});

export const CertificateFrame = Type.Object({
  type: Type.Literal("certificate"),
  chain: Type.Array(Type.String(), { minItems: 1, description: "PEM; the device's, then its issuers." }),
  trust: Type.Array(Type.String(), { minItems: 1, description: "PEM; roots for peers." }),
});

export const FromConsole = Type.Union([ConfigFrame, CertificateFrame]);
export const FromAgent = Type.Union([HelloFrame, AppliedFrame, ReportFrame, RenewFrame]);

export type Statement = Static<typeof Statement>;
export type ConfigFrame = Static<typeof ConfigFrame>;
export type CertificateFrame = Static<typeof CertificateFrame>;
export type HelloFrame = Static<typeof HelloFrame>;
export type AppliedFrame = Static<typeof AppliedFrame>;
export type ReportFrame = Static<typeof ReportFrame>;
export type FromConsole = Static<typeof FromConsole>;
export type FromAgent = Static<typeof FromAgent>;
