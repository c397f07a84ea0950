/** Capture files as tcpdump writes them (the classic format, draft-ietf-opsawg-pcap) and what crosses the internet in them. */

/** LINKTYPE numbers of the draft's registry. */
const ETHERNET = 1;
const LINUX_SLL = 113;
const LINUX_SLL2 = 276;

export class PcapError extends Error {}

export interface CapturedPacket {
  /** EtherType; 0x0800 IPv4, 0x86dd IPv6, 0x0806 ARP. */
  readonly etherType: number;
  /** The network-layer packet. */
  readonly data: Buffer;
}

/** Reads a capture. A last record that was cut short (tcpdump was ended) is left out; other damage throws `PcapError`. */
export function parsePcap(file: Buffer): CapturedPacket[] {
  if (file.length === 0) return [];
  if (file.length < 24) throw new PcapError("a capture has at least a header of 24 bytes");
  const magic = file.readUInt32LE(0);
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  if (!little && magic !== 0xd4c3b2a1 && magic !== 0x4d3cb2a1) throw new PcapError("this is not a pcap file");
  const word = (at: number) => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const linkType = word(20) & 0x0fffffff;
  const packets: CapturedPacket[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const length = word(at + 8);
    const begin = at + 16;
    if (begin + length > file.length) break;
    const frame = file.subarray(begin, begin + length);
    const packet = unframe(linkType, frame);
    if (packet) packets.push(packet);
    at = begin + length;
  }
  return packets;
}

function unframe(linkType: number, frame: Buffer): CapturedPacket | undefined {
  if (linkType === ETHERNET) {
    return frame.length < 14 ? undefined : { etherType: frame.readUInt16BE(12), data: frame.subarray(14) };
  }
  if (linkType === LINUX_SLL) {
    return frame.length < 16 ? undefined : { etherType: frame.readUInt16BE(14), data: frame.subarray(16) };
  }
  if (linkType === LINUX_SLL2) {
    return frame.length < 20 ? undefined : { etherType: frame.readUInt16BE(0), data: frame.subarray(20) };
  }
  throw new PcapError(`link type ${linkType} is not known here`);
}

/** What a packet on the internet side is. `undefined`: one that belongs there; else a name for one that does not. */
export function intruder({ etherType, data }: CapturedPacket): string | undefined {
  if (etherType === 0x0806) return undefined;
  if (etherType === 0x0800) return intruder4(data);
  if (etherType === 0x86dd) return intruder6(data);
  return `EtherType 0x${etherType.toString(16)}`;
}

function udpName(data: Buffer, at: number, who: string): string | undefined {
  if (data.length < at + 4) return `${who}, cut short`;
  const ports = [data.readUInt16BE(at), data.readUInt16BE(at + 2)];
  // Behind a NAT the port of one side is random, so one well-known port is enough.
  return ports.includes(500) || ports.includes(4500) ? undefined : `UDP ${ports.join(" → ")}, ${who}`;
}

function intruder4(data: Buffer): string | undefined {
  if (data.length < 20) return "IPv4, cut short";
  const who = `${data.subarray(12, 16).join(".")} → ${data.subarray(16, 20).join(".")}`;
  const protocol = data[9]!;
  if ((data.readUInt16BE(6) & 0x1fff) !== 0) return `IPv4 fragment of protocol ${protocol}, ${who}`;
  const at = (data[0]! & 15) * 4;
  if (protocol === 17) return udpName(data, at, who);
  if (protocol === 1 && quotesTunnel(data, at)) return undefined;
  return `IPv4 protocol ${protocol}, ${who}`;
}

/** "Port unreachable" (type 3, code 3) for a tunnel's packet: the host of a router that has not opened its ports yet says so. */
function quotesTunnel(data: Buffer, at: number): boolean {
  if (data.length < at + 28 || data.readUInt16BE(at) !== 0x0303) return false;
  const quoted = data.subarray(at + 8);
  return quoted[9] === 17 && udpName(quoted, (quoted[0]! & 15) * 4, "") === undefined;
}

/** ICMPv6 of the link itself: MLD (RFC 2710, RFC 3810), neighbour discovery (RFC 4861). */
const LINK_ICMPV6 = new Set([130, 131, 132, 133, 134, 135, 136, 137, 143]);

function intruder6(data: Buffer): string | undefined {
  if (data.length < 40) return "IPv6, cut short";
  const address = (at: number) =>
    Array.from({ length: 8 }, (_, index) => data.readUInt16BE(at + index * 2).toString(16)).join(":");
  const who = `${address(8)} → ${address(24)}`;
  let next = data[6]!;
  let at = 40;
  // MLD comes behind a hop-by-hop header with the router alert option.
  if (next === 0 && data.length >= at + 8) {
    next = data[at]!;
    at += (data[at + 1]! + 1) * 8;
  }
  if (next === 17) return udpName(data, at, who);
  if (next === 58 && data.length > at) {
    const type = data[at]!;
    return LINK_ICMPV6.has(type) ? undefined : `ICMPv6 type ${type}, ${who}`;
  }
  return `IPv6 next header ${next}, ${who}`;
}
