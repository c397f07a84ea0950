import { describe, expect, it } from "vitest";
import { type Nat, v4 } from "./network.ts";
import { established, type SitesOptions, sites, talks } from "./peers.ts";

const OUTSIDE = v4("203.0.113.9");
const INSIDE = v4("192.168.7.2");

/** a sits behind a NAT. */
function behindNat(options: SitesOptions = {}) {
  const both = sites({ addressA: INSIDE, ...options });
  const nat: Nat = { inside: INSIDE, outside: OUTSIDE, shift: 20_000 };
  both.network.nats.push(nat);
  both.start();
  both.network.run(3_000);
  return { ...both, nat };
}

describe("NAT traversal", () => {
  it.each(["always", "nat"] as const)("finds the NAT, encapsulation %s", (encapsulation) => {
    const both = behindNat({ a: { encapsulation }, b: { encapsulation } });
    expect(talks(both)).toBe(true);
    const [atA] = both.a.ike.status();
    const [atB] = both.b.ike.status();
    expect(atA.nat).toEqual({ local: true, remote: false });
    expect(atB.nat).toEqual({ local: false, remote: true });
    expect(atA.path!.local.port).toBe(4500);
    expect(atB.path!.remote).toEqual({ address: OUTSIDE, port: 24_500 });
    const [installed] = both.b.datapath.installed.values();
    expect(installed.child.path.remote.port).toBe(24_500);
    expect(installed.child.native).toBeUndefined();
  });

  it("keeps the mapping alive from behind the NAT only", () => {
    const { a, b, network } = behindNat({ a: { dpd: 0 }, b: { dpd: 0 } });
    network.run(100_000);
    expect(a.datapath.keepalives.length).toBeGreaterThanOrEqual(4);
    expect(a.datapath.keepalives.length).toBeLessThanOrEqual(6);
    expect(a.datapath.keepalives[0].remote.port).toBe(4500);
    expect(b.datapath.keepalives).toEqual([]);
  });

  it("follows the peer when its NAT maps it anew, by IKE", () => {
    const both = behindNat();
    const { b, network, nat } = both;
    nat.shift = 30_000;
    nat.outside = v4("203.0.113.10");
    network.run(61_000);
    expect(b.ike.status()[0].path!.remote).toEqual({ address: nat.outside, port: 34_500 });
    expect(b.codes()).toContain("moved");
    const [installed] = b.datapath.installed.values();
    expect(installed.child.path.remote.port).toBe(34_500);
    expect(talks(both)).toBe(true);
  });

  it("follows the peer when its NAT maps it anew, by ESP", () => {
    const { a, b, network } = behindNat();
    const remote = { address: OUTSIDE, port: 40_000 };
    const effects = b.do((ike, now) => ike.moved("a", remote, now));
    expect(effects.map(({ kind }) => kind)).toEqual(["path", "event"]);
    expect(b.ike.status()[0].path!.remote).toEqual(remote);
    expect(b.do((ike, now) => ike.moved("a", remote, now))).toEqual([]);
    // The one behind the NAT began, so it stays with the peer where it was configured.
    a.do((ike, now) => ike.moved("b", { address: v4("203.0.113.66"), port: 4500 }, now));
    expect(a.ike.status()[0].path!.remote.address).toEqual(v4("198.51.100.1"));
    network.run(1);
  });

  it("does not follow to where the peer may not be", () => {
    const { b } = behindNat({ b: { from: [OUTSIDE] } });
    b.do((ike, now) => ike.moved("a", { address: v4("203.0.113.66"), port: 4500 }, now));
    expect(b.ike.status()[0].path!.remote.address).toEqual(OUTSIDE);
    expect(b.ike.counters()["address-refused"]).toBe(1);
  });

  it("agrees on ESP without UDP when there is no NAT and nobody wants encapsulation", () => {
    const both = established({ a: { encapsulation: "nat" }, b: { encapsulation: "nat" } });
    expect(talks(both)).toBe(true);
    for (const host of [both.a, both.b]) {
      const [status] = host.ike.status();
      expect(status.nat).toEqual({ local: false, remote: false });
      expect(status.path!.local.port).toBe(500);
      expect([...host.datapath.installed.values()][0].child.native).toBe(true);
    }
  });

  it.each([
    ["always", "nat"],
    ["nat", "always"],
  ] as const)("uses UDP when one side wants it: %s, %s", (atA, atB) => {
    const both = established({ a: { encapsulation: atA }, b: { encapsulation: atB } });
    expect(talks(both)).toBe(true);
    for (const host of [both.a, both.b]) {
      expect(host.ike.status()[0].path!.local.port).toBe(4500);
      expect([...host.datapath.installed.values()][0].child.native).toBeUndefined();
    }
  });

  it("begins on the peer's own port when that is not 500", () => {
    const both = established({ a: { remote: { address: v4("198.51.100.1"), port: 4500 } } });
    expect(talks(both)).toBe(true);
    expect(both.a.ike.status()[0].path!.local.port).toBe(4500);
  });
});
