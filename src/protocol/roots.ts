/**
 * What the console says of its own HTTPS certificate: the roots that it comes from now. Signed with the key of configurations, which a device
 * knows since it joined, so that it finds back to a console whose certificate comes from elsewhere than before.
 *
 *   device                                  console
 *   POST /v1/roots { nonce }            ──▶           over TLS that is not verified; nothing secret, no certificate of the device
 *                                       ◀──           { statement, nonce, signature }
 *
 * The nonce is the device's: nobody can answer with what the console has said before. To a device that is connected the console says it by
 * itself (stream.ts), without a nonce; that is taken from nowhere else. Numbers only rise, and a device takes no lower one than it has.
 */
import { createPublicKey, verify } from "node:crypto";
import Type, { type Static } from "typebox";
import { canonical } from "./parts.ts";

export const ROOTS_PATH = "/v1/roots";

/** Roots of one certificate are one or two; a root has 1 to 3 kB. */
const MOST_ROOTS = 4;
const LONGEST_ROOT = 16 * 1024;

/** Largest answer to a question for the roots, bytes. */
export const LARGEST_ROOTS = 128 * 1024;

export const RootsNumber = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description:
    "When the console began to say so, milliseconds since the Unix epoch, and more than what it said before; 0: it never did.",
});

export const RootsStatement = Type.Object({
  number: RootsNumber,
  roots: Type.Union(
    [
      Type.Array(Type.String({ pattern: "^-----BEGIN CERTIFICATE-----\n", maxLength: LONGEST_ROOT }), {
        minItems: 1,
        maxItems: MOST_ROOTS,
      }),
      Type.Null(),
    ],
    { description: "PEM, one certificate each; null: those that the system of the device trusts." },
  ),
});

export const Nonce = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$", description: "32 random bytes, base64url." });

export const RootsRequest = Type.Object({ nonce: Nonce }, { additionalProperties: false });

export const SignedRoots = Type.Object({
  statement: RootsStatement,
  nonce: Type.Union([Nonce, Type.Null()], { description: "From the request; null: nobody asked." }),
  signature: Type.String({ maxLength: 88, description: "Ed25519 (RFC 8032) over `rootsText`, base64." }),
});

export type RootsStatement = Static<typeof RootsStatement>;
export type RootsRequest = Static<typeof RootsRequest>;
export type SignedRoots = Static<typeof SignedRoots>;

/** What the signature is over. It begins with what it is: no configuration (statement.ts) can be taken for it, nor it for one. */
export function rootsText(statement: RootsStatement, nonce: string | null): string {
  return `vcpe https roots 1\n${canonical({ nonce, statement })}`;
}

/** @param configKey Ed25519 public key (SPKI, PEM) of the console */
export function rootsStand({ statement, nonce, signature }: SignedRoots, configKey: string): boolean {
  const text = Buffer.from(rootsText(statement, nonce));
  return verify(null, text, createPublicKey(configKey), Buffer.from(signature, "base64"));
}
