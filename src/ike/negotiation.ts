/** What both sides of an exchange that makes a Child SA have in common: nonces, key exchange, room (RFC 7296 §1.3.1). */
import { Refusal } from "./refusal.ts";
import { type KeyPair, SuiteError, sharedSecret, wipe } from "./suite/index.ts";
import { NOTIFY, notifyOf, type Payload } from "./wire/index.ts";

export interface Nonces {
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
}

/** ESP SPIs below are reserved (RFC 4303 §2.1). */
export const FIRST_SPI = 256;

/** No SPI is free. */
export function noRoom(): Refusal {
  const text = "No slot for another Child SA is free. Raise the number of SAs or delete what is not used.";
  return new Refusal(NOTIFY.NO_ADDITIONAL_SAS, "no-additional-sas", text);
}

/** g^ir of a CREATE_CHILD_SA exchange; the pair is used up. Throws Refusal when the public value is bad. */
export function secretOf(pair: KeyPair, theirs: Uint8Array): Uint8Array {
  try {
    return sharedSecret(pair, theirs);
  } catch (error) {
    if (!(error instanceof SuiteError)) throw error;
    throw new Refusal(NOTIFY.NO_PROPOSAL_CHOSEN, "invalid-ke", `${error.message}. Look into the peer's log.`);
  } finally {
    wipe(pair.secretKey);
  }
}

/** "One of several Child SAs with the same selectors, each for a resource of its own" (RFC 9611 §4, §5.1). The data is free; ours is empty. */
export function resourceInfo(): Payload {
  return notifyOf(NOTIFY.SA_RESOURCE_INFO);
}
