/** IPv4 networks as numbers: what rules and routes compare many times over. */

/** Host bits of `base` are 0. */
export interface Prefix {
  /** 0 to 2^32 − 1. */
  readonly base: number;
  /** 0–32. */
  readonly length: number;
}

/** undefined: no address. No leading zeros, as some read them as octal. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    value = value * 256 + octet;
  }
  return value;
}

export function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** What is wrong with a text as a network, and what to write instead. */
export interface PrefixFault {
  readonly message: string;
  readonly next: string;
}

/** Text → network, or what is wrong with it. */
export function readPrefix(text: string): Prefix | PrefixFault {
  const slash = text.indexOf("/");
  const base = slash < 0 ? undefined : parseIpv4(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (base === undefined || !/^(0|[1-9]\d?)$/.test(digits)) {
    return {
      message: `"${text}" is not an IPv4 network`,
      next: "Write address/length, such as 192.168.10.0/24",
    };
  }
  const length = Number(digits);
  if (length > 32) return { message: `"${text}" has a length above 32`, next: "An IPv4 prefix has at most 32 bits" };
  if (masked(base, length) !== base) {
    return {
      message: `"${text}" has host bits set`,
      next: `Write ${formatIpv4(masked(base, length))}/${length} for the network, or ${formatIpv4(base)}/32 for the one address`,
    };
  }
  return { base, length };
}

/** The network of a text that has passed its rules; undefined: it is none. */
export function prefixOf(text: string): Prefix | undefined {
  const read = readPrefix(text);
  return "message" in read ? undefined : read;
}

/** The address with its host bits 0. */
export function masked(base: number, length: number): number {
  const size = 2 ** (32 - length);
  return base - (base % size);
}

/** Last address of the network. */
export function lastOf({ base, length }: Prefix): number {
  return base + 2 ** (32 - length) - 1;
}

/** Does `outer` hold every address of `inner`? */
export function holds(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && masked(inner.base, outer.length) === outer.base;
}

/** Two networks overlap only when one holds the other. */
export function overlap(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? holds(a, b) : holds(b, a);
}

/** Sorts by address, then shorter first: what holds stands before what is held. */
export function prefixKey({ base, length }: Prefix): number {
  return base * 64 + length;
}
