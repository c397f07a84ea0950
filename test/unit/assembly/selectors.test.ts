import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seal } from "./oracle.ts";
import { extension, fragmentHeader, ip, tcp, udp } from "./packets.ts";
import { pair } from "./pair.ts";
import type { SelectorText } from "./tables.ts";

const ANY4: SelectorText = { low: "0.0.0.0", high: "255.255.255.255" };
const ANY6: SelectorText = { low: "::", high: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };
const ends4 = { from: "10.1.0.9", to: "10.2.0.9" };
const ends6 = { from: "fd00:1::9", to: "fd00:2::9" };
const OPAQUE = [65535, 0] as const;

/** Is this packet taken, on the way out and on the way in, by these selectors as seen from the branch? */
function taken(packet: Buffer, local: SelectorText[], remote: SelectorText[]): boolean {
  const { branch, gateway, socket } = pair();
  branch.router.children(branch.tunnel, { selectors: branch.router.selectors(local, remote), sa: branch.outSa });
  const out = branch.router.fromTun(branch.tun, packet).sent.length === 1;
  expect(branch.router.counters()["selectors-out"]).toBe(out ? undefined : 1);
  // The gateway sees them the other way round.
  gateway.router.set32(gateway.inSa + 72, gateway.router.selectors(remote, local));
  const into = gateway.router.receive(socket, { bytes: seal(branch.out, 1n, packet) }).written.length === 1;
  expect(gateway.router.counters()["selectors-in"]).toBe(into ? undefined : 1);
  expect(into).toBe(out);
  return out;
}

describe("selectors", () => {
  const dns = ip({ ...ends4, payload: udp(5353, 53, Buffer.alloc(4)) });
  const dns6 = ip({ ...ends6, payload: udp(5353, 53, Buffer.alloc(4)) });

  it.each([
    ["any", dns, [ANY4], [ANY4], true],
    ["any of the other family", dns, [ANY6], [ANY6], false],
    ["both families", dns6, [ANY4, ANY6], [ANY4, ANY6], true],
    ["one side only of the family", dns6, [ANY4, ANY6], [ANY4], false],
    ["no entries", dns, [], [ANY4], false],
    ["ranges", dns, [{ low: "10.1.0.0", high: "10.1.0.255" }], [{ low: "10.2.0.9", high: "10.2.0.9" }], true],
    ["just above a range", dns, [{ low: "10.1.0.0", high: "10.1.0.8" }], [ANY4], false],
    ["just below a range", dns, [ANY4], [{ low: "10.2.0.10", high: "10.2.255.255" }], false],
    [
      "ranges, IPv6",
      dns6,
      [{ low: "fd00:1::", high: "fd00:1::ffff" }],
      [{ low: "fd00:2::9", high: "fd00:2::9" }],
      true,
    ],
    ["just above a range, IPv6", dns6, [{ low: "fd00:1::", high: "fd00:1::8" }], [ANY6], false],
    ["just below a range, IPv6", dns6, [ANY6], [{ low: "fd00:2::a", high: "fd00:3::" }], false],
    ["decided by the upper half, IPv6", dns6, [{ low: "fd00:0:1::ffff", high: "fd00:2::" }], [ANY6], true],
    ["its protocol", dns, [{ ...ANY4, protocol: 17 }], [ANY4], true],
    ["another protocol", dns, [{ ...ANY4, protocol: 6 }], [ANY4], false],
    ["its port", dns, [ANY4], [{ ...ANY4, protocol: 17, ports: [53, 53] }], true],
    ["a range of ports", dns, [{ ...ANY4, protocol: 17, ports: [5353, 6000] }], [ANY4], true],
    ["the wrong port", dns, [ANY4], [{ ...ANY4, protocol: 17, ports: [54, 65535] }], false],
    ["the right port at the wrong end", dns, [{ ...ANY4, protocol: 17, ports: [53, 53] }], [ANY4], false],
    ["OPAQUE", dns, [ANY4], [{ ...ANY4, ports: OPAQUE }], false],
  ] as [string, Buffer, SelectorText[], SelectorText[], boolean][])("%s", (_, packet, local, remote, expected) => {
    expect(taken(packet, local, remote)).toBe(expected);
  });

  it.each([
    ["ICMP", ip({ ...ends4, protocol: 1, payload: Buffer.from([8, 0, 0, 0, 0, 0, 0, 0]) }), ANY4, 1, 0x0800],
    ["ICMPv6", ip({ ...ends6, protocol: 58, payload: Buffer.from([1, 4, 0, 0, 0, 0, 0, 0]) }), ANY6, 58, 0x0104],
    ["mobility", ip({ ...ends6, protocol: 135, payload: Buffer.from([59, 0, 5, 0, 0, 0, 0, 0]) }), ANY6, 135, 0x0500],
    ["TCP", ip({ ...ends4, protocol: 6, payload: tcp(ends4, 0x10, Buffer.alloc(0)) }), ANY4, 6, 443],
    ["SCTP", ip({ ...ends4, protocol: 132, payload: Buffer.from([0, 1, 0x0b, 0xb8, 0, 0]) }), ANY4, 132, 3000],
    [
      "behind extension headers",
      ip({
        ...ends6,
        extensions: [extension(0, 8), extension(43, 24), extension(60, 16)],
        payload: udp(1, 53, Buffer.alloc(0)),
      }),
      ANY6,
      17,
      53,
    ],
    [
      "in a first fragment",
      ip({ ...ends6, extensions: [fragmentHeader(0, true)], payload: udp(1, 53, Buffer.alloc(0)) }),
      ANY6,
      17,
      53,
    ],
    ["in an IPv4 first fragment", ip({ ...ends4, mf: true, payload: udp(1, 53, Buffer.alloc(0)) }), ANY4, 17, 53],
  ] as const)("type, code and ports: %s", (_, packet, any, protocol, port) => {
    const remote = (low: number, high: number) => [{ ...any, protocol, ports: [low, high] as const }];
    expect(taken(packet, [any], remote(port, port))).toBe(true);
    expect(taken(packet, [any], remote(port + 1, 65535))).toBe(false);
    expect(taken(packet, [any], remote(0, port - 1))).toBe(false);
  });

  it.each([
    ["a later fragment", ip({ ...ends4, offset: 1480, payload: udp(1, 53, Buffer.alloc(8)) }), ANY4],
    [
      "a later fragment, IPv6",
      ip({ ...ends6, extensions: [fragmentHeader(1480, false)], payload: udp(1, 53, Buffer.alloc(8)) }),
      ANY6,
    ],
    ["a header cut short", ip({ ...ends4, payload: Buffer.from([0, 53, 0]) }), ANY4],
  ] as const)("%s has no ports: ANY and OPAQUE take it, a port does not (RFC 4301 §7)", (_, packet, any) => {
    expect(taken(packet, [any], [{ ...any, protocol: 17 }])).toBe(true);
    expect(taken(packet, [any], [{ ...any, protocol: 17, ports: OPAQUE }])).toBe(true);
    expect(taken(packet, [any], [{ ...any, protocol: 17, ports: [53, 53] }])).toBe(false);
    expect(taken(packet, [any], [{ ...any, protocol: 17, ports: [0, 65534] }])).toBe(false);
  });

  it("too many or broken extension headers are no way around them", () => {
    const { branch } = pair();
    const nine = Array.from({ length: 9 }, () => extension(60, 8));
    const cut = ip({ ...ends6, extensions: [extension(60, 8)] });
    cut[41] = 1;
    const none = ip({ ...ends6, protocol: 60, payload: Buffer.from([17, 0, 0]) });
    branch.router.fromTun(branch.tun, ip({ ...ends6, extensions: nine }), cut, none);
    expect(branch.router.counters()).toEqual({ "tun-read": 3, "ipv6-extensions": 3 });
    expect(branch.router.fromTun(branch.tun, ip({ ...ends6, extensions: nine.slice(1) })).sent).toHaveLength(1);
  });

  it("agree with plain arithmetic on any range", () => {
    const { branch } = pair();
    const number = fc.oneof(fc.nat(0xffffffff), fc.integer({ min: 0x0a020000, max: 0x0a0200ff }));
    const dotted = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
    fc.assert(
      fc.property(
        number,
        number,
        fc.nat(255),
        fc.nat(255),
        fc.nat(65535),
        fc.nat(65535),
        fc.nat(65535),
        (a, b, x, y, low, high, port) => {
          const destination = 0x0a020000 + x * 256 + y;
          const local = [ANY4];
          const remote = [{ low: dotted(a), high: dotted(b), protocol: 17, ports: [low, high] as const }];
          branch.router.children(branch.tunnel, {
            selectors: branch.router.selectors(local, remote),
            sa: branch.outSa,
          });
          const packet = ip({ from: "10.1.0.9", to: dotted(destination), payload: udp(1, port, Buffer.alloc(0)) });
          const expected = destination >= a && destination <= b && port >= low && port <= high;
          expect(branch.router.fromTun(branch.tun, packet).sent.length === 1).toBe(expected);
        },
      ),
      { numRuns: 300, interruptAfterTimeLimit: 4000 },
    );
  });
});

describe("the choice of a Child SA", () => {
  it("is the first in the list that takes the packet", () => {
    const { branch } = pair();
    const { router } = branch;
    const web = router.selectors([ANY4], [{ ...ANY4, protocol: 6, ports: [443, 443] }]);
    const other = router.sa({ ...branch.out, spi: 0x61000001 }, { slot: 6, path: branch.path });
    router.children(branch.tunnel, { selectors: web, sa: other }, { sa: branch.outSa });
    const https = ip({ ...ends4, protocol: 6, payload: tcp(ends4, 0x10, Buffer.alloc(0)) });
    const { sent } = router.fromTun(branch.tun, https, ip({ ...ends4, payload: udp(1, 443, Buffer.alloc(1)) }));
    expect(sent.map(({ bytes }) => bytes.readUInt32BE(0))).toEqual([0x61000001, branch.out.spi]);
  });

  it("passes over one that is not usable now", () => {
    const { branch } = pair();
    branch.router.children(branch.tunnel, { sa: 0 }, { sa: branch.inSa }, { sa: branch.outSa });
    const { sent } = branch.router.fromTun(branch.tun, ip(ends4));
    expect(sent.map(({ bytes }) => bytes.readUInt32BE(0))).toEqual([branch.out.spi]);
  });

  it("falls on no one: the packet waits for nobody, and control hears of it once a batch", () => {
    const { branch } = pair();
    const { router } = branch;
    router.set32(router.adjacencyAt(branch.tunnel) + 12, 0);
    expect(router.fromTun(branch.tun, ip(ends4), ip(ends4), ip(ends6))).toMatchObject({ sent: [], written: [] });
    expect(router.ring()).toMatchObject([{ kind: 4, value: 900 }]);
    router.children(branch.tunnel, { sa: 0 });
    router.fromTun(branch.tun, ip(ends4));
    expect(router.ring()).toMatchObject([{ kind: 4, value: 900 }]);
    expect(router.counters()).toEqual({ "tun-read": 4, "no-sa": 4, acquire: 2 });
  });

  it("none takes it: prohibited, and nobody is asked for an SA", () => {
    const { branch } = pair();
    const { router } = branch;
    router.children(branch.tunnel, { selectors: router.selectors([ANY6], [ANY6]), sa: branch.outSa });
    const { written } = router.fromTun(branch.tun, ip(ends4));
    expect([written[0]?.bytes[20], written[0]?.bytes[21]]).toEqual([3, 13]);
    expect(router.ring()).toEqual([]);
    expect(router.counters()).toMatchObject({ "selectors-out": 1, "icmp-sent": 1 });
  });

  it("is made for each fragment: those without ports do not follow the first into an SA for a port", () => {
    const { branch } = pair({ mtu: 600 });
    const { router } = branch;
    const port = router.selectors([ANY4], [{ ...ANY4, protocol: 17, ports: [53, 53] }]);
    const rest = router.sa({ ...branch.out, spi: 0x61000001 }, { slot: 6, path: branch.path });
    router.children(branch.tunnel, { selectors: port, sa: branch.outSa }, { sa: rest });
    const { sent } = router.fromTun(branch.tun, ip({ ...ends4, payload: udp(1, 53, Buffer.alloc(1200)) }));
    expect(sent.map(({ bytes }) => bytes.readUInt32BE(0))).toEqual([branch.out.spi, 0x61000001, 0x61000001]);
  });
});
