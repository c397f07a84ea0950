import { describe, expect, it } from "vitest";
import { ADJ_BLACKHOLE, ADJ_PROHIBIT, VRF_ADDR4, VRF_STRIDE, VRFS } from "../../../assembly/layout.ts";
import { address, extension, fragmentHeader, internetChecksum, ip, parse, transportChecksum, udp } from "./packets.ts";
import { pair } from "./pair.ts";

const data = Buffer.alloc(1452, 0x5a);

interface Error4or6 {
  readonly type: number;
  readonly code: number;
  readonly word: number;
  readonly quoted: Buffer;
  readonly length: number;
}

/** Reads an ICMP or ICMPv6 error, addressed as it must be, and insists on its checksum. */
function readError(bytes: Buffer, from: string, to: string): Error4or6 {
  const packet = parse(bytes);
  const { payload } = packet;
  expect(packet.from.equals(address(from))).toBe(true);
  expect(packet.to.equals(address(to))).toBe(true);
  expect(packet.protocol).toBe(packet.family === 4 ? 1 : 58);
  expect(packet.tos).toBe(0xc0);
  expect(packet.ttl).toBe(64);
  const sum = packet.family === 4 ? internetChecksum(payload) : transportChecksum(packet.from, packet.to, 58, payload);
  expect(sum).toBe(0);
  return {
    type: payload[0] as number,
    code: payload[1] as number,
    word: payload.readUInt32BE(4),
    quoted: payload.subarray(8),
    length: bytes.length,
  };
}

describe("ICMP errors about packets from the TUN", () => {
  it.each([
    ["no route, IPv4", "10.1.0.9", "203.0.113.9", "10.255.0.1", [3, 0, 0], 576],
    ["no route, IPv6", "fd00:1::9", "2001:db8:9::9", "fd00:ff::1", [1, 0, 0], 1280],
    ["prohibited, IPv4", "10.1.0.9", "10.66.0.9", "10.255.0.1", [3, 13, 0], 576],
    ["prohibited, IPv6", "fd00:1::9", "fd00:66::9", "fd00:ff::1", [1, 1, 0], 1280],
    ["too big, IPv4", "10.1.0.9", "10.2.0.9", "10.255.0.1", [3, 4, 1400], 576],
    ["too big, IPv6", "fd00:1::9", "fd00:2::9", "fd00:ff::1", [2, 0, 1400], 1280],
  ] as const)("%s", (_, from, to, own, [type, code, word], length) => {
    const { branch } = pair({ mtu: 1400 });
    const prohibit = branch.router.adjacency(ADJ_PROHIBIT);
    branch.router.route(branch.vrf, "10.66.0.0/16", prohibit);
    branch.router.route(branch.vrf, "fd00:66::/32", prohibit);
    const packet = ip({ from, to, df: true, payload: udp(1, 2, data) });
    const { written, sent } = branch.router.fromTun(branch.tun, packet);
    expect(sent).toEqual([]);
    expect(written).toHaveLength(1);
    expect(written[0]?.tun).toBe(branch.tun);
    const error = readError(written[0]?.bytes as Buffer, own, from);
    expect([error.type, error.code, error.word]).toEqual([type, code, word]);
    expect(error.length).toBe(length);
    expect(error.quoted.equals(packet.subarray(0, error.quoted.length))).toBe(true);
    expect(branch.router.counters()).toMatchObject({ "icmp-sent": 1, "tun-read": 1 });
  });

  it("name an MTU only where it was the MTU", () => {
    const { branch } = pair({ mtu: 1400 });
    const ends = [
      ["10.1.0.9", "10.2.0.9", "203.0.113.9", "10.255.0.1"],
      ["fd00:1::9", "fd00:2::9", "2001:db8::9", "fd00:ff::1"],
    ] as const;
    for (const [from, large, lost, own] of ends) {
      const packets = [large, lost].map((to) => ip({ from, to, df: true, payload: udp(1, 2, data) }));
      const { written } = branch.router.fromTun(branch.tun, ...packets);
      expect(written.map(({ bytes }) => readError(bytes, own, from).word)).toEqual([1400, 0]);
    }
  });

  it("quotes small packets whole, also with an odd length", () => {
    const { branch } = pair();
    for (const size of [0, 1, 2, 3]) {
      for (const [from, to, own] of [
        ["10.1.0.9", "203.0.113.9", "10.255.0.1"],
        ["fd00:1::9", "2001:db8::9", "fd00:ff::1"],
      ] as const) {
        const packet = ip({ from, to, payload: udp(1, 2, data.subarray(0, size)) });
        const { written } = branch.router.fromTun(branch.tun, packet);
        expect(readError(written[0]?.bytes as Buffer, own, from).quoted.equals(packet)).toBe(true);
      }
    }
  });

  it("go into the tunnel when the sender is behind it", () => {
    const { branch, gateway, carry } = pair();
    const packet = ip({ from: "10.2.0.9", to: "203.0.113.9", payload: udp(1, 2, data.subarray(0, 33)) });
    gateway.router.route(gateway.vrf, "203.0.113.0/24", gateway.tunnel);
    const { sent, written } = carry(branch, gateway.router.fromTun(gateway.tun, packet));
    expect(written).toEqual([]);
    const back = carry(gateway, { sent, written: [], flushes: 0 });
    expect(readError(back.written[0]?.bytes as Buffer, "10.255.0.1", "10.2.0.9").quoted.equals(packet)).toBe(true);
  });

  it("come from no one when the VRF has no address", () => {
    const { branch } = pair();
    branch.router.bytes.fill(
      0,
      VRFS + branch.vrf * VRF_STRIDE + VRF_ADDR4,
      VRFS + branch.vrf * VRF_STRIDE + VRF_STRIDE,
    );
    for (const [from, to] of [
      ["10.1.0.9", "203.0.113.9"],
      ["fd00:1::9", "2001:db8::9"],
    ] as const) {
      expect(branch.router.fromTun(branch.tun, ip({ from, to })).written).toEqual([]);
    }
    expect(branch.router.counters()).toEqual({ "tun-read": 2, "no-route": 2, "icmp-unsent": 2 });
  });

  it("are not sent where the operator asked for silence", () => {
    const { branch } = pair();
    branch.router.route(branch.vrf, "10.66.0.0/16", branch.router.adjacency(ADJ_BLACKHOLE));
    expect(branch.router.fromTun(branch.tun, ip({ from: "10.1.0.9", to: "10.66.0.9" })).written).toEqual([]);
    expect(branch.router.counters()).toEqual({ "tun-read": 1, blackhole: 1 });
  });

  it("keep to their rate, and recover", () => {
    const { branch } = pair({ icmpRate: 10 });
    const packets = Array.from({ length: 50 }, () => ip({ from: "10.1.0.9", to: "203.0.113.9" }));
    branch.router.at(2_000_000);
    expect(branch.router.fromTun(branch.tun, ...packets).written).toHaveLength(10);
    branch.router.at(2_000_350);
    expect(branch.router.fromTun(branch.tun, ...packets).written).toHaveLength(3);
    branch.router.at(2_010_000);
    expect(branch.router.fromTun(branch.tun, ...packets).written).toHaveLength(10);
    expect(branch.router.counters()).toMatchObject({ "no-route": 150, "icmp-sent": 23, "icmp-limited": 127 });
  });
});

/** RFC 1812 §4.3.2.7, RFC 4443 §2.4 (e). */
describe("no ICMP error is sent", () => {
  const icmp = (type: number) => Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]);
  const to4 = "203.0.113.9";
  const to6 = "2001:db8::9";

  it.each<[string, Buffer]>([
    ...[3, 4, 5, 11, 12].map(
      (type) =>
        [
          `about an ICMP error, type ${type}`,
          ip({ from: "10.1.0.9", to: to4, protocol: 1, payload: icmp(type) }),
        ] satisfies [string, Buffer],
    ),
    ...[1, 2, 3, 4, 100, 127, 137].map(
      (type) =>
        [
          `about an ICMPv6 error, type ${type}`,
          ip({ from: "fd00:1::9", to: to6, protocol: 58, payload: icmp(type) }),
        ] satisfies [string, Buffer],
    ),
    ["about an ICMP packet without a type", ip({ from: "10.1.0.9", to: to4, protocol: 1 })],
    ["about a later fragment", ip({ from: "10.1.0.9", to: to4, offset: 800, payload: data })],
    [
      "about a later fragment, IPv6",
      ip({ from: "fd00:1::9", to: to6, extensions: [fragmentHeader(800, true)], payload: data }),
    ],
    [
      "about an ICMPv6 error behind extension headers",
      ip({
        from: "fd00:1::9",
        to: to6,
        protocol: 58,
        extensions: [extension(60, 16), extension(0, 8)],
        payload: icmp(1),
      }),
    ],
  ])("%s", (_, packet) => {
    const { branch } = pair();
    expect(branch.router.fromTun(branch.tun, packet).written).toEqual([]);
    expect(branch.router.counters()).toEqual({ "tun-read": 1, "no-route": 1 });
  });

  it.each([
    ["224.0.0.5", "10.1.0.9"],
    ["255.255.255.255", "10.1.0.9"],
    ["127.0.0.1", "10.1.0.9"],
    ["0.0.0.0", "10.1.0.9"],
    ["169.254.1.1", "10.1.0.9"],
    [to4, "0.0.0.0"],
    [to4, "224.1.1.1"],
    [to4, "127.0.0.1"],
    ["ff02::1", "fd00:1::9"],
    ["fe80::1", "fd00:1::9"],
    ["::1", "fd00:1::9"],
    [to6, "fe80::9"],
    [to6, "ff02::9"],
    [to6, "::"],
  ])("to %s from %s, nor is it forwarded", (to, from) => {
    const { branch } = pair();
    branch.router.route(branch.vrf, to.includes(":") ? "::/0" : "0.0.0.0/0", branch.tunnel);
    expect(branch.router.fromTun(branch.tun, ip({ from, to }))).toMatchObject({ written: [], sent: [] });
    expect(branch.router.counters()).toEqual({ "tun-read": 1, "not-routable": 1 });
  });

  it("but it is about a ping", () => {
    const { branch } = pair();
    const pings = [
      ip({ from: "10.1.0.9", to: to4, protocol: 1, payload: icmp(8) }),
      ip({ from: "fd00:1::9", to: to6, protocol: 58, payload: icmp(128) }),
    ];
    expect(branch.router.fromTun(branch.tun, ...pings).written).toHaveLength(2);
  });
});
