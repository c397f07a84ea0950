import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as L from "../../../assembly/layout.ts";
import { COUNTERS } from "../../../src/datapath/counters.ts";
import type { Router } from "./harness.ts";
import { seal, sealText } from "./oracle.ts";
import { extension, fragmentHeader, ip, tcp, udp } from "./packets.ts";
import { pair } from "./pair.ts";

const PATTERN = 0xa5;
const pattern = Buffer.alloc(0x20000, PATTERN);
const LIMIT = { numRuns: 1000, interruptAfterTimeLimit: 6000 };

/** Packets that are whole, and the same with some bytes changed and the end cut off. */
function packets(): fc.Arbitrary<Buffer> {
  const from4 = fc.constantFrom("10.1.0.9", "10.1.0.8", "10.3.0.9", "10.2.0.9", "10.2.0.8", "203.0.113.9", "224.0.0.1");
  const from6 = fc.constantFrom(
    "fd00:1::9",
    "fd00:1::8",
    "fd00:2::9",
    "fd00:2::8",
    "ff02::1",
    "2001:db8::5",
    "fd00:9::1",
  );
  const size = fc.oneof(fc.nat(64), fc.nat(3000), fc.constant(20_000));
  const options = fc.oneof(fc.constant(Buffer.alloc(0)), fc.uint8Array({ minLength: 4, maxLength: 40 }));
  const payload = fc.tuple(fc.nat(3), size, options).map(([kind, bytes, tail]) => {
    const even = Buffer.from(tail.subarray(0, tail.length & ~3));
    if (kind === 0) return udp(1, 2, Buffer.alloc(bytes, 9));
    if (kind === 1) return tcp({ from: "10.1.0.9", to: "10.2.0.9" }, 2, even, "x".repeat(bytes));
    return kind === 2 ? Buffer.from([3, 1, 0, 0, ...tail]) : Buffer.concat([even, Buffer.alloc(bytes)]);
  });
  const four = fc
    .record({
      from: from4,
      to: from4,
      protocol: fc.constantFrom(1, 6, 17, 50),
      payload,
      options,
      df: fc.boolean(),
      mf: fc.boolean(),
      offset: fc.constantFrom(0, 0, 8, 65528),
      ttl: fc.nat(3),
      tos: fc.nat(255),
    })
    .map((fields) => ip({ ...fields, options: fields.options.subarray(0, fields.options.length & ~3) }));
  const chain = fc.array(
    fc.constantFrom(
      extension(0, 8),
      extension(43, 24),
      extension(60, 16),
      fragmentHeader(0, true),
      fragmentHeader(800, false),
    ),
    { maxLength: 10 },
  );
  const six = fc
    .record({
      from: from6,
      to: from6,
      protocol: fc.constantFrom(6, 17, 58, 59, 60, 135),
      payload,
      extensions: chain,
      ttl: fc.nat(3),
      tos: fc.nat(255),
    })
    .map((fields) => ip(fields));
  const change = fc.tuple(fc.nat(80), fc.nat(255));
  return fc
    .tuple(fc.oneof(four, six), seldom(fc.array(change, { maxLength: 3 }), []), seldom(fc.nat(100), 0))
    .map(([packet, changes, cut]) => {
      for (const [at, value] of changes) if (at < packet.length) packet[at] = value;
      return packet.subarray(0, Math.max(0, packet.length - cut));
    });
}

/** Mostly `usual`, one time in six something else. */
function seldom<T>(other: fc.Arbitrary<T>, usual: T): fc.Arbitrary<T> {
  return fc.oneof({ arbitrary: fc.constant(usual), weight: 5 }, { arbitrary: other, weight: 1 });
}

const garbage = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

/** Marks what the roads must not touch; the result throws if they did. */
function guard(router: Router, slots: number, sizes: readonly number[]): () => void {
  const { bytes, arena } = router;
  const slot = (index: number) => arena + slots + index * L.SLOT_STRIDE;
  const outside = (index: number): [number, number][] => [
    [slot(index), slot(index) + L.SLOT_HEADROOM],
    [slot(index) + L.SLOT_HEADROOM + (sizes[index] ?? 0), slot(index + 1)],
  ];
  const gaps: [number, number][] = Array.from({ length: 4 }, (_, index) => outside(index)).flat();
  gaps.push([arena + L.W_SCRATCH + 64, arena + L.W_AHEAD], [arena + L.W_AHEAD + L.AHEAD_SIZE, arena + L.RXMSG]);
  gaps.push([arena + L.TUNLEN + 4 * L.BATCH, arena + L.AEAD]);
  gaps.push([arena + L.RING_DATA + L.RING_SIZE, arena + L.RX], [arena + L.TX + L.TX_SIZE, arena + L.ARENA_SIZE]);
  for (const [from, to] of gaps) bytes.fill(PATTERN, from, to);
  // What the tables hold: all before the SA slots, and from the pool to the arenas. And the module's own constants.
  const pool = router.get32(L.G_POOL_BASE);
  const tables: [number, number][] = [
    [0, router.get32(L.G_SA_BASE)],
    [pool, arena],
  ];
  const before = tables.map(([from, to]) => Buffer.from(bytes.subarray(from, to)));
  return () => {
    for (const [from, to] of gaps) {
      if (pattern.compare(bytes, from, to, 0, to - from) !== 0) throw new Error(`written between ${from} and ${to}`);
    }
    for (const [index, [from, to]] of tables.entries()) {
      if (before[index]?.compare(bytes, from, to) !== 0)
        throw new Error(`a table between ${from} and ${to} was written`);
    }
  };
}

function sums(router: Router) {
  const counters = router.counters();
  const of = (...names: string[]) => names.reduce((sum, name) => sum + (counters[name] ?? 0), 0);
  const drops = of(...COUNTERS.filter(({ drop }) => drop).map(({ name }) => name));
  return { counters, of, drops };
}

/** A side with everything in it that a packet can meet: fragments, clamps, selectors, a hub, errors that are rate-limited. */
function site() {
  const p = pair({ mtu: 700, icmpRate: 50 });
  for (const side of [p.branch, p.gateway]) {
    const { router } = side;
    const tunnel = router.adjacency(L.ADJ_TUNNEL, { mtu: 900 });
    const path = router.path({ address: "192.0.2.9", port: 4500 });
    const selectors = router.selectors(
      [
        { low: "0.0.0.0", high: "255.255.255.255" },
        { low: "::", high: "ffff:ffff:ffff:ffff::" },
      ],
      [
        { low: "10.3.0.0", high: "10.3.0.255", protocol: 17 },
        { low: "::", high: "ffff:ffff:ffff:ffff::", ports: [0, 4000] },
      ],
    );
    router.children(tunnel, { selectors, sa: router.sa({ ...side.out, spi: 0x71000003 }, { slot: 11, path }) });
    router.route(side.vrf, "10.3.0.0/16", tunnel);
    router.route(side.vrf, "2001:db8::/32", tunnel);
  }
  return p;
}

describe("whatever arrives", () => {
  it("from a TUN is forwarded or counted once, and nothing else is written", () => {
    const { branch } = site();
    const { router } = branch;
    fc.assert(
      fc.property(fc.array(fc.oneof({ arbitrary: packets(), weight: 5 }, garbage), { maxLength: 3 }), (batch) => {
        const check = guard(
          router,
          L.TUNRX,
          batch.map(({ length }) => length),
        );
        router.fromTun(branch.tun, ...batch);
        check();
        const { of, drops } = sums(router);
        expect(of("encapsulated", "crossed") + drops).toBe(of("tun-read"));
      }),
      LIMIT,
    );
    const { counters, drops } = sums(router);
    // The packets were various enough to be worth it.
    expect(drops).toBeLessThan(counters["tun-read"] as number);
    for (const name of ["ip-malformed", "no-route", "not-routable", "selectors-out", "fragmented", "icmp-sent"]) {
      expect(counters[name], name).toBeGreaterThan(0);
    }
  });

  it("on UDP, authentic or not, is forwarded, consumed or counted once, and nothing else is written", () => {
    const { branch, gateway } = site();
    const { router } = gateway;
    let sequence = 0n;
    const authentic = fc
      .oneof({ arbitrary: packets(), weight: 5 }, garbage)
      .map((bytes) => (padding: number | undefined) => {
        sequence++;
        if (padding === undefined) return sealText(branch.out, sequence, bytes);
        return seal(branch.out, sequence, bytes, padding > 8 ? {} : { pad: padding, next: padding % 2 ? 4 : 41 });
      });
    const sealed = fc
      .tuple(authentic, fc.oneof(fc.constant(9), fc.nat(40), fc.constant(undefined)))
      .map(([make, padding]) => make(padding));
    const ike = fc.uint8Array({ minLength: 28, maxLength: 300 }).map((bytes) => {
      const message = Buffer.from(bytes);
      message.writeUInt32BE(message.length, 24);
      return message;
    });
    const marked = fc.oneof(ike, garbage).map((bytes) => Buffer.concat([Buffer.alloc(4), bytes]));
    const known = garbage.map((bytes) => Buffer.concat([Buffer.from([0x51, 0, 1, 2]), bytes]));
    const message = fc.record({
      bytes: fc.oneof(sealed, sealed, sealed, sealed, garbage, marked, ike, known, fc.constant(Buffer.from([0xff]))),
      tos: fc.nat(255),
      segment: seldom(fc.integer({ min: 1, max: 100 }), 0),
      truncated: seldom(fc.constant(true), false),
    });
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 1, 1, 2, 3), fc.array(message, { maxLength: 3 }), (socket, batch) => {
        const check = guard(
          router,
          L.RX,
          batch.map(({ bytes }) => bytes.length),
        );
        router.receive(socket, ...batch);
        check();
        router.ring();
        const { of, drops } = sums(router);
        expect(of("delivered", "hub", "ike", "keepalive", "dummy") + drops).toBe(of("udp-read"));
      }),
      { ...LIMIT, numRuns: 2000 },
    );
    const { counters } = sums(router);
    for (const name of [
      "delivered",
      "hub",
      "ike",
      "esp-trailer",
      "forged",
      "unknown-spi",
      "ip-malformed",
      "udp-short",
    ]) {
      expect(counters[name], name).toBeGreaterThan(0);
    }
  });

  it("as control data of a message does not lead outside it", () => {
    const { branch, gateway, socket } = site();
    const { router } = gateway;
    const exports = router.instance(0);
    const packet = ip({ from: "10.1.0.9", to: "10.2.0.9", payload: udp(1, 2, Buffer.alloc(9)) });
    let sequence = 0n;
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 128, maxLength: 128 }),
        fc.nat(200),
        fc.nat(40),
        (control, length, nameLength) => {
          const bytes = seal(branch.out, ++sequence, packet);
          exports.fill();
          const message = router.arena + L.RXMSG;
          // Plausible lengths first, so that more than one control message is read.
          control.fill(0, 1, 8);
          router.bytes.set(control, router.arena + L.RXCTL);
          router.bytes.set(bytes, router.arena + L.RX + L.SLOT_HEADROOM);
          router.set32(message + 8, nameLength);
          router.set32(message + 40, length);
          router.set32(message + 56, bytes.length);
          exports.open(exports.inbound(socket, 1));
          exports.deliver();
          exports.seal(router.get32(router.arena + L.W_OP_COUNT));
          exports.flushed();
          router.ring();
        },
      ),
      LIMIT,
    );
    expect(router.counters().delivered).toBe(Number(sequence));
  });
});
