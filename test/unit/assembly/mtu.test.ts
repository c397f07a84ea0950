import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unseal } from "./oracle.ts";
import { address, type Ip, ip, parse, reassemble, tcp, transportChecksum } from "./packets.ts";
import { pair } from "./pair.ts";

const ends4 = { from: "10.1.0.9", to: "10.2.0.9" };
const ends6 = { from: "fd00:1::9", to: "fd00:2::9" };
const payload = (bytes: number) => Buffer.from(Array.from({ length: bytes }, (_, index) => (index * 7) & 0xff));

describe("a packet larger than the tunnel", () => {
  it.each([1380, 1381, 1382, 1383, 1384, 1400])("of exactly the MTU passes, a byte more does not (%i)", (mtu) => {
    for (const ends of [ends4, ends6]) {
      const { branch } = pair({ mtu });
      const header = ends === ends4 ? 20 : 40;
      const fits = ip({ ...ends, df: true, payload: payload(mtu - header) });
      const large = ip({ ...ends, df: true, payload: payload(mtu - header + 1) });
      expect(branch.router.fromTun(branch.tun, fits, large).sent).toHaveLength(1);
      expect(branch.router.counters()).toMatchObject({ encapsulated: 1, "too-big": 1, "icmp-sent": 1 });
    }
  });

  it("is cut when it is IPv4 without DF, and the far end gets the same bytes", () => {
    const { branch, gateway, carry } = pair({ mtu: 1400 });
    const packet = ip({ ...ends4, id: 0xbeef, tos: 0x28, payload: payload(4000) });
    const out = branch.router.fromTun(branch.tun, packet);
    const inner = out.sent.map((sent) => unseal(branch.out, sent.bytes).inner);
    expect(inner.map((piece) => piece.length)).toEqual([1396, 1396, 1268]);
    expect(inner.map((piece) => parse(piece).id)).toEqual([0xbeef, 0xbeef, 0xbeef]);
    expect(out.sent.map((sent) => sent.tos)).toEqual([0x28, 0x28, 0x28]);
    const { written } = carry(gateway, out);
    expect(reassemble(written.map((write) => write.bytes)).equals(payload(4000))).toBe(true);
    expect(branch.router.counters()).toEqual({ "tun-read": 1, encapsulated: 1, fragmented: 1, sealed: 3 });
  });

  it.each([
    [1396, 2 * 1376],
    [1396, 2 * 1376 + 1],
    [1400, 1376 + 1380],
    [1400, 1376 + 1381],
  ])("is cut into no more pieces than it must (MTU %i, %i bytes)", (mtu, bytes) => {
    const { branch } = pair({ mtu });
    const { sent } = branch.router.fromTun(branch.tun, ip({ ...ends4, payload: payload(bytes) }));
    const inner = sent.map((message) => unseal(branch.out, message.bytes).inner);
    expect(inner.length).toBe(bytes === 2 * 1376 || bytes === 1376 + 1380 ? 2 : 3);
    expect(reassemble(inner).equals(payload(bytes))).toBe(true);
  });

  it("is cut again when it is a fragment: offsets count on, the last piece keeps 'more fragments'", () => {
    const { branch } = pair({ mtu: 1000 });
    const whole = payload(5000);
    const pieces = [
      ip({ ...ends4, id: 7, mf: true, payload: whole.subarray(0, 2400) }),
      ip({ ...ends4, id: 7, mf: true, offset: 2400, payload: whole.subarray(2400, 4800) }),
      ip({ ...ends4, id: 7, offset: 4800, payload: whole.subarray(4800) }),
    ];
    const { sent } = branch.router.fromTun(branch.tun, ...pieces);
    const inner = sent.map(({ bytes }) => unseal(branch.out, bytes).inner);
    expect(inner.length).toBe(7);
    expect(inner.every((piece) => piece.length <= 1000)).toBe(true);
    expect(reassemble(inner).equals(whole)).toBe(true);
  });

  it("is not forwarded as a fragment that ends beyond the largest packet", () => {
    const { branch } = pair({ mtu: 1000 });
    const last = (bytes: number) => ip({ ...ends4, offset: 65528, payload: payload(bytes) });
    branch.router.fromTun(branch.tun, last(7), last(8), last(3000), ip({ ...ends4, offset: 8, mf: true }));
    expect(branch.router.counters()).toEqual({ "tun-read": 4, encapsulated: 1, sealed: 1, "ip-malformed": 3 });
  });

  it("keeps only the options with the copied flag in later fragments", () => {
    // Record route (7, not copied), NOP, stream id (136, copied), loose source route (131, copied), NOP, end.
    const options = Buffer.from([7, 7, 4, 0, 0, 0, 0, 1, 136, 4, 0xab, 0xcd, 131, 7, 4, 1, 2, 3, 4, 1]);
    const { branch } = pair({ mtu: 600 });
    const packet = ip({ ...ends4, options, payload: payload(1500) });
    const inner = branch.router.fromTun(branch.tun, packet).sent.map(({ bytes }) => unseal(branch.out, bytes).inner);
    expect(reassemble(inner).equals(payload(1500))).toBe(true);
    const headers = inner.map((piece) => parse(piece).header.subarray(20));
    expect([...(headers[0] as Buffer)]).toEqual([...options]);
    for (const header of headers.slice(1)) expect([...header]).toEqual([136, 4, 0xab, 0xcd, 131, 7, 4, 1, 2, 3, 4, 0]);
  });

  it("survives options that lie about their length", () => {
    for (const options of [
      [136, 0, 1, 1],
      [136, 40, 1, 1],
      [1, 1, 1, 136],
    ]) {
      const { branch } = pair({ mtu: 600 });
      const packet = ip({ ...ends4, options: Buffer.from(options), payload: payload(1500) });
      const inner = branch.router.fromTun(branch.tun, packet).sent.map(({ bytes }) => unseal(branch.out, bytes).inner);
      expect(reassemble(inner).equals(payload(1500))).toBe(true);
      for (const piece of inner.slice(1)) expect(parse(piece).header.length).toBe(20);
    }
  });

  it("reassembles for any size, MTU and options", () => {
    const shape = fc.record({
      size: fc.integer({ min: 0, max: 20_000 }),
      mtu: fc.integer({ min: 100, max: 3000 }),
      options: fc.integer({ min: 0, max: 10 }),
    });
    const { branch, gateway, carry } = pair();
    fc.assert(
      fc.property(shape, ({ size, mtu, options }) => {
        for (const side of [branch, gateway]) side.router.set32(side.router.adjacencyAt(side.tunnel) + 8, mtu);
        const fields: Ip = { ...ends4, options: Buffer.alloc(options * 4, 1), payload: payload(size) };
        const { written } = carry(gateway, branch.router.fromTun(branch.tun, ip(fields)));
        expect(written.every(({ bytes }) => bytes.length <= Math.max(mtu, 576))).toBe(true);
        expect(reassemble(written.map(({ bytes }) => bytes)).equals(payload(size))).toBe(true);
      }),
      { numRuns: 150, interruptAfterTimeLimit: 5000 },
    );
  });

  it("of the largest size there is, at the smallest MTU", () => {
    const { branch, gateway, carry } = pair({ mtu: 1 });
    const packet = ip({ ...ends4, payload: payload(65515) });
    const out = branch.router.fromTun(branch.tun, packet);
    expect(out.sent).toHaveLength(Math.ceil(65515 / 552));
    const { written } = carry(gateway, out);
    expect(reassemble(written.map((write) => write.bytes)).equals(payload(65515))).toBe(true);
  });

  it("never makes IPv6 packets up to 1280 bytes too big", () => {
    const { branch } = pair({ mtu: 1000 });
    const fits = ip({ ...ends6, payload: payload(1240) });
    const large = ip({ ...ends6, payload: payload(1241) });
    const { sent, written } = branch.router.fromTun(branch.tun, fits, large);
    expect(sent).toHaveLength(1);
    const error = parse(written[0]?.bytes as Buffer);
    expect([error.payload[0], error.payload[1], error.payload.readUInt32BE(4)]).toEqual([2, 0, 1280]);
  });
});

describe("the maximum segment size of TCP", () => {
  const syn = 0x02;
  const mss = (value: number) => [2, 4, value >> 8, value & 0xff];
  const found = (packet: Buffer, options: number) => parse(packet).payload.readUInt16BE(20 + options + 2);

  for (const [ends, headers] of [
    [ends4, 40],
    [ends6, 60],
  ] as const) {
    const version = headers === 40 ? "IPv4" : "IPv6";
    const carryOne = (p: ReturnType<typeof pair>, options: number[], flags = syn): Buffer => {
      const packet = ip({ ...ends, protocol: 6, payload: tcp(ends, flags, Buffer.from(options)) });
      const bytes = p.carry(p.gateway, p.branch.router.fromTun(p.branch.tun, packet)).written[0]?.bytes as Buffer;
      const { payload: segment } = parse(bytes);
      expect(transportChecksum(address(ends.from), address(ends.to), 6, segment)).toBe(0);
      return bytes;
    };

    it(`is lowered in SYN and SYN-ACK, checksum right, ${version}`, () => {
      const p = pair({ mtu: 1400 });
      expect(found(carryOne(p, mss(1460)), 0)).toBe(1400 - headers);
      expect(found(carryOne(p, mss(1460), 0x12), 0)).toBe(1400 - headers);
      expect(p.branch.router.counters()).toMatchObject({ "mss-clamped": 2 });
    });

    it(`is found behind other options, at odd offsets too, ${version}`, () => {
      const p = pair({ mtu: 1400 });
      expect(found(carryOne(p, [1, 1, 1, ...mss(9000), 1]), 3)).toBe(1400 - headers);
      expect(found(carryOne(p, [3, 3, 7, ...mss(1461), 0]), 3)).toBe(1400 - headers);
      expect(found(carryOne(p, [1, 3, 3, 7, ...mss(65535)]), 4)).toBe(1400 - headers);
    });

    it(`is left alone when it is small enough, absent, broken, or not in a SYN, ${version}`, () => {
      const p = pair({ mtu: 1400 });
      expect(found(carryOne(p, mss(1400 - headers)), 0)).toBe(1400 - headers);
      expect(found(carryOne(p, mss(536)), 0)).toBe(536);
      expect(found(carryOne(p, mss(1460), 0x10), 0)).toBe(1460);
      carryOne(p, []);
      carryOne(p, [0, 0, 2, 4]);
      expect(found(carryOne(p, [9, 0, 2, 4, 0xff, 0xff, 1, 1]), 2)).toBe(0xffff);
      expect(found(carryOne(p, [2, 6, 0xff, 0xff, 0, 0, 1, 1]), 0)).toBe(0xffff);
      expect(found(carryOne(p, [2, 3, 0xff, 1]), 0)).toBe(0xff01);
      carryOne(p, [1, 1, 1, 2]);
      carryOne(p, [1, 2, 4, 0xff]);
      expect(p.branch.router.counters()["mss-clamped"]).toBeUndefined();
    });

    it(`is lowered on the road in to the MTU of the tunnel it came through, ${version}`, () => {
      const p = pair();
      p.gateway.router.set32(p.gateway.router.adjacencyAt(p.gateway.tunnel) + 8, 1390);
      expect(found(carryOne(p, mss(1460)), 0)).toBe(1390 - headers);
      expect(p.gateway.router.counters()).toMatchObject({ "mss-clamped": 1 });
      expect(p.branch.router.counters()["mss-clamped"]).toBeUndefined();
    });
  }

  it("is left alone in later fragments", () => {
    const { branch, gateway, carry } = pair({ mtu: 1400 });
    const segment = tcp(ends4, syn, Buffer.from(mss(9000)));
    const packet = ip({ ...ends4, protocol: 6, offset: 8, payload: segment });
    expect(carry(gateway, branch.router.fromTun(branch.tun, packet)).written[0]?.bytes).toEqual(packet);
  });
});
