/** Identities of peers, RFC 7296 §3.5: on the wire, in a log, and whether two are the same. */
import { addressText } from "./octets.ts";
import type { Identity } from "./peer.ts";
import { ID, type IdPayload } from "./wire/index.ts";

const TYPES: Readonly<Record<Identity["type"], number>> = {
  ipv4: ID.ID_IPV4_ADDR,
  fqdn: ID.ID_FQDN,
  email: ID.ID_RFC822_ADDR,
  ipv6: ID.ID_IPV6_ADDR,
  keyid: ID.ID_KEY_ID,
};

/** The payload that says who we are, or whom we want to speak to. */
export function identityPayload(kind: "idi" | "idr", identity: Identity): IdPayload {
  return { kind, idType: TYPES[identity.type], data: identity.data };
}

/** Names compare without regard to case, as DNS does; all else byte by byte. */
function normal(type: number, data: Uint8Array): string {
  const text = Buffer.from(data).toString("latin1");
  return type === ID.ID_FQDN || type === ID.ID_RFC822_ADDR ? text.toLowerCase() : text;
}

/** The same text for identities that are the same, and for no others. */
export function identityKey(identity: { readonly idType: number; readonly data: Uint8Array }): string {
  return `${identity.idType} ${normal(identity.idType, identity.data)}`;
}

/** Does the payload name this identity? */
export function isIdentity(payload: IdPayload, identity: Identity): boolean {
  const type = TYPES[identity.type];
  return payload.idType === type && normal(type, payload.data) === normal(type, identity.data);
}

/** As an operator would write it; what cannot be shown becomes hexadecimal, and long ones are cut. */
export function identityText(identity: { readonly idType: number; readonly data: Uint8Array }): string {
  const { idType, data } = identity;
  if ((idType === ID.ID_IPV4_ADDR && data.length === 4) || (idType === ID.ID_IPV6_ADDR && data.length === 16)) {
    return addressText(data);
  }
  const shown = data.subarray(0, 64);
  const printable = shown.length > 0 && shown.every((byte) => byte > 0x20 && byte < 0x7f);
  const text = printable ? Buffer.from(shown).toString("latin1") : `0x${Buffer.from(shown).toString("hex")}`;
  return data.length > shown.length ? `${text}…` : text;
}
