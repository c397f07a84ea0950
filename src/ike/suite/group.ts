/** Key pairs and shared secrets of the groups in transform.ts. */
import { x25519 } from "@noble/curves/ed25519.js";
import { p256, p384 } from "@noble/curves/nist.js";
import { SuiteError } from "./error.ts";
import { join, wipe } from "./octets.ts";
import type { Group } from "./transform.ts";

export interface KeyPair {
  readonly group: Group;
  /** As it goes into a KE payload. */
  readonly publicKey: Uint8Array;
  /** Wiped by whoever asked for the pair, when the secret is computed or the exchange given up. */
  readonly secretKey: Uint8Array;
}

/** First byte of an uncompressed point (SEC 1 §2.3.3); a KE payload carries x | y without it (RFC 5903 §7). */
const UNCOMPRESSED = Uint8Array.of(4);

function curveOf(group: Group) {
  return group.name === "ecp256" ? p256 : p384;
}

/** A fresh pair. `random(n)` gives n bytes of a cryptographic generator. */
export function generateKeyPair(group: Group, random: (n: number) => Uint8Array): KeyPair {
  if (group.name === "x25519") {
    const secretKey = new Uint8Array(random(32));
    return { group, publicKey: x25519.getPublicKey(secretKey), secretKey };
  }
  const curve = curveOf(group);
  // More bytes than the order has, so that the scalar is uniform (FIPS 186-5 A.2.1).
  const seed = new Uint8Array(random(curve.lengths.seed!));
  const secretKey = curve.utils.randomSecretKey(seed);
  wipe(seed);
  return { group, publicKey: curve.getPublicKey(secretKey, false).slice(1), secretKey };
}

/**
 * g^ir: for ecp the x coordinate alone (RFC 5903 §7), for x25519 the 32 bytes (RFC 8031 §2). Throws SuiteError
 * "invalid-public-key" for a wrong length, a point that is not on the curve, and an all-zero result of x25519. The caller wipes it.
 */
export function sharedSecret(pair: Pick<KeyPair, "group" | "secretKey">, peer: Uint8Array): Uint8Array {
  const { group, secretKey } = pair;
  if (peer.length !== group.publicLength) {
    throw new SuiteError(
      "invalid-public-key",
      `The peer's public value for ${group.name} has ${peer.length} bytes instead of ${group.publicLength}`,
    );
  }
  let shared: Uint8Array;
  try {
    if (group.name === "x25519") {
      shared = x25519.getSharedSecret(secretKey, peer);
    } else {
      const point = curveOf(group).getSharedSecret(secretKey, join(UNCOMPRESSED, peer), false);
      shared = point.slice(1, 1 + group.sharedLength);
      wipe(point);
    }
  } catch {
    throw new SuiteError("invalid-public-key", `The peer's public value is not a usable point of ${group.name}`);
  }
  // x = 0 is a coordinate like any other on the ecp curves; with x25519 it is the mark of a point of low order.
  if (group.name === "x25519" && shared.every((byte) => byte === 0)) {
    throw new SuiteError("invalid-public-key", "The peer's public value gives no secret with x25519");
  }
  return shared;
}
