/** What both sides prove in IKE_AUTH, RFC 7296 §2.15. */
import { equal, join, wipe } from "./octets.ts";
import { prfOf } from "./prf.ts";
import type { Prf } from "./transform.ts";

const KEY_PAD = new TextEncoder().encode("Key Pad for IKEv2");

/**
 * <SignedOctets> of one side: its first message (the IKE_SA_INIT request or response as it went over the wire, header
 * included, without non-ESP marker; of several requests the one that was answered) | the *other* side's nonce |
 * prf(its SK_p, its ID payload without generic header).
 */
export function signedOctets(
  prf: Prf,
  message: Uint8Array,
  otherNonce: Uint8Array,
  skP: Uint8Array,
  idBody: Uint8Array,
): Uint8Array {
  return join(message, otherNonce, prfOf(prf, skP, idBody));
}

/** AUTH data for a shared key: prf(prf(secret, "Key Pad for IKEv2"), <SignedOctets>). */
export function pskAuth(prf: Prf, secret: Uint8Array, octets: Uint8Array): Uint8Array {
  const key = prfOf(prf, secret, KEY_PAD);
  const data = prfOf(prf, key, octets);
  wipe(key);
  return data;
}

/** Did the sender of `data` know the secret? Constant time. */
export function verifyPskAuth(prf: Prf, secret: Uint8Array, octets: Uint8Array, data: Uint8Array): boolean {
  const wanted = pskAuth(prf, secret, octets);
  const same = equal(wanted, data);
  wipe(wanted);
  return same;
}
