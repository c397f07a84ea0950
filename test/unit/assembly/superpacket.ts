/**
 * Superpackets as a kernel makes them, and the segments that they stand for, cut by an oracle of this file's own: field by field,
 * from RFC 9293, RFC 768, RFC 791 and RFC 8200, with nothing of the fast path in it.
 */

import type { Vnet } from "./harness.ts";
import { address, internetChecksum, ip, parse, transportChecksum } from "./packets.ts";

export const TCP4 = 1;
export const TCP6 = 4;
export const UDP_L4 = 5;

export const FIN = 0x01;
export const SYN = 0x02;
export const PSH = 0x08;
export const ACK = 0x10;
export const ECE = 0x40;
export const CWR = 0x80;

export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: "tcp" | "udp";
  readonly tos?: number;
  readonly ttl?: number;
  readonly df?: boolean;
  readonly id?: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly window?: number;
  readonly flags?: number;
  /** TCP options, a multiple of 4 bytes. */
  readonly options?: Uint8Array;
}

function transport(flow: Flow, data: Uint8Array, sequence: number, flags: number): Buffer {
  const options = flow.options ?? new Uint8Array();
  const header = Buffer.alloc(flow.protocol === "tcp" ? 20 + options.length : 8);
  header.writeUInt16BE(flow.sourcePort, 0);
  header.writeUInt16BE(flow.destinationPort, 2);
  if (flow.protocol === "udp") {
    header.writeUInt16BE(8 + data.length, 4);
  } else {
    header.writeUInt32BE(sequence >>> 0, 4);
    header.writeUInt32BE(flow.acknowledgment ?? 0x0a0b0c0d, 8);
    header[12] = (header.length / 4) << 4;
    header[13] = flags;
    header.writeUInt16BE(flow.window ?? 500, 14);
    header.set(options, 20);
  }
  return Buffer.concat([header, data]);
}

const field = (flow: Flow): number => (flow.protocol === "tcp" ? 16 : 6);
const number = (flow: Flow): number => (flow.protocol === "tcp" ? 6 : 17);

function wrap(flow: Flow, payload: Buffer, id: number): Buffer {
  return ip({
    from: flow.from,
    to: flow.to,
    protocol: number(flow),
    payload,
    tos: flow.tos ?? 0,
    ttl: flow.ttl ?? 64,
    df: flow.df ?? true,
    id: id & 0xffff,
  });
}

/** One packet of the flow with a right checksum. */
export function packet(flow: Flow, data: Uint8Array, sequence: number, id: number, flags: number): Buffer {
  const payload = transport(flow, data, sequence, flags);
  const sum = transportChecksum(address(flow.from), address(flow.to), number(flow), payload);
  payload.writeUInt16BE(flow.protocol === "udp" && sum === 0 ? 0xffff : sum, field(flow));
  return wrap(flow, payload, id);
}

/** The superpacket, with the virtio header that a kernel would put in front. Its checksum field: the pseudo-header's sum. */
export function superpacket(flow: Flow, data: Uint8Array, size: number, lies: Vnet = {}): [Vnet, Buffer] {
  const payload = transport(flow, data, flow.sequence ?? 1000, flow.flags ?? ACK);
  const [from, to] = [address(flow.from), address(flow.to)];
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(number(flow), 0);
  tail.writeUInt16BE(payload.length, 2);
  payload.writeUInt16BE(~internetChecksum(from, to, tail) & 0xffff, field(flow));
  const bytes = wrap(flow, payload, flow.id ?? 7);
  const four = from.length === 4;
  const gso = flow.protocol === "udp" ? UDP_L4 : four ? TCP4 : TCP6;
  const start = four ? 20 : 40;
  return [{ flags: 1, gso, headerLength: start + 20, size, start, offset: field(flow), ...lies }, bytes];
}

/** What a router must send in its place. */
export function segments(flow: Flow, data: Uint8Array, size: number): Buffer[] {
  const count = Math.max(1, Math.ceil(data.length / size));
  const flags = flow.flags ?? ACK;
  return Array.from({ length: count }, (_, index) => {
    let own = flags;
    if (index < count - 1) own &= ~(FIN | PSH);
    if (index > 0) own &= ~CWR;
    const part = data.subarray(index * size, (index + 1) * size);
    return packet(flow, part, (flow.sequence ?? 1000) + index * size, (flow.id ?? 7) + index, own);
  });
}

/** Ports, sequence number, flags and data of a packet; it throws when a length or checksum in it is wrong. */
export function dissect(bytes: Buffer): {
  key: string;
  sequence: number;
  flags: number;
  data: Buffer;
  tos: number;
} {
  const { from, to, protocol, payload, tos } = parse(bytes);
  if (transportChecksum(from, to, protocol, payload) !== 0) throw new Error("transport checksum is wrong");
  const tcp = protocol === 6;
  if (!tcp && payload.readUInt16BE(4) !== payload.length) throw new Error("UDP length is wrong");
  return {
    key: `${protocol} ${from.toString("hex")} ${to.toString("hex")} ${payload.readUInt32BE(0)}`,
    sequence: tcp ? payload.readUInt32BE(4) : 0,
    flags: tcp ? payload[13] : 0,
    data: payload.subarray(tcp ? (payload[12] >> 4) * 4 : 8),
    tos,
  };
}

/** What a kernel makes of a packet written to a TUN: itself, or the segments of a superpacket. Refuses what a kernel would. */
export function kernelCuts({ bytes, vnet }: { bytes: Buffer; vnet?: Required<Vnet> }): Buffer[] {
  if (vnet === undefined || vnet.gso === 0) return [bytes];
  const { family, from, to, protocol, payload, tos, ttl, df, id } = parse(bytes);
  const tcp = protocol === 6;
  const header = tcp ? (payload[12] >> 4) * 4 : 8;
  const start = bytes.length - payload.length;
  if (vnet.gso !== (tcp ? (family === 4 ? TCP4 : TCP6) : UDP_L4)) throw new Error("GSO type is wrong");
  if (vnet.flags !== 1 || vnet.start !== start || vnet.offset !== (tcp ? 16 : 6)) throw new Error("no checksum asked");
  if (vnet.headerLength !== start + header) throw new Error("header length is wrong");
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(protocol, 0);
  tail.writeUInt16BE(payload.length, 2);
  const partial = ~internetChecksum(from, to, tail) & 0xffff;
  const stored = payload.readUInt16BE(vnet.offset);
  if (stored % 0xffff !== partial % 0xffff) throw new Error("partial checksum is wrong");
  if (!tcp && payload.readUInt16BE(4) !== payload.length) throw new Error("UDP length is wrong");
  const data = payload.subarray(header);
  if (data.length <= vnet.size || Math.ceil(data.length / vnet.size) > 64)
    throw new Error("no superpacket that GRO makes");
  const text = (host: Buffer) =>
    family === 4 ? [...host].join(".") : (host.toString("hex").match(/.{4}/g) as string[]).join(":");
  const flow: Flow = {
    from: text(from),
    to: text(to),
    sourcePort: payload.readUInt16BE(0),
    destinationPort: payload.readUInt16BE(2),
    protocol: tcp ? "tcp" : "udp",
    tos,
    ttl,
    df,
    id,
    ...(tcp
      ? {
          sequence: payload.readUInt32BE(4),
          acknowledgment: payload.readUInt32BE(8),
          window: payload.readUInt16BE(14),
          flags: payload[13],
          options: payload.subarray(20, header),
        }
      : {}),
  };
  return segments(flow, data, vnet.size);
}
