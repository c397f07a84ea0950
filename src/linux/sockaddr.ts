/** struct sockaddr_in and sockaddr_in6 (ip(7), ipv6(7)), and IP addresses as people write them. */

export const AF_INET = 2;
export const AF_INET6 = 10;
/** Bytes of struct sockaddr_in, sockaddr_in6. */
export const SOCKADDR4 = 16;
export const SOCKADDR6 = 28;

export interface SocketName {
  /** 4 or 16 bytes, network order. */
  readonly address: Uint8Array;
  readonly port: number;
  /** Interface index that a link-local IPv6 address belongs to; 0 or absent: none. */
  readonly scope?: number;
}

/** Writes the socket address at `offset`; its length, 16 or 28. */
export function writeSocketName(view: DataView, offset: number, name: SocketName): number {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, SOCKADDR6);
  if (name.address.length === 4) {
    bytes.fill(0, 0, SOCKADDR4);
    view.setUint16(offset, AF_INET, true);
    view.setUint16(offset + 2, name.port);
    bytes.set(name.address, 4);
    return SOCKADDR4;
  }
  bytes.fill(0);
  view.setUint16(offset, AF_INET6, true);
  view.setUint16(offset + 2, name.port);
  bytes.set(name.address, 8);
  view.setUint32(offset + 24, name.scope ?? 0, true);
  return SOCKADDR6;
}

/** Reads the socket address at `offset`; undefined when it is neither IPv4 nor IPv6. The address is a copy. */
export function readSocketName(view: DataView, offset: number): SocketName | undefined {
  const family = view.getUint16(offset, true);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const from = view.byteOffset + offset + (family === AF_INET ? 4 : 8);
  const address = new Uint8Array(family === AF_INET ? 4 : 16);
  address.set(new Uint8Array(view.buffer, from, address.length));
  const scope = family === AF_INET6 ? view.getUint32(offset + 24, true) : 0;
  return { address, port: view.getUint16(offset + 2), scope };
}

/** "192.0.2.1" or RFC 5952 form, "2001:db8::1". */
export function formatAddress(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((address[2 * i] << 8) | address[2 * i + 1]).toString(16));
  // The longest run of at least two zero groups becomes "::" (RFC 5952 §4.2), the first of equals.
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === "0") end++;
    if (end - i > length) [start, length] = [i, end - i];
    if (end > i) i = end;
  }
  if (start < 0) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}

/** "192.0.2.1:500", "[2001:db8::1]:500". */
export function formatSocketName(name: SocketName): string {
  const address = formatAddress(name.address);
  return name.address.length === 4 ? `${address}:${name.port}` : `[${address}]:${name.port}`;
}
