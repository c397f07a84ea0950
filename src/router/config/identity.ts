/** IKE identities (RFC 7296 §3.5) as an operator writes them; the type follows from the look of the text. */
import { formatAddress, parseAddress } from "../address.ts";

export type IdentityType = "ipv4" | "ipv6" | "email" | "fqdn" | "keyid";

/** `value`: canonical text; for keyid the bytes in hexadecimal, or the text after "keyid:" when that is not "0x…". */
export interface ConfigIdentity {
  readonly type: IdentityType;
  readonly value: string;
}

/**
 * 192.0.2.1 → ipv4, 2001:db8::1 → ipv6, a@b.example → email, keyid:anything or keyid:0x0badcafe → keyid, else fqdn.
 * Gives a sentence that says what is wrong when the text is no identity.
 */
export function parseIdentity(text: string): ConfigIdentity | string {
  if (text.startsWith("keyid:")) {
    const value = text.slice("keyid:".length);
    if (value === "") return `"keyid:" has no value; write keyid:text or keyid:0x and an even number of hex digits`;
    if (/^0x/i.test(value) && !/^0x([0-9a-f]{2}){1,512}$/i.test(value)) {
      return `"${text}" is not hexadecimal; write keyid:0x and an even number of hex digits`;
    }
    return { type: "keyid", value: /^0x/i.test(value) ? value.toLowerCase() : value };
  }
  const address = parseAddress(text);
  if (address) return { type: address.length === 4 ? "ipv4" : "ipv6", value: formatAddress(address) };
  if (/^[^@\s]+@[^@\s]+$/.test(text)) return { type: "email", value: text };
  if (/^\d+(\.\d+)+$/.test(text)) return `"${text}" looks like an IPv4 address but is none`;
  if (
    text.length <= 253 &&
    /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i.test(text)
  ) {
    return { type: "fqdn", value: text };
  }
  return `"${text}" is not an identity; write an address, a host name, name@domain, or keyid:text`;
}

/** Identification data as it goes on the wire. */
export function identityBytes(identity: ConfigIdentity): Uint8Array {
  switch (identity.type) {
    case "ipv4":
    case "ipv6":
      return parseAddress(identity.value) as Uint8Array;
    case "keyid":
      return identity.value.startsWith("0x")
        ? Uint8Array.from(Buffer.from(identity.value.slice(2), "hex"))
        : new TextEncoder().encode(identity.value);
    default:
      return new TextEncoder().encode(identity.value);
  }
}

/** How it is shown, and can be written in a configuration. */
export function formatIdentity(identity: ConfigIdentity): string {
  return identity.type === "keyid" ? `keyid:${identity.value}` : identity.value;
}
