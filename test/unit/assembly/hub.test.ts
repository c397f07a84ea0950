import { describe, expect, it } from "vitest";
import { ADJ_TUNNEL } from "../../../assembly/layout.ts";
import { unseal } from "./oracle.ts";
import { ip, parse, udp } from "./packets.ts";
import { keys, type Pair, pair } from "./pair.ts";

/** A second branch behind the gateway of a pair: 10.3.0.0/16 and fd00:3::/32. */
function hub(options: Parameters<typeof pair>[0] & { second?: number } = {}) {
  const p = pair(options);
  const { router, vrf } = p.gateway;
  const out = keys(0x71000003, "aes128gcm16", true);
  const tunnel = router.adjacency(ADJ_TUNNEL, { mtu: options.second ?? 0, id: 950 });
  const sa = router.sa(out, { slot: 11, path: router.path({ address: "2001:db8::77", port: 6000 }) });
  router.children(tunnel, { sa });
  for (const side of [p.branch, p.gateway]) {
    for (const prefix of ["10.3.0.0/16", "fd00:3::/32"]) {
      side.router.route(side.vrf, prefix, side === p.branch ? side.tunnel : tunnel);
    }
  }
  const through = (...packets: Buffer[]) => p.carry(p.gateway, p.branch.router.fromTun(p.branch.tun, ...packets));
  return { ...p, vrf, out, through };
}

const packet4 = (ttl = 64, bytes = 50) =>
  ip({ from: "10.1.0.9", to: "10.3.0.9", ttl, payload: udp(1, 2, Buffer.alloc(bytes, 7)) });
const packet6 = (ttl = 64, bytes = 50) =>
  ip({ from: "fd00:1::9", to: "fd00:3::9", ttl, payload: udp(1, 2, Buffer.alloc(bytes, 7)) });

describe("the hub road", () => {
  it("goes from tunnel to tunnel without the TUN, one hop less", () => {
    const { out, gateway, through } = hub();
    const { sent, written } = through(packet4(), packet6(), packet4(2));
    expect(written).toEqual([]);
    const inner = sent.map(({ bytes }) => unseal(out, bytes).inner);
    expect(inner).toEqual([packet4(63), packet6(63), packet4(1)]);
    expect(sent.every(({ to, socket }) => to.port === 6000 && socket === 3)).toBe(true);
    expect(gateway.router.counters()).toEqual({ "udp-read": 3, hub: 3, sealed: 3 });
  });

  it.each([1, 0])("answers a packet whose TTL is %i with time exceeded, through the tunnel it came from", (ttl) => {
    const { branch, gateway, carry, through } = hub();
    for (const [packet, own, type] of [
      [packet4(ttl), "10.255.0.2", 11],
      [packet6(ttl), "fd00:ff::2", 3],
    ] as const) {
      const back = carry(branch, through(packet)).written;
      const error = parse(back[0]?.bytes as Buffer);
      expect(error.payload[0]).toBe(type);
      expect(error.payload[1]).toBe(0);
      expect(error.payload.subarray(8).equals(packet)).toBe(true);
      expect(error.from.equals(parse(ip({ from: own, to: own })).from)).toBe(true);
    }
    expect(gateway.router.counters()).toMatchObject({ "time-exceeded": 2, "icmp-sent": 2, "udp-read": 2 });
    expect(gateway.router.counters().hub).toBeUndefined();
  });

  it("does not take a hop from a packet that goes to the kernel", () => {
    const { through } = hub();
    const last = ip({ from: "10.1.0.9", to: "10.2.0.9", ttl: 1 });
    expect(through(last).written.map(({ bytes }) => bytes)).toEqual([last]);
  });

  it("cuts and refuses by the MTU of the second tunnel", () => {
    const { branch, out, carry, through } = hub({ second: 1300 });
    const pieces = through(packet4(64, 1400)).sent.map(({ bytes }) => unseal(out, bytes).inner);
    expect(pieces.map((piece) => parse(piece).offset)).toEqual([0, 1280]);
    expect(pieces.map((piece) => parse(piece).ttl)).toEqual([63, 63]);
    const error = parse(carry(branch, through(packet6(64, 1400))).written[0]?.bytes as Buffer);
    expect([error.payload[0], error.payload.readUInt32BE(4)]).toEqual([2, 1300]);
  });

  it("answers no route with an error through the tunnel", () => {
    const { branch, carry, through, gateway } = hub();
    branch.router.route(branch.vrf, "203.0.113.0/24", branch.tunnel);
    const lost = ip({ from: "10.1.0.9", to: "203.0.113.1", payload: Buffer.alloc(3) });
    const error = parse(carry(branch, through(lost)).written[0]?.bytes as Buffer);
    expect([error.payload[0], error.payload[1]]).toEqual([3, 0]);
    expect(gateway.router.counters()).toMatchObject({ "no-route": 1, "icmp-sent": 1, sealed: 1 });
  });

  it("keeps VRFs apart: what is routed in another is not reached", () => {
    const { gateway, through } = hub();
    const { adjacency } = gateway.router.tun(99);
    gateway.router.route(99, "203.0.113.0/24", adjacency);
    const p: Pick<Pair, "branch"> = hub();
    expect(p.branch.vrf).not.toBe(99);
    expect(through(ip({ from: "10.1.0.9", to: "203.0.113.1" })).written).toEqual([]);
  });
});

describe("a packet from a TUN", () => {
  it("goes to another TUN of the VRF, and not back into its own", () => {
    const { branch } = pair();
    const { router, vrf, tun } = branch;
    const second = router.tun(vrf);
    router.route(vrf, "10.9.0.0/16", second.adjacency);
    const cross = ip({ from: "10.1.0.9", to: "10.9.0.9", ttl: 1 });
    const outcome = router.fromTun(tun, cross, ip({ from: "10.1.0.9", to: "10.1.0.10" }));
    expect(outcome.written).toEqual([{ tun: second.tun, bytes: cross }]);
    expect(router.counters()).toEqual({ "tun-read": 2, crossed: 1, hairpin: 1 });
  });
});
