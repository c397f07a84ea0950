import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bucket } from "../../src/ike/bucket.ts";
import { Cookies } from "../../src/ike/cookie.ts";
import type { TrafficSelector } from "../../src/ike/effect.ts";
import { Linger } from "../../src/ike/linger.ts";
import { addressText, compare } from "../../src/ike/octets.ts";
import { type Alarm, Schedule } from "../../src/ike/schedule.ts";
import { contains, intersect, narrow, within } from "../../src/ike/selector.ts";
import { Dice } from "./clock.ts";
import { v4, v6 } from "./network.ts";
import { any, established, net, talks } from "./peers.ts";

const ports = (selector: TrafficSelector, portLow: number, portHigh: number, protocol = 17): TrafficSelector => ({
  ...selector,
  protocol,
  portLow,
  portHigh,
});

describe("traffic selectors", () => {
  const ten = net("10.0.0.0/8");

  it("have in common what both allow", () => {
    expect(intersect(ten, net("10.1.2.0/24"))).toEqual(net("10.1.2.0/24"));
    expect(intersect(ten, net("11.0.0.0/8"))).toBeUndefined();
    expect(intersect(ten, any(6))).toBeUndefined();
    expect(intersect(ports(ten, 100, 200), ports(any(4), 150, 300))).toEqual(ports(ten, 150, 200));
    expect(intersect(ports(ten, 100, 200), ports(any(4), 201, 300))).toBeUndefined();
    expect(intersect(ports(ten, 0, 65_535, 6), ports(any(4), 0, 65_535, 17))).toBeUndefined();
    expect(intersect(ports(ten, 80, 80, 6), any(4))).toEqual(ports(ten, 80, 80, 6));
  });

  it("treat opaque ports as RFC 7296 §3.13.1 wants", () => {
    const opaque = ports(ten, 65_535, 0);
    expect(intersect(opaque, ports(ten, 0, 65_535))).toEqual(opaque);
    expect(intersect(opaque, opaque)).toEqual(opaque);
    expect(intersect(opaque, ports(ten, 80, 90))).toBeUndefined();
  });

  it("are narrowed without a selector that another one contains", () => {
    expect(narrow([ten, any(6)], [net("10.1.0.0/16"), net("10.1.2.0/24"), net("fd00::/8")])).toEqual([
      net("10.1.0.0/16"),
      net("fd00::/8"),
    ]);
    expect(narrow([net("10.1.2.0/24"), ten], [any(4)])).toEqual([ten]);
    expect(narrow([], [ten])).toEqual([]);
  });

  it("narrowing never allows more than either side", () => {
    const selector = fc
      .tuple(fc.nat(255), fc.nat(255), fc.constantFrom(0, 6, 17), fc.nat(3), fc.nat(3))
      .map(([x, y, protocol, p, q]): TrafficSelector => {
        const [low, high] = [Math.min(x, y), Math.max(x, y)];
        const [portLow, portHigh] = [Math.min(p, q), Math.max(p, q)];
        return { protocol, portLow, portHigh, low: Uint8Array.of(10, 0, 0, low), high: Uint8Array.of(10, 0, 0, high) };
      });
    const list = fc.array(selector, { minLength: 1, maxLength: 5 });
    const allows = (selectors: readonly TrafficSelector[], packet: TrafficSelector) =>
      selectors.some((one) => contains(one, packet));
    fc.assert(
      fc.property(list, list, fc.nat(255), fc.constantFrom(6, 17), fc.nat(3), (ours, theirs, host, protocol, port) => {
        const address = Uint8Array.of(10, 0, 0, host);
        const packet = { protocol, portLow: port, portHigh: port, low: address, high: address };
        const both = narrow(ours, theirs);
        expect(allows(both, packet)).toBe(allows(ours, packet) && allows(theirs, packet));
        if (both.length > 0) expect(within(both, ours) && within(both, theirs)).toBe(true);
      }),
      { interruptAfterTimeLimit: 2_000, numRuns: 5_000 },
    );
  });
});

describe("the schedule", () => {
  it("runs alarms in the order of their times, and never a cancelled one", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(50), fc.boolean()), { maxLength: 60 }),
        fc.infiniteStream(fc.nat()),
        (plan, luck) => {
          const schedule = new Schedule();
          const ran: number[] = [];
          const kept: number[] = [];
          const doomed: Alarm[] = [];
          plan.forEach(([at, keep], i) => {
            const alarm = schedule.set(at, () => ran.push(i));
            if (keep) kept.push(i);
            else doomed.push(alarm);
            // Some are cancelled while others still come in.
            if (Number(luck.next().value) % 2 === 0) schedule.cancel(doomed.pop());
          });
          for (const alarm of doomed) schedule.cancel(alarm);
          expect(schedule.size).toBe(kept.length);
          for (let now = 0; now <= 50; now++) {
            for (let alarm = schedule.due(now); alarm !== undefined; alarm = schedule.due(now)) {
              expect(alarm.at).toBe(now);
              alarm.run();
            }
          }
          const order = kept.sort((x, y) => plan[x][0] - plan[y][0] || x - y);
          expect(ran).toEqual(order);
          expect(schedule.next()).toBeUndefined();
        },
      ),
      { interruptAfterTimeLimit: 2_000, numRuns: 2_000 },
    );
  });
});

describe("small things", () => {
  it("compares nonces as RFC 7296 §2.8.1 says", () => {
    expect(compare(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBeLessThan(0);
    expect(compare(Uint8Array.of(2), Uint8Array.of(1, 255))).toBeGreaterThan(0);
    expect(compare(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0);
    expect(compare(Uint8Array.of(1), Uint8Array.of(1))).toBe(0);
  });

  it("writes addresses as people do (RFC 5952)", () => {
    expect(addressText(v4("192.0.2.1"))).toBe("192.0.2.1");
    expect(addressText(v6("2001:db8::1"))).toBe("2001:db8::1");
    expect(addressText(v6("::"))).toBe("::");
    expect(addressText(v6("::1"))).toBe("::1");
    expect(addressText(v6("fe80::"))).toBe("fe80::");
    expect(addressText(v6("2001:0:0:1:0:0:0:1"))).toBe("2001:0:0:1::1");
    expect(addressText(v6("1:0:2:3:4:5:6:7"))).toBe("1:0:2:3:4:5:6:7");
  });

  it("gives so many tokens at once and so many a second", () => {
    const bucket = new Bucket(2, 3);
    const take = (now: number, times: number) =>
      Array.from({ length: times }, () => bucket.take(now)).filter(Boolean).length;
    expect(take(1_000, 10)).toBe(3);
    expect(take(1_400, 10)).toBe(0);
    expect(take(2_000, 10)).toBe(2);
    expect(take(100_000, 10)).toBe(3);
  });

  it("knows its own cookies for two minutes at most", () => {
    const dice = new Dice(3);
    const cookies = new Cookies((n) => dice.bytes(n));
    const nonce = dice.bytes(32);
    const here = v4("192.0.2.1");
    const cookie = cookies.make(nonce, here, 5n, 1_000);
    expect(cookies.verify(cookie, nonce, here, 5n, 60_000)).toBe(true);
    expect(cookies.verify(cookie, nonce, here, 5n, 62_000)).toBe(true);
    expect(cookies.verify(cookie, nonce, here, 6n, 62_000)).toBe(false);
    expect(cookies.verify(cookie, nonce, v4("192.0.2.2"), 5n, 62_000)).toBe(false);
    expect(cookies.verify(new Uint8Array(0), nonce, here, 5n, 62_000)).toBe(false);
    expect(cookies.verify(cookie, nonce, here, 5n, 123_000)).toBe(false);
    expect(cookies.verify(cookies.make(nonce, here, 5n, 400_000), nonce, here, 5n, 400_001)).toBe(true);
  });

  it("keeps the last answers of what is gone, but not many and not for long", () => {
    const linger = new Linger(3, 1_000);
    const request = Uint8Array.of(1);
    for (let spi = 1n; spi <= 5n; spi++) {
      linger.keep(spi, { digest: new Uint8Array(32), answer: [Uint8Array.of(Number(spi))] }, 0);
    }
    expect(linger.size).toBe(3);
    expect(linger.find(5n, request, 10)).toBeUndefined();
    expect(linger.find(5n, request, 2_000)).toBeUndefined();
    expect(linger.size).toBe(2);
  });

  it("refuses a peer without proposals, and proposals that are none", () => {
    const both = established();
    const { a, configA } = both;
    const add = (change: object) => () => a.do((ike, now) => ike.add({ ...configA, name: "x", ...change }, now));
    expect(add({ ikeProposals: [] })).toThrow("no IKE proposal");
    expect(add({ ikeProposals: ["des-md5-modp768"] })).toThrow("des-md5-modp768");
    expect(add({ children: [{ ...configA.children[0], espProposals: [] }] })).toThrow("no ESP");
    expect(a.ike.status().map(({ name }) => name)).toEqual(["b"]);
    expect(talks(both)).toBe(true);
  });
});
