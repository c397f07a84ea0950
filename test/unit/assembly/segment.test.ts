import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { G_OFFLOAD, OFFLOAD_GSO, SOCKET_NAT4, TUN_VNET, W_GSO_REFUSED } from "../../../assembly/layout.ts";
import { unseal } from "./oracle.ts";
import { parse } from "./packets.ts";
import { type PairOptions, pair } from "./pair.ts";
import { ACK, CWR, ECE, FIN, type Flow, PSH, packet, segments, superpacket, UDP_L4 } from "./superpacket.ts";

const FOUR = { from: "10.1.0.9", to: "10.2.0.9", sourcePort: 40000, destinationPort: 443 } as const;
const SIX = { from: "fd00:1::9", to: "fd00:2::9", sourcePort: 40000, destinationPort: 443 } as const;
const STAMPS = Buffer.from("0101080a1122334455667788", "hex");

function branch(options: PairOptions = {}) {
  const { branch: side, ...rest } = pair(options);
  side.router.setFlags(side.tun, TUN_VNET);
  const inner = (...packets: Parameters<typeof side.router.fromTun>[1][]) =>
    side.router.fromTun(side.tun, ...packets).sent.map(({ bytes }) => unseal(side.out, bytes).inner);
  return { side, inner, ...rest };
}

describe("a superpacket from the TUN", () => {
  const flows: [string, Flow][] = [
    ["TCP over IPv4", { ...FOUR, protocol: "tcp" }],
    ["TCP over IPv4 with options", { ...FOUR, protocol: "tcp", options: STAMPS, tos: 0xb9 }],
    ["TCP over IPv6", { ...SIX, protocol: "tcp", options: STAMPS }],
    ["UDP over IPv4", { ...FOUR, protocol: "udp", df: false, id: 65533 }],
    ["UDP over IPv6", { ...SIX, protocol: "udp", tos: 0x2e << 2 }],
  ];

  describe.each(flows)("%s", (_, flow) => {
    it.each([
      [1, 1400],
      [1400, 1400],
      [1401, 1400],
      [64_000, 1388],
      [5001, 999],
      [4097, 1],
    ])("of %i bytes is cut into segments of %i", (bytes, size) => {
      const { inner, side } = branch();
      const data = randomBytes(bytes);
      expect(inner(superpacket(flow, data, size))).toEqual(segments(flow, data, size));
      const count = Math.max(1, Math.ceil(bytes / size));
      expect(side.router.counters()).toEqual({ "tun-read": count, encapsulated: count, sealed: count, segmented: 1 });
    });
  });

  it("keeps FIN and PSH for its last segment and CWR for its first; ECE is in all", () => {
    const flow: Flow = { ...FOUR, protocol: "tcp", flags: ACK | PSH | FIN | CWR | ECE, tos: 2, sequence: 0xffff_fff0 };
    const { inner } = branch();
    const cut = inner(superpacket(flow, randomBytes(3000), 1000, { gso: 0x81 }));
    expect(cut.map((bytes) => bytes[33])).toEqual([ACK | CWR | ECE, ACK | ECE, ACK | ECE | PSH | FIN]);
    expect(cut.map((bytes) => bytes.readUInt32BE(24))).toEqual([0xffff_fff0, 984, 1984]);
    expect(cut.map((bytes) => parse(bytes).id)).toEqual([7, 8, 9]);
    expect(cut.map((bytes) => parse(bytes).tos)).toEqual([2, 2, 2]);
  });

  it("is cut by its own headers, whatever the virtio header says of their length", () => {
    const flow: Flow = { ...FOUR, protocol: "tcp", options: STAMPS };
    const data = randomBytes(3000);
    for (const headerLength of [0, 1, 40, 65535]) {
      expect(branch().inner(superpacket(flow, data, 1000, { headerLength }))).toEqual(segments(flow, data, 1000));
    }
  });

  it("goes on where it stopped when the send region is full", () => {
    const { inner, side } = branch();
    const flow: Flow = { ...FOUR, protocol: "tcp", flags: ACK | PSH | CWR };
    const data = randomBytes(60_000);
    side.router.room = 20_000;
    expect(inner(superpacket(flow, data, 1400), superpacket(flow, data, 700))).toEqual([
      ...segments(flow, data, 1400),
      ...segments(flow, data, 700),
    ]);
  });

  it("never sends above the limit of sequence numbers: the segments that have a number go, the rest are dropped", () => {
    const { side } = branch({ esn: false, sequence: 0xfffffffcn, limit: 0xfffffffen });
    const flow: Flow = { ...FOUR, protocol: "tcp" };
    const data = randomBytes(7000);
    const out = side.router.fromTun(side.tun, superpacket(flow, data, 1400), superpacket(flow, data, 1400));
    expect(out.sent.map((sent) => sent.bytes.readUInt32BE(4))).toEqual([0xfffffffd, 0xfffffffe]);
    expect(unseal(side.out, out.sent[1]?.bytes as Buffer).inner).toEqual(segments(flow, data, 1400)[1]);
    expect(side.router.counters()).toMatchObject({ "tun-read": 10, encapsulated: 2, sealed: 2, "sequence-limit": 8 });
  });

  it("whose segments are too long for the tunnel: may be fragmented, they are; else each is refused", () => {
    const loose = branch({ mtu: 1000 });
    const data = randomBytes(2600);
    const flow: Flow = { ...FOUR, protocol: "udp", df: false };
    const pieces = loose.inner(superpacket(flow, data, 1300)).map(parse);
    expect(pieces.map(({ id, mf }) => [id, mf])).toEqual([
      [7, true],
      [7, false],
      [8, true],
      [8, false],
    ]);
    const strict = branch({ mtu: 1000 });
    const { written, sent } = strict.side.router.fromTun(
      strict.side.tun,
      superpacket({ ...FOUR, protocol: "tcp" }, data, 1300),
    );
    expect(sent).toEqual([]);
    expect(written.map(({ bytes }) => [bytes[9], bytes[20], bytes[21], bytes.readUInt16BE(26)])).toEqual([
      [1, 3, 4, 1000],
      [1, 3, 4, 1000],
    ]);
    expect(strict.side.router.counters()).toMatchObject({ "too-big": 2, "icmp-sent": 2, "tun-read": 2 });
  });

  it("to another TUN arrives there in segments", () => {
    const { side } = branch();
    const other = side.router.tun(side.vrf);
    side.router.route(side.vrf, "10.9.0.0/16", other.adjacency);
    const flow: Flow = { ...FOUR, to: "10.9.0.1", protocol: "tcp" };
    const data = randomBytes(3000);
    const { written } = side.router.fromTun(side.tun, superpacket(flow, data, 1000));
    expect(written.map(({ tun, bytes }) => ({ tun, bytes }))).toEqual(
      segments(flow, data, 1000).map((bytes) => ({ tun: other.tun, bytes })),
    );
    expect(side.router.counters()).toMatchObject({ crossed: 3 });
  });

  it("without a route is refused once, and counted by its segments", () => {
    const { side } = branch();
    const flow: Flow = { ...FOUR, to: "10.77.0.1", protocol: "tcp" };
    const { written, sent } = side.router.fromTun(side.tun, superpacket(flow, randomBytes(3000), 1000));
    expect([written.length, sent.length]).toEqual([1, 0]);
    expect(side.router.counters()).toMatchObject({ "no-route": 3, "tun-read": 3, "icmp-sent": 1 });
  });

  it.each([
    ["no size", { size: 0 }],
    ["another protocol", { gso: UDP_L4 }],
    ["another family", { gso: 4 }],
    ["an unknown kind", { gso: 3 }],
  ])("with %s is dropped", (_, lies) => {
    const { inner, side } = branch();
    expect(inner(superpacket({ ...FOUR, protocol: "tcp" }, randomBytes(3000), 1000, lies))).toEqual([]);
    expect(side.router.counters()).toEqual({ "tun-read": 1, "ip-malformed": 1 });
  });

  it("whose bytes are anything at all does no harm", () => {
    const { side } = branch();
    const vnet = fc.record({
      flags: fc.nat(255),
      gso: fc.constantFrom(0, 1, 3, 4, 5, 0x81, 0x84, 0xff),
      size: fc.nat(65535),
      start: fc.nat(65535),
      offset: fc.nat(65535),
    });
    const good = superpacket({ ...FOUR, protocol: "tcp" }, randomBytes(500), 100)[1];
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, value]) => {
        const bent = Buffer.from(good);
        bent[at] = value;
        return bent;
      }),
    );
    fc.assert(
      fc.property(vnet, bytes, (header, packetBytes) => {
        side.router.fromTun(side.tun, [header, packetBytes]);
      }),
      { numRuns: 2000, interruptAfterTimeLimit: 5000 },
    );
    const flow: Flow = { ...FOUR, protocol: "tcp" };
    const after = side.router.fromTun(side.tun, superpacket(flow, Buffer.alloc(10), 5)).sent;
    expect(after.map((one) => unseal(side.out, one.bytes).inner)).toEqual(segments(flow, Buffer.alloc(10), 5));
  });
});

describe("a single packet whose checksum the kernel left to us", () => {
  it.each([
    ["TCP", { ...FOUR, protocol: "tcp" } as Flow],
    ["UDP", { ...SIX, protocol: "udp" } as Flow],
  ])("%s gets it", (_, flow) => {
    const { inner } = branch();
    const data = randomBytes(77);
    const [vnet, bytes] = superpacket(flow, data, 0);
    expect(inner([{ ...vnet, gso: 0 }, bytes])).toEqual([packet(flow, data, 1000, 7, ACK)]);
  });

  it("is dropped when the field lies outside", () => {
    const { inner, side } = branch();
    const [, bytes] = superpacket({ ...FOUR, protocol: "tcp" }, randomBytes(10), 0);
    expect(inner([{ flags: 1, start: 20, offset: bytes.length - 21 }, bytes])).toEqual([]);
    expect(side.router.counters()).toEqual({ "tun-read": 1, "ip-malformed": 1 });
  });
});

describe("a run of datagrams", () => {
  const flow: Flow = { ...FOUR, protocol: "udp" };

  function runs(sizes: readonly number[], tos: readonly number[] = [], options: PairOptions = {}) {
    const { side } = branch(options);
    side.router.set32(G_OFFLOAD, OFFLOAD_GSO);
    const packets = sizes.map((size, index) =>
      packet({ ...flow, tos: tos[index] ?? 0 }, randomBytes(size), 0, index, 0),
    );
    const { sent } = side.router.fromTun(side.tun, ...packets);
    expect(sent.map(({ bytes }) => unseal(side.out, bytes).inner)).toEqual(packets);
    const counts = new Map<number, number>();
    for (const { message } of sent) counts.set(message, (counts.get(message) ?? 0) + 1);
    return [...counts.values()];
  }

  it("leaves as one message: equal sizes, a shorter one last", () => {
    expect(runs([1000, 1000, 1000])).toEqual([3]);
    expect(runs([1000, 1000, 400, 1000, 1000])).toEqual([3, 2]);
    expect(runs([400, 1000, 1000])).toEqual([1, 2]);
  });

  it("has at most 64 datagrams and 65,507 bytes", () => {
    expect(runs(new Array(100).fill(100))).toEqual([64, 36]);
    expect(runs(new Array(50).fill(1400))).toEqual([44, 6]);
  });

  it("has one TOS byte", () => {
    expect(runs([500, 500, 500, 500], [0, 0, 4, 4])).toEqual([2, 2]);
    expect(runs([500, 500, 500], [0, 4, 4], { outer: 6 })).toEqual([1, 2]);
  });

  it("has one peer", () => {
    const { side } = branch();
    side.router.set32(G_OFFLOAD, OFFLOAD_GSO);
    const one = side.router.fromTun(side.tun, packet(flow, randomBytes(100), 0, 1, 0));
    side.router.set32(side.outSa + 20, side.router.path({ address: "192.0.2.99", port: 4500 }, side.end.address));
    const two = side.router.fromTun(side.tun, packet(flow, randomBytes(100), 0, 1, 0));
    expect([one, two].map(({ sent }) => [sent[0].run, sent[0].to.address])).toEqual([
      [1, "192.0.2.2"],
      [1, "192.0.2.99"],
    ]);
  });

  it("is not made for a socket that can't", () => {
    const { side } = branch();
    side.router.set32(G_OFFLOAD, OFFLOAD_GSO);
    side.router.set32(side.router.arena + W_GSO_REFUSED, 1 << SOCKET_NAT4);
    const { sent } = side.router.fromTun(side.tun, superpacket({ ...FOUR, protocol: "tcp" }, randomBytes(5000), 1000));
    expect(sent.map(({ run }) => run)).toEqual([1, 1, 1, 1, 1]);
    expect(side.router.counters()["runs-sent"]).toBeUndefined();
  });
});
