/** Packets for the tests of the fast path: built, and taken apart, by code that shares nothing with it. */

import { isIPv4 } from "node:net";

/** "10.0.0.1" or "fd00::1" as 4 or 16 bytes. */
export function address(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split(".").map(Number));
  const [head = "", tail] = text.split("::");
  const words = (part: string | undefined) => (part ? part.split(":").map((word) => Number.parseInt(word, 16)) : []);
  const first = words(head);
  const last = words(tail);
  const all = [...first, ...new Array(8 - first.length - last.length).fill(0), ...last];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}

/** RFC 1071, word by word as it is written there. */
export function internetChecksum(...parts: Uint8Array[]): number {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536);
  return ~sum & 0xffff;
}

export interface Ip {
  readonly from: string;
  readonly to: string;
  readonly protocol?: number;
  readonly payload?: Uint8Array;
  readonly tos?: number;
  readonly ttl?: number;
  /** IPv4. */
  readonly id?: number;
  readonly df?: boolean;
  readonly mf?: boolean;
  /** Bytes, a multiple of 8. */
  readonly offset?: number;
  readonly options?: Uint8Array;
  /** IPv6: extension headers, each with its type and its bytes (the first of which is filled in here). */
  readonly extensions?: readonly (readonly [number, Uint8Array])[];
}

/** An IPv4 or IPv6 packet, by the family of its addresses. */
export function ip(fields: Ip): Buffer {
  return isIPv4(fields.from) ? ipv4(fields) : ipv6(fields);
}

function ipv4(fields: Ip): Buffer {
  const options = fields.options ?? new Uint8Array();
  const payload = fields.payload ?? new Uint8Array();
  const header = Buffer.alloc(20 + options.length);
  header[0] = 0x40 | (header.length / 4);
  header[1] = fields.tos ?? 0;
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(fields.id ?? 0x1234, 4);
  header.writeUInt16BE((fields.df ? 0x4000 : 0) | (fields.mf ? 0x2000 : 0) | ((fields.offset ?? 0) / 8), 6);
  header[8] = fields.ttl ?? 64;
  header[9] = fields.protocol ?? 17;
  address(fields.from).copy(header, 12);
  address(fields.to).copy(header, 16);
  header.set(options, 20);
  header.writeUInt16BE(internetChecksum(header), 10);
  return Buffer.concat([header, payload]);
}

function ipv6(fields: Ip): Buffer {
  const payload = fields.payload ?? new Uint8Array();
  const extensions = fields.extensions ?? [];
  const types = [...extensions.map(([type]) => type), fields.protocol ?? 17];
  const chain = extensions.map(([, bytes], index) => Buffer.from([types[index + 1] as number, ...bytes.subarray(1)]));
  const header = Buffer.alloc(40);
  header.writeUInt32BE((0x60000000 | ((fields.tos ?? 0) << 20)) >>> 0, 0);
  header.writeUInt16BE(Buffer.concat(chain).length + payload.length, 4);
  header[6] = types[0] as number;
  header[7] = fields.ttl ?? 64;
  address(fields.from).copy(header, 8);
  address(fields.to).copy(header, 24);
  return Buffer.concat([header, ...chain, payload]);
}

/** An IPv6 fragment header (for Ip.extensions). */
export function fragmentHeader(offset: number, more: boolean, id = 0x01020304): readonly [number, Uint8Array] {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(offset | (more ? 1 : 0), 2);
  header.writeUInt32BE(id, 4);
  return [44, header];
}

/** An IPv6 extension header of `bytes` bytes, a multiple of 8 (for Ip.extensions). */
export function extension(type: number, bytes: number): readonly [number, Uint8Array] {
  const header = Buffer.alloc(bytes);
  header[1] = bytes / 8 - 1;
  return [type, header];
}

export function udp(from: number, to: number, data: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt16BE(8 + data.length, 4);
  return Buffer.concat([header, data]);
}

/** A TCP segment with a right checksum for these addresses. */
export function tcp(ends: { from: string; to: string }, flags: number, options: Uint8Array, data = ""): Buffer {
  const header = Buffer.alloc(20 + options.length);
  header.writeUInt16BE(40000, 0);
  header.writeUInt16BE(443, 2);
  header.writeUInt32BE(0x11223344, 4);
  header[12] = (header.length / 4) << 4;
  header[13] = flags;
  header.writeUInt16BE(65535, 14);
  header.set(options, 20);
  const segment = Buffer.concat([header, Buffer.from(data)]);
  segment.writeUInt16BE(transportChecksum(address(ends.from), address(ends.to), 6, segment), 16);
  return segment;
}

/** Checksum over pseudo-header and transport bytes; 0 when the checksum field in them is right. RFC 9293 §3.1, RFC 8200 §8.1. */
export function transportChecksum(from: Uint8Array, to: Uint8Array, protocol: number, bytes: Uint8Array): number {
  const tail = from.length === 4 ? Buffer.alloc(4) : Buffer.alloc(8);
  tail.writeUInt16BE(bytes.length, 2);
  tail[from.length === 4 ? 1 : 7] = protocol;
  return internetChecksum(from, to, tail, bytes);
}

export interface Parsed {
  readonly family: 4 | 6;
  readonly from: Buffer;
  readonly to: Buffer;
  readonly protocol: number;
  readonly tos: number;
  readonly ttl: number;
  readonly header: Buffer;
  readonly payload: Buffer;
  readonly df: boolean;
  readonly mf: boolean;
  readonly offset: number;
  readonly id: number;
}

/** Takes a packet apart (IPv6 without extension headers) and insists that lengths and IPv4 checksum are right. */
export function parse(bytes: Buffer): Parsed {
  const family = (bytes[0] >> 4) as 4 | 6;
  if (family === 4) {
    const headerLength = (bytes[0] & 15) * 4;
    const header = bytes.subarray(0, headerLength);
    if (internetChecksum(header) !== 0) throw new Error("IPv4 header checksum is wrong");
    if (bytes.readUInt16BE(2) !== bytes.length) throw new Error("IPv4 total length is wrong");
    const fragment = bytes.readUInt16BE(6);
    return {
      family,
      from: bytes.subarray(12, 16),
      to: bytes.subarray(16, 20),
      protocol: bytes[9],
      tos: bytes[1],
      ttl: bytes[8],
      header,
      payload: bytes.subarray(headerLength),
      df: (fragment & 0x4000) !== 0,
      mf: (fragment & 0x2000) !== 0,
      offset: (fragment & 0x1fff) * 8,
      id: bytes.readUInt16BE(4),
    };
  }
  if (family !== 6 || bytes.readUInt16BE(4) !== bytes.length - 40) throw new Error("not an IPv6 packet of this length");
  return {
    family,
    from: bytes.subarray(8, 24),
    to: bytes.subarray(24, 40),
    protocol: bytes[6],
    tos: (bytes.readUInt16BE(0) >> 4) & 0xff,
    ttl: bytes[7],
    header: bytes.subarray(0, 40),
    payload: bytes.subarray(40),
    df: false,
    mf: false,
    offset: 0,
    id: 0,
  };
}

/** Puts IPv4 fragments together again, RFC 791 §3.2, and insists that they fit without a gap. */
export function reassemble(fragments: readonly Buffer[]): Buffer {
  const parts = fragments.map(parse).sort((a, b) => a.offset - b.offset);
  let end = parts[0]?.offset ?? 0;
  for (const [index, part] of parts.entries()) {
    if (part.offset !== end) throw new Error(`a gap at ${end}: next fragment begins at ${part.offset}`);
    end += part.payload.length;
    if (part.mf !== index < parts.length - 1) throw new Error("'more fragments' is wrong");
  }
  return Buffer.concat(parts.map((part) => part.payload));
}

/** So many bytes that say of themselves that they are so many, as an IKE header does (RFC 7296 §3.1). */
export function ikeMessage(bytes: number, fill = 0x33): Buffer {
  const message = Buffer.alloc(bytes, fill);
  message.writeUInt32BE(bytes, 24);
  return message;
}

/** As it comes on port 4500, after the marker that tells it from ESP (RFC 3948 §2.2). */
export const marked = (message: Buffer): Buffer => Buffer.concat([Buffer.alloc(4), message]);
