import { describe, expect, it } from "vitest";
import { ADJ_GUARD, ADJ_ORIGIN, ADJ_TUNNEL, ADJ_ZONE, G_TUN_GUARDS, TUN_VNET } from "../../../assembly/layout.ts";
import { echo, FilterBed, packetOf, rules, segment } from "./filterbed.ts";
import { SYN } from "./filteroracle.ts";
import { unseal } from "./oracle.ts";
import { extension, ip, parse, udp } from "./packets.ts";
import { keys, pair } from "./pair.ts";
import { type Flow, superpacket, UDP_L4 } from "./superpacket.ts";

const DNS = { protocol: 17, ports: [53, 53] as const };

const bedOf = (texts: Parameters<typeof rules>[0], defaults: Parameters<typeof rules>[1] = {}) =>
  new FilterBed(rules(texts, defaults), { sas: 2 });

const SIX = { from: "fd00:1::1", to: "fd00:2::1" } as const;

const FOUR = { from: "10.1.0.1", to: "10.2.0.1" } as const;

describe("a TUN device with a filter", () => {
  it("drops in silence: no ICMP, whatever the reason", () => {
    const bed = bedOf([]);
    const { written, sent } = bed.in(packetOf({ direction: "in", ...FOUR, what: { kind: "udp", ports: [1, 2] } }));
    expect([written, sent]).toEqual([[], []]);
    expect(bed.router.counters()).toEqual({ "tun-read": 1, filtered: 1 });
  });

  it("lets everything by again when its guard has gone", () => {
    const bed = bedOf([], { out: "drop" });
    const packet = packetOf({ direction: "in", ...FOUR, what: { kind: "udp", ports: [1, 2] } });
    expect(bed.send("in", packet)).toBe("filtered");
    bed.router.set32(bed.router.adjacencyAt(bed.near.adjacency) + ADJ_GUARD, 0);
    bed.router.set32(G_TUN_GUARDS + bed.near.tun * 4, 0);
    expect(bed.send("in", packet)).toBe("pass");
  });

  it("says nothing of flows about packets that have no route", () => {
    const bed = bedOf([], { out: "accept" });
    const lost = packetOf({
      direction: "out",
      from: FOUR.to,
      to: "203.0.113.1",
      what: { kind: "udp", ports: [1, 2] },
    });
    expect(bed.send("out", lost)).toBe("no-route icmp-unsent");
    expect(bed.router.counters()["flow-opened"]).toBeUndefined();
  });

  it("refuses headers that are cut short", () => {
    const bed = bedOf([{}, { prefix: "::/0" }]);
    for (const ends of [FOUR, SIX]) {
      const whole = segment([1, 443], SYN);
      expect(bed.send("in", ip({ ...ends, protocol: 6, payload: whole.subarray(0, 19) }))).toBe("filter-stray");
      expect(bed.send("in", ip({ ...ends, protocol: 17, payload: Buffer.alloc(3) }))).toBe("filter-stray");
      const icmp = ends === SIX ? 58 : 1;
      const short = echo(ends === SIX, 1, false).subarray(0, 7);
      expect(bed.send("in", ip({ ...ends, protocol: icmp, payload: short }))).toBe("filter-stray");
    }
  });

  it("sees through IPv6 extension headers", () => {
    const bed = bedOf([{ ...DNS, prefix: "::/0" }]);
    const payload = udp(1000, 53, Buffer.alloc(4));
    const wrapped = ip({ ...SIX, extensions: [extension(0, 8), extension(60, 16)], payload });
    expect(bed.send("in", wrapped)).toBe("pass");
    expect(bed.send("out", ip({ from: SIX.to, to: SIX.from, payload: udp(53, 1000, Buffer.alloc(4)) }))).toBe("pass");
  });

  it("keeps the flows of two devices apart, though their addresses are the same", () => {
    const bed = bedOf([DNS]);
    const other = bed.router.tun(2);
    const back = bed.router.tun(2);
    bed.router.route(2, "10.1.0.0/16", back.adjacency);
    bed.router.route(2, "10.2.0.0/16", other.adjacency);
    bed.router.guard(other, rules([], { out: "drop" }));
    const ask = packetOf({ direction: "in", ...FOUR, what: { kind: "udp", ports: [999, 53] } });
    const answer = packetOf({
      direction: "out",
      from: FOUR.to,
      to: FOUR.from,
      what: { kind: "udp", ports: [53, 999] },
    });
    expect(bed.send("in", ask)).toBe("pass");
    expect(bed.router.fromTun(other.tun, answer).written).toEqual([]);
    expect(bed.send("out", answer)).toBe("pass");
  });

  it("judges between two devices that both have one: out of the first, into the second", () => {
    const bed = bedOf([DNS]);
    const far = bed.router.guard(bed.far, rules([]));
    const ask = packetOf({ direction: "in", ...FOUR, what: { kind: "udp", ports: [999, 53] } });
    const answer = packetOf({
      direction: "out",
      from: FOUR.to,
      to: FOUR.from,
      what: { kind: "udp", ports: [53, 999] },
    });
    expect(bed.send("in", ask)).toBe("pass");
    expect(bed.send("out", answer)).toBe("pass");
    bed.router.set32(far, bed.router.ruleSet(rules([], { out: "drop" })));
    expect(bed.send("in", ask)).toBe("filtered");
  });
});

describe("superpackets", () => {
  const flow: Flow = { ...FOUR, sourcePort: 999, destinationPort: 53, protocol: "udp" };

  it("out of the device are judged once, and refused whole", () => {
    const { branch } = pair();
    const { router, tun } = branch;
    router.setFlags(tun, TUN_VNET);
    const ends = { from: "10.1.0.9", to: "10.2.0.9" };
    const [vnet, bytes] = superpacket({ ...flow, ...ends }, Buffer.alloc(500, 3), 100);
    expect(vnet.gso).toBe(UDP_L4);
    const set = rules([{ ...DNS, direction: "out" }], { out: "drop" });
    const guard = router.guard({ tun, adjacency: branch.local }, set);
    expect(router.fromTun(tun, [vnet, bytes]).sent).toHaveLength(5);
    expect(router.hits(guard, set)).toEqual([1, 0, 0]);
    const [, other] = superpacket({ ...flow, ...ends, destinationPort: 54 }, Buffer.alloc(500, 3), 100);
    expect(router.fromTun(tun, [vnet, other]).sent).toEqual([]);
    expect(router.hits(guard, set)).toEqual([1, 0, 1]);
    expect(router.counters()).toMatchObject({ "tun-read": 10, filtered: 5, encapsulated: 5, "flow-opened": 1 });
  });

  it("that stop in the middle for want of room go on without being judged again", () => {
    const { branch } = pair();
    const { router, tun } = branch;
    router.setFlags(tun, TUN_VNET);
    router.room = 9000;
    const set = rules([], { out: "accept" });
    const guard = router.guard({ tun, adjacency: branch.local }, set);
    const [vnet, bytes] = superpacket({ ...flow, from: "10.1.0.9", to: "10.2.0.9" }, Buffer.alloc(40_000, 3), 1000);
    const { sent, flushes } = router.fromTun(tun, [vnet, bytes]);
    expect(flushes).toBeGreaterThan(1);
    expect(sent).toHaveLength(40);
    expect(router.hits(guard, set)).toEqual([0, 1]);
  });
});

describe("out of a tunnel", () => {
  it("into a device with a filter: what the filter accepts, and its answers", () => {
    const { branch, gateway, carry } = pair();
    const { router } = gateway;
    const set = rules([DNS], { out: "drop" });
    router.guard({ tun: gateway.tun, adjacency: gateway.local }, set);
    const ask = (port: number) =>
      ip({ from: "10.1.0.9", to: "10.2.0.9", payload: udp(999, port, Buffer.alloc(20, 1)) });
    const through = (packet: Buffer) => carry(gateway, branch.router.fromTun(branch.tun, packet));
    expect(through(ask(54)).written).toEqual([]);
    expect(through(ask(53)).written.map(({ bytes }) => bytes)).toEqual([ask(53)]);
    const answer = (port: number) =>
      ip({ from: "10.2.0.9", to: "10.1.0.9", payload: udp(port, 999, Buffer.alloc(20, 2)) });
    const back = router.fromTun(gateway.tun, answer(53), answer(54)).sent;
    expect(back.map(({ bytes }) => unseal(gateway.out, bytes).inner)).toEqual([answer(53)]);
    expect(router.counters()).toMatchObject({ filtered: 2, delivered: 1, encapsulated: 1 });
    expect(router.counters()["icmp-unsent"]).toBeUndefined();
  });
});

describe("zones", () => {
  it("refuse what would stay in the zone that it comes from, and tell the sender", () => {
    const p = pair();
    const { router, vrf, tunnel } = p.gateway;
    const out = keys(0x71000003, "aes128gcm16", true);
    const second = router.adjacency(ADJ_TUNNEL, { id: 950 });
    router.children(second, {
      sa: router.sa(out, { slot: 11, path: router.path({ address: "192.0.2.9", port: 4500 }) }),
    });
    for (const prefix of ["10.3.0.0/16", "fd00:3::/32"]) {
      router.route(vrf, prefix, second);
      p.branch.router.route(p.branch.vrf, prefix, p.branch.tunnel);
    }
    const through = (packet: Buffer) => p.carry(p.gateway, p.branch.router.fromTun(p.branch.tun, packet));
    const zones = (from: number, to: number) => {
      router.set32(router.adjacencyAt(tunnel) + ADJ_ORIGIN, from);
      router.set32(router.adjacencyAt(second) + ADJ_ZONE, to);
    };
    for (const [ends, type, code] of [
      [{ from: "10.1.0.9", to: "10.3.0.9" }, 3, 13],
      [{ from: "fd00:1::9", to: "fd00:3::9" }, 1, 1],
    ] as const) {
      const packet = ip({ ...ends, payload: udp(1, 2, Buffer.alloc(9)) });
      zones(7, 7);
      const error = parse(p.carry(p.branch, through(packet)).written[0]?.bytes as Buffer);
      expect([error.payload[0], error.payload[1]]).toEqual([type, code]);
      for (const [from, to] of [
        [0, 0],
        [7, 0],
        [0, 7],
        [7, 8],
      ] as const) {
        zones(from, to);
        expect(unseal(out, through(packet).sent[0]!.bytes).inner.subarray(-9)).toEqual(Buffer.alloc(9));
      }
    }
    expect(router.counters()).toMatchObject({ interworking: 2, "icmp-sent": 2, hub: 8 });
  });
});
