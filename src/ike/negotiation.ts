/** What both sides of an exchange that makes an SA have in common: nonces, key exchange, room (RFC 7296 §1.2, §1.3). */
import { Refusal } from "./refusal.ts";
import { type Group, groupOf, type KeyPair, SuiteError, sharedSecret, wipe } from "./suite/index.ts";
import { NOTIFY, notifyOf, type Payload } from "./wire/index.ts";

export interface Nonces {
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
}

/** Bytes of our nonces; at least half of the longest PRF's key (RFC 7296 §2.10). */
export const NONCE_LENGTH = 32;
/** Of a proposal in IKE_SA_INIT: the SPIs of the IKE SA are those of the header (RFC 7296 §3.3.1). */
export const NO_SPI = new Uint8Array(0);

/** ESP SPIs below are reserved (RFC 4303 §2.1). */
export const FIRST_SPI = 256;

/** No SPI is free. */
export function noRoom(): Refusal {
  const text = "No slot for another Child SA is free. Raise the number of SAs or delete what is not used.";
  return new Refusal(NOTIFY.NO_ADDITIONAL_SAS, "no-additional-sas", text);
}

/** The number of a group as INVALID_KE_PAYLOAD carries it. */
export function groupData(group: Group): Uint8Array {
  return Uint8Array.of(group.id >>> 8, group.id);
}

/** The group that an INVALID_KE_PAYLOAD asks for, if it is one of ours. */
export function wantedGroup(data: Uint8Array): Group | undefined {
  return data.length === 2 ? groupOf((data[0] << 8) | data[1]) : undefined;
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
