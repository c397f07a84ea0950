/** What a capture shows of the datagrams that datagrams.ts sends, and what is wrong with it. */
import type { CapturedPacket } from "../../src/lab/pcap.ts";
import type { Flow } from "./datagrams.ts";

export interface Seen {
  readonly version: 4 | 6;
  readonly flow: number;
  readonly number: number;
  /** Bytes of the payload. */
  readonly size: number;
  readonly tos: number;
  readonly ttl: number;
  /** IPv4 identification and DF; IPv6: 0, true. */
  readonly id: number;
  readonly df: boolean;
  /** Of the IPv4 header and of UDP. */
  readonly checksums: boolean;
}

/** UDP datagrams of datagrams.ts, by IP header. */
export function seen(packets: readonly CapturedPacket[]): Seen[] {
  return packets.map(({ etherType, data }) => {
    const version = etherType === 0x86dd ? 6 : 4;
    const header = version === 4 ? (data[0]! & 15) * 4 : 40;
    const end = version === 4 ? data.readUInt16BE(2) : 40 + data.readUInt16BE(4);
    const udp = data.subarray(header, end);
    const addresses = version === 4 ? data.subarray(12, 20) : data.subarray(8, 40);
    const pseudo = Buffer.concat([addresses, Buffer.from([0, 17, udp.length >> 8, udp.length & 255])]);
    const whole = udp.readUInt16BE(4) === udp.length && udp.readUInt16BE(6) !== 0 && sum(pseudo, udp) === 0xffff;
    return {
      version,
      flow: udp.readUInt32BE(8),
      number: udp.readUInt32BE(12) & 0x7fffffff,
      size: udp.length - 8,
      tos: version === 4 ? data[1]! : (data.readUInt16BE(0) >> 4) & 255,
      ttl: version === 4 ? data[8]! : data[7]!,
      id: version === 4 ? data.readUInt16BE(4) : 0,
      df: version === 6 || (data[6]! & 0x40) !== 0,
      checksums: whole && (version === 6 || sum(data.subarray(0, header)) === 0xffff),
    };
  });
}

/** The ones' complement sum (RFC 1071) over pieces, each but the last of an even length. */
function sum(...pieces: readonly Uint8Array[]): number {
  let total = 0;
  for (const piece of pieces) {
    for (let i = 0; i < piece.length; i += 2) total += (piece[i]! << 8) | (piece[i + 1] ?? 0);
  }
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

/** Each kind of fault once, with the datagram that showed it first. `hops`: routers on the way. */
export function oddities(packets: readonly Seen[], flows: readonly Flow[], hops: number): string[] {
  const found = new Map<string, string>();
  const next = flows.map(() => 0);
  const firstId = new Map<number, number>();
  for (const packet of packets) {
    const flow = flows[packet.flow]!;
    const { sizes, tos = 0, ttl = 64, df = true } = flow;
    const odd = (what: string, is: unknown, wanted: unknown) => {
      if (is === wanted || found.has(`${packet.flow} ${what}`)) return;
      found.set(`${packet.flow} ${what}`, `flow ${packet.flow} number ${packet.number}: ${what} ${is}, not ${wanted}`);
    };
    odd("number", packet.number, next[packet.flow]!);
    next[packet.flow] = packet.number + 1;
    odd("size", packet.size, sizes[packet.number % sizes.length]);
    odd("tos", packet.tos, tos);
    odd("ttl", packet.ttl, ttl - hops);
    odd("checksums", packet.checksums, true);
    if (packet.version === 6) continue;
    odd("df", packet.df, df);
    // A connected socket numbers its packets one by one.
    const first = firstId.get(packet.flow) ?? packet.id - packet.number;
    firstId.set(packet.flow, first);
    if (df) odd("id", packet.id, (first + packet.number) & 0xffff);
  }
  return [...found.values()];
}
