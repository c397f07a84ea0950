/** What the kernel reads and writes around a UDP message: sockaddr and control data, as Linux lays them out. */

import { address } from "./packets.ts";

export interface End {
  readonly address: string;
  readonly port: number;
}

/** An int as control data. */
export function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A control message, padded to 8. */
export function cmsg(level: number, type: number, data: Buffer): Buffer {
  const bytes = Buffer.alloc(16 + ((data.length + 7) & ~7));
  bytes.writeBigUInt64LE(BigInt(16 + data.length), 0);
  bytes.writeUInt32LE(level, 8);
  bytes.writeUInt32LE(type, 12);
  data.copy(bytes, 16);
  return bytes;
}

/** struct sockaddr_in or sockaddr_in6. */
export function sockaddr(to: End): Buffer {
  const host = address(to.address);
  const bytes = Buffer.alloc(host.length === 4 ? 16 : 28);
  bytes.writeUInt16LE(host.length === 4 ? 2 : 10, 0);
  bytes.writeUInt16BE(to.port, 2);
  host.copy(bytes, host.length === 4 ? 4 : 8);
  return bytes;
}

/** Address (IPv6: as hex digits) and port of a sockaddr; undefined: it is none. */
export function end(name: Buffer): End | undefined {
  const family = name.readUInt16LE(0);
  const port = name.readUInt16BE(2);
  if (family === 2) return { address: [...name.subarray(4, 8)].join("."), port };
  return family === 10 ? { address: name.subarray(8, 24).toString("hex"), port } : undefined;
}
