/**
 * Enrolment: a device proves that it has its key, and gets a certificate for an identity that it made itself. The key is never sent: both
 * sides show a MAC over all that was said (HMAC, RFC 2104, with a key derived by HKDF, RFC 5869). The console's MAC covers what it hands
 * out, so a device needs no other trust at first; whoever sits between learns nothing and can change nothing.
 *
 *   device                                         console
 *   POST /v1/enrol/begin   { serial, nonce }   ──▶
 *                                              ◀── { session, nonce }            also for serials that do not exist
 *   POST /v1/enrol/finish  { serial, nonce,
 *                            session, csr,
 *                            host, proof }     ──▶
 *                                              ◀── { issued, proof }
 *
 * The console keeps nothing between the two: `session` holds its nonce and an end, under a MAC of its own, so that no number of strangers
 * that begin can keep a device from finishing. It is good once, for 30 seconds.
 */
import { createHmac, hkdfSync } from "node:crypto";
import Type, { type Static } from "typebox";
import { canonical } from "./parts.ts";
import { Nonce, RootsNumber } from "./roots.ts";

export const BEGIN_PATH = "/v1/enrol/begin";
export const FINISH_PATH = "/v1/enrol/finish";

const Serial = Type.String({ pattern: "^[a-z0-9]{1,64}$", description: "Serial number, small letters." });
const Proof = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$", description: "HMAC-SHA-256, base64url." });

export const BeginRequest = Type.Object({ serial: Serial, nonce: Nonce }, { additionalProperties: false });
export const BeginReply = Type.Object({ session: Type.String(), nonce: Nonce });

const Host = Type.Object(
  {
    fingerprint: Type.String({
      pattern: "^[0-9a-f]{64}$",
      description: "SHA-256 of what tells this host from others; not the id itself.",
    }),
    name: Type.String({ maxLength: 255 }),
    software: Type.String({ maxLength: 64 }),
  },
  { additionalProperties: false },
);

export const FinishRequest = Type.Object(
  {
    serial: Serial,
    nonce: Nonce,
    session: Type.String({ maxLength: 128, description: "From the reply to begin, as it is." }),
    csr: Type.String({ maxLength: 4096, description: "PKCS #10 (RFC 2986) of an Ed25519 key, PEM." }),
    host: Host,
    proof: Proof,
  },
  { additionalProperties: false },
);

export const Issued = Type.Object({
  chain: Type.Array(Type.String(), { minItems: 1, description: "PEM; the device's certificate, then its issuers." }),
  trust: Type.Array(Type.String(), { minItems: 1, description: "PEM; roots for peers." }),
  server: Type.Union([Type.Array(Type.String()), Type.Null()], {
    description: "PEM; roots of the console's own HTTPS certificate; null: those that the system trusts.",
  }),
  rootsNumber: Type.Optional(RootsNumber),
  configKey: Type.String({ description: "Ed25519 public key (SPKI, PEM) that signs configurations." }),
  router: Type.String({ description: "Id of the device: the name in statements." }),
});

/** Why the console refuses. `refused` tells nothing of whether the serial number exists; the codes after it need the right proof. */
export const EnrolmentRefusal = Type.Object({
  code: Type.Enum(["refused", "locked", "session", "second-host", "csr", "malformed"]),
  message: Type.String(),
  next: Type.String(),
});
export const FinishReply = Type.Object({ issued: Issued, proof: Proof });

/** What both proofs are over. */
export interface Transcript {
  readonly serial: string;
  readonly deviceNonce: string;
  readonly consoleNonce: string;
  readonly csr: string;
  readonly host: Static<typeof Host>;
}

/** The derived secret: what the console keeps of a device key (its bytes, see readDeviceKey). 32 bytes. */
export function enrolmentSecret(serial: string, key: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, `vcpe ${serial}`, "vcpe enrolment 1", 32));
}

/** The device's proof, base64url. */
export function deviceProof(secret: Uint8Array, transcript: Transcript): string {
  return createHmac("sha256", secret)
    .update(`vcpe device 1\n${canonical(transcript)}`)
    .digest("base64url");
}

/** The console's proof, base64url. */
export function consoleProof(secret: Uint8Array, transcript: Transcript, issued: Issued): string {
  return createHmac("sha256", secret)
    .update(`vcpe console 1\n${canonical({ transcript, issued })}`)
    .digest("base64url");
}

export type BeginRequest = Static<typeof BeginRequest>;
export type BeginReply = Static<typeof BeginReply>;
export type FinishRequest = Static<typeof FinishRequest>;
export type FinishReply = Static<typeof FinishReply>;
export type Issued = Static<typeof Issued>;
export type EnrolmentRefusal = Static<typeof EnrolmentRefusal>;
