/** What the sender of an IKE_SA_INIT message says it can do. */
import { hashesOf, NOTIFY, type Payload, payloadsOf } from "./wire/index.ts";

/** Says the message that its sender takes fragments (RFC 7383 §2.3)? */
export function takesFragments(payloads: readonly Payload[]): boolean {
  return payloadsOf(payloads, "notify").some(({ notify }) => notify === NOTIFY.IKEV2_FRAGMENTATION_SUPPORTED);
}

/** The hash algorithms that its sender verifies with (RFC 7427 §4). Throws WireError. */
export function hashesIn(payloads: readonly Payload[]): ReadonlySet<number> | undefined {
  const said = payloadsOf(payloads, "notify").filter(({ notify }) => notify === NOTIFY.SIGNATURE_HASH_ALGORITHMS);
  return said.length === 0 ? undefined : new Set(said.flatMap(hashesOf));
}
