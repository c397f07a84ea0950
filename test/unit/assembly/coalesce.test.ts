import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { G_OFFLOAD, OFFLOAD_GSO, TUN_COALESCE_TCP, TUN_COALESCE_UDP, TUN_VNET } from "../../../assembly/layout.ts";
import { seal } from "./oracle.ts";
import { fragmentHeader, ip, parse, udp } from "./packets.ts";
import { pair } from "./pair.ts";
import {
  ACK,
  CWR,
  dissect,
  ECE,
  FIN,
  type Flow,
  kernelCuts,
  PSH,
  packet,
  SYN,
  segments,
  superpacket,
} from "./superpacket.ts";

const FOUR = { from: "10.1.0.9", to: "10.2.0.9", sourcePort: 40000, destinationPort: 443 } as const;
const SIX = { from: "fd00:1::9", to: "fd00:2::9", sourcePort: 40000, destinationPort: 443 } as const;
const TCP: Flow = { ...FOUR, protocol: "tcp", options: Buffer.from("0101080a1122334455667788", "hex") };
const UDP: Flow = { ...FOUR, protocol: "udp" };

/** A gateway whose TUN takes superpackets; `arrive` gives it inner packets through the tunnel in one batch. */
function gateway(flags = TUN_VNET | TUN_COALESCE_TCP | TUN_COALESCE_UDP) {
  const two = pair();
  const { branch, gateway: side, socket } = two;
  side.router.setFlags(side.tun, flags);
  let sequence = 0n;
  const arrive = (...packets: Uint8Array[]) =>
    side.router.receive(socket, ...packets.map((bytes) => ({ bytes: seal(branch.out, ++sequence, bytes) }))).written;
  /** How many packets each write holds; what the kernel cuts them into must be what arrived. */
  const groups = (...packets: Buffer[]) => {
    const written = arrive(...packets);
    expect(written.flatMap(kernelCuts)).toEqual(packets);
    return written.map((one) => kernelCuts(one).length);
  };
  return { ...two, side, arrive, groups };
}

/** `count` packets of a flow that follow each other. */
function train(flow: Flow, count: number, size = 1000): Buffer[] {
  return segments(flow, randomBytes(count * size), size);
}

describe("packets that follow each other in a flow", () => {
  it.each([
    ["TCP over IPv4", TCP],
    ["TCP over IPv4 without options", { ...TCP, options: new Uint8Array() }],
    ["TCP over IPv6", { ...TCP, ...SIX, tos: 0xb8 }],
    ["TCP without DF, ids that wrap", { ...TCP, df: false, id: 65534 }],
    ["TCP whose sequence numbers wrap", { ...TCP, sequence: 0xffff_ff00 }],
    ["UDP over IPv4", UDP],
    ["UDP over IPv6", { ...UDP, ...SIX }],
  ] as [string, Flow][])("are written as one: %s", (_, flow) => {
    const { groups, side } = gateway();
    expect(groups(...train(flow, 10))).toEqual([10]);
    expect(side.router.counters()).toEqual({ "udp-read": 10, delivered: 10, coalesced: 1 });
    expect(groups(...segments(flow, randomBytes(3500), 1000))).toEqual([4]);
    expect(groups(...train(flow, 3, 999))).toEqual([3]);
    expect(groups(...train(flow, 1))).toEqual([1]);
  });

  it("are at most 64, and 65,535 bytes", () => {
    const { groups } = gateway();
    expect(groups(...train(TCP, 100, 200))).toEqual([64, 36]);
    expect(groups(...train(UDP, 60, 1400))).toEqual([46, 14]);
  });

  it("end with a shorter one, with PSH, before a longer one", () => {
    const { groups } = gateway();
    const next = (sequence: number, size: number, id: number, flags = ACK) =>
      packet(TCP, randomBytes(size), sequence, id, flags);
    expect(groups(next(0, 900, 1), next(900, 500, 2), next(1400, 900, 3), next(2300, 900, 4))).toEqual([2, 2]);
    expect(groups(next(0, 900, 1), next(900, 900, 2, ACK | PSH), next(1800, 900, 3), next(2700, 9, 4))).toEqual([2, 2]);
    expect(groups(next(0, 900, 1), next(900, 901, 2), next(1801, 901, 3))).toEqual([1, 2]);
    expect(groups(next(0, 900, 1, ACK | PSH), next(900, 900, 2), next(1800, 900, 3))).toEqual([1, 2]);
  });

  const odd: [string, Partial<Flow> & { at?: number; id?: number; size?: number }][] = [
    ["a gap", { at: 2001 }],
    ["a retransmission", { at: 0 }],
    ["FIN", { flags: ACK | FIN }],
    ["SYN", { flags: ACK | SYN }],
    ["ECE", { flags: ACK | ECE }],
    ["CWR", { flags: ACK | CWR }],
    ["no ACK", { flags: 0 }],
    ["another acknowledgment", { acknowledgment: 1 }],
    ["another window", { window: 501 }],
    ["another time stamp", { options: Buffer.from("0101080a1122334455667789", "hex") }],
    ["fewer options", { options: new Uint8Array() }],
    ["another TOS byte (CE)", { tos: 3 }],
    ["another TTL", { ttl: 63 }],
    ["DF", { df: true, id: 9 }],
    ["another identification", { id: 8 }],
    ["no data", { size: 0 }],
  ];
  it.each(odd)("are not put together over %s", (_, { at = 2000, id = 9, size = 1000, ...change }) => {
    const { groups } = gateway();
    const base: Flow = { ...TCP, df: false };
    const [one, two] = [0, 1].map((index) => packet(base, randomBytes(1000), index * 1000, 7 + index, ACK)) as [
      Buffer,
      Buffer,
    ];
    const flow = { ...base, ...change };
    const strange = packet(flow, randomBytes(size), at, id, change.flags ?? ACK);
    const after = packet(base, randomBytes(1000), 3000, 10, ACK);
    const got = groups(one, two, strange, after);
    expect(got[0]).toBe(2);
    expect(got.length).toBeGreaterThanOrEqual(2);
    expect(got.slice(1).reduce((all, count) => all + count, 0)).toBe(2);
  });

  it("keep the order when a pure acknowledgment comes between", () => {
    const { groups } = gateway();
    const data = train(TCP, 4);
    const ack = packet(TCP, new Uint8Array(), 3000, 99, ACK);
    expect(groups(data[0]!, data[1]!, ack, data[2]!, data[3]!)).toEqual([2, 1, 2]);
  });

  it("of several flows at once go each to its own", () => {
    const { arrive } = gateway();
    const flows = [TCP, { ...TCP, sourcePort: 40001 }, { ...TCP, ...SIX }, UDP, { ...UDP, to: "10.2.0.10" }];
    const trains = flows.map((flow) => train(flow, 8));
    const mixed = Array.from({ length: 8 }, (_, index) => trains.map((one) => one[index]!)).flat();
    const written = arrive(...mixed);
    expect(written.map((one) => kernelCuts(one))).toEqual(trains);
  });

  it("of more flows than the table holds are all there, in order", () => {
    const { arrive } = gateway();
    const flows = Array.from({ length: 40 }, (_, index) => ({ ...TCP, sourcePort: 1000 + index }));
    const trains = flows.map((flow) => train(flow, 3, 300));
    const mixed = Array.from({ length: 3 }, (_, index) => trains.map((one) => one[index]!)).flat();
    const out = arrive(...mixed).flatMap(kernelCuts);
    for (const [index, flow] of flows.entries()) {
      const own = out.filter((bytes) => parse(bytes).payload.readUInt16BE(0) === flow.sourcePort);
      expect(own).toEqual(trains[index]);
    }
    expect(out).toHaveLength(120);
  });

  it("are left alone where a checksum is wrong, and stay wrong", () => {
    const { groups } = gateway();
    for (const flow of [TCP, UDP]) {
      for (const bad of [0, 1, 3]) {
        const data = train(flow, 5);
        data[bad]![data[bad]!.length - 1]! ^= 1;
        expect(groups(...data)).not.toEqual([5]);
      }
    }
  });

  it("are left alone as UDP without a checksum", () => {
    const { groups } = gateway();
    const data = [0, 1, 2].map((id) => ip({ from: FOUR.from, to: FOUR.to, id, payload: udp(1, 2, randomBytes(100)) }));
    expect(groups(...data)).toEqual([1, 1, 1]);
  });

  it("are not overtaken by or overtake a fragment", () => {
    const { groups } = gateway();
    const data = train(UDP, 4);
    const fragment = ip({ from: FOUR.from, to: FOUR.to, offset: 1480, payload: randomBytes(100) });
    const six = ip({ from: SIX.from, to: SIX.to, extensions: [fragmentHeader(0, true)], payload: randomBytes(64) });
    expect(groups(data[0]!, data[1]!, fragment, data[2]!, six, data[3]!)).toEqual([2, 1, 1, 1, 1]);
  });

  it("are written one by one to a device that does not take them together", () => {
    expect(gateway(TUN_VNET).groups(...train(TCP, 3))).toEqual([1, 1, 1]);
    expect(gateway(0).groups(...train(TCP, 3))).toEqual([1, 1, 1]);
    const tcpOnly = gateway(TUN_VNET | TUN_COALESCE_TCP);
    expect(tcpOnly.groups(...train(TCP, 3))).toEqual([3]);
    expect(tcpOnly.groups(...train(UDP, 3))).toEqual([1, 1, 1]);
  });
});

/** The packet without its identification where that means nothing: with DF, RFC 6864 §4.1. */
function anonymous(bytes: Buffer): Buffer {
  if (!parse(bytes).df) return bytes;
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(0, 4);
  copy.writeUInt16BE(0, 10);
  return copy;
}

describe("a superpacket, through the tunnel", () => {
  it("comes out as it went in", () => {
    const { branch, side, socket } = gateway();
    branch.router.setFlags(branch.tun, TUN_VNET);
    branch.router.set32(G_OFFLOAD, OFFLOAD_GSO);
    const flow: Flow = { ...TCP, flags: ACK | PSH };
    const [vnet, bytes] = superpacket(flow, randomBytes(60_000), 1388);
    const { sent } = branch.router.fromTun(branch.tun, [vnet, bytes]);
    expect(new Set(sent.map(({ message }) => message)).size).toBe(1);
    const all = Buffer.concat(sent.map((one) => one.bytes));
    const { written } = side.router.receive(socket, { bytes: all, segment: sent[0]!.bytes.length });
    expect(written).toEqual([{ tun: side.tun, bytes, vnet: { ...vnet, headerLength: 52 } }]);
  });

  it("loses no byte of any flow, and keeps each in order, however packets come", () => {
    const piece = fc.record({
      flow: fc.nat(5),
      size: fc.oneof(fc.constant(700), fc.integer({ min: 0, max: 1200 })),
      flags: fc.oneof({ weight: 8, arbitrary: fc.constant(ACK) }, fc.constantFrom(ACK | PSH, ACK | FIN, ACK | ECE)),
      tos: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.constantFrom(2, 3)),
      together: fc.integer({ min: 1, max: 20 }),
    });
    const { branch, side, socket } = gateway();
    branch.router.setFlags(branch.tun, TUN_VNET);
    branch.router.set32(G_OFFLOAD, OFFLOAD_GSO);
    const flows = [TCP, { ...TCP, sourcePort: 5 }, { ...TCP, ...SIX }, UDP, { ...UDP, ...SIX }, { ...UDP, df: false }];
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 8000, max: 100_000 }),
        (pieces, room) => {
          const sequences = flows.map(() => 0xffff_f000);
          const wanted = new Map<string, Buffer[]>();
          const packets = pieces.map(({ flow: index, size, flags, tos, together }) => {
            const flow = { ...flows[index]!, flags, tos, sequence: sequences[index]! };
            const data = randomBytes(size * together);
            sequences[index] = (sequences[index]! + data.length) >>> 0;
            const [vnet, bytes] = superpacket(flow, data, Math.max(size, 1));
            for (const cut of segments(flow, data, Math.max(size, 1))) {
              const { key } = dissect(cut);
              wanted.set(key, [...(wanted.get(key) ?? []), anonymous(cut)]);
            }
            return [together > 1 ? vnet : { ...vnet, gso: 0 }, bytes] as const;
          });
          branch.router.room = room;
          const { sent } = branch.router.fromTun(branch.tun, ...packets);
          const { written } = side.router.receive(socket, ...sent.map(({ bytes, tos }) => ({ bytes, tos })));
          const got = new Map<string, Buffer[]>();
          for (const bytes of written.flatMap(kernelCuts)) {
            const { key } = dissect(bytes);
            got.set(key, [...(got.get(key) ?? []), anonymous(bytes)]);
          }
          expect(got).toEqual(wanted);
        },
      ),
      { numRuns: 60, interruptAfterTimeLimit: 12_000 },
    );
  });
});
