/**
 * IP addresses and prefixes as text and as bytes. Text is canonical: IPv4 dotted quad, IPv6 per RFC 5952. Bytes are in
 * network order, 4 or 16 of them.
 */
import { isIPv4, isIPv6 } from "node:net";
import { addressText as formatAddress } from "../ike/octets.ts";

/** Canonical text of 4 or 16 bytes. */
export { formatAddress };

/** `address` 4 or 16 bytes, network order, host bits 0. `length` 0–32 or 0–128. */
export interface AddressPrefix {
  readonly address: Uint8Array;
  readonly length: number;
}

/** Bytes of an address; undefined when the text is not one. IPv6 zones ("%eth0") are not addresses here. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const words = new Uint16Array(8);
  const [head, tail] = text.split("::") as [string, string | undefined];
  const front = wordsOf(head);
  words.set(front, 0);
  if (tail !== undefined) {
    const back = wordsOf(tail);
    words.set(back, 8 - back.length);
  }
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 8; i++) {
    bytes[2 * i] = words[i] >>> 8;
    bytes[2 * i + 1] = words[i] & 0xff;
  }
  return bytes;
}

/** Canonical text of an address that is known to be one. */
export function canonicalAddress(text: string): string {
  return formatAddress(known(parseAddress(text), text));
}

/** A prefix in CIDR notation. Gives a sentence that says what is wrong, and what to write instead, when it is none. */
export function parsePrefix(text: string): AddressPrefix | string {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (!match) {
    const alone = parseAddress(text);
    return alone
      ? `"${text}" has no prefix length; write ${text}/${alone.length * 8} for the one address`
      : `"${text}" is not a prefix; write address/length, such as 10.1.0.0/24 or "fd00:1::/64"`;
  }
  const address = parseAddress(match[1]);
  if (!address) return `"${match[1]}" is not an IPv4 or IPv6 address`;
  const length = Number(match[2]);
  if (length > address.length * 8) {
    return `/${length} is too long: an IPv${address.length === 4 ? 4 : 6} prefix has at most ${address.length * 8} bits`;
  }
  const masked = maskAddress(address, length);
  if (!equalBytes(masked, address)) {
    return `"${text}" has host bits set; write ${formatAddress(masked)}/${length} for the network, or ${match[1]}/${address.length * 8} for the one address`;
  }
  return { address, length };
}

/** The prefix of text that is known to be one. */
export function prefixOf(text: string): AddressPrefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}

export function formatPrefix(prefix: AddressPrefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`;
}

/** The prefix that holds one address only. */
export function hostPrefix(address: string): string {
  const bytes = known(parseAddress(address), address);
  return `${formatAddress(bytes)}/${bytes.length * 8}`;
}

/** 4 or 6. */
export function familyOf(text: string): 4 | 6 {
  return text.includes(":") ? 6 : 4;
}

/** Unspecified, multicast, or the limited broadcast address. */
export function isNotAHost(address: string): boolean {
  if (familyOf(address) === 6) return address === "::" || /^ff/i.test(address);
  const first = Number(address.split(".")[0]);
  return first === 0 || first >= 224;
}

/** Does `outer` hold every address of `inner`? False across families. */
export function contains(outer: AddressPrefix, inner: AddressPrefix): boolean {
  if (outer.address.length !== inner.address.length || outer.length > inner.length) return false;
  const whole = outer.length >>> 3;
  for (let i = 0; i < whole; i++) if (outer.address[i] !== inner.address[i]) return false;
  const rest = outer.length & 7;
  return rest === 0 || (outer.address[whole] ^ inner.address[whole]) >>> (8 - rest) === 0;
}

/** First and last address of a prefix. */
export function rangeOf(prefix: AddressPrefix): { readonly low: Uint8Array; readonly high: Uint8Array } {
  const high = prefix.address.slice();
  for (let bit = prefix.length; bit < high.length * 8; bit++) high[bit >>> 3] |= 0x80 >>> (bit & 7);
  return { low: prefix.address.slice(), high };
}

/** The CIDR text of a range that is exactly one prefix, else "low-high". */
export function formatRange(low: Uint8Array, high: Uint8Array): string {
  let length = 0;
  const bits = low.length * 8;
  while (length < bits && bit(low, length) === bit(high, length)) length++;
  for (let i = length; i < bits; i++) {
    if (bit(low, i) !== 0 || bit(high, i) !== 1) return `${formatAddress(low)}-${formatAddress(high)}`;
  }
  return `${formatAddress(low)}/${length}`;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function maskAddress(address: Uint8Array, length: number): Uint8Array {
  return address.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))) & 0xff);
}

function bit(bytes: Uint8Array, index: number): number {
  return (bytes[index >>> 3] >>> (7 - (index & 7))) & 1;
}

function wordsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((part) => {
    if (!part.includes(".")) return [Number.parseInt(part, 16)];
    const quad = part.split(".").map(Number);
    return [(quad[0] << 8) | quad[1], (quad[2] << 8) | quad[3]];
  });
}

function known(bytes: Uint8Array | undefined, text: string): Uint8Array {
  if (!bytes) throw new Error(`"${text}" is not an IP address`);
  return bytes;
}
