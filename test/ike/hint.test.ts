/** Hints in the clear (RFC 7296 §1.5, §2.21.4): what forged ones may do to who is alive, and how many we give. */
import { describe, expect, it } from "vitest";
import { DEFAULT_OPTIONS } from "../../src/ike/environment.ts";
import { decodeMessage, NOTIFY, notifyOf } from "../../src/ike/wire/index.ts";
import { A, B, hint, tell } from "./crash.ts";
import type { Host } from "./network.ts";
import { endpoint } from "./network.ts";
import { established, type Sites, talks } from "./peers.ts";

describe("a hint that is forged", () => {
  it("makes us ask, and whoever answers lives", () => {
    const both = established();
    const { a, network } = both;
    const { spi } = a.datapath.packet("b/net")!;
    const before = a.sent;
    tell(a, hint(spi));
    expect(a.sent - before).toBe(1);
    network.run(5_000);
    expect(a.sent - before).toBe(1);
    expect(talks(both)).toBe(true);
    expect(a.codes().filter((code) => code !== "connecting")).toEqual(["ike-up", "child-up"]);
    expect(a.ike.counters()["unprotected-error"]).toBe(1);
  });

  it("with IKE SPIs of its own does the same", () => {
    const { a } = established();
    const { spi } = a.datapath.packet("b/net")!;
    const before = a.sent;
    tell(a, hint(spi, { spiI: 5n, spiR: 6n }));
    expect(a.sent - before).toBe(1);
  });

  it("means nothing where it concerns nothing: another SPI, another address, no SPI at all", () => {
    const both = established();
    const { a, b } = both;
    const { spi } = a.datapath.packet("b/net")!;
    const before = [a.sent, b.sent];
    tell(a, hint(spi + 1));
    tell(a, hint(spi), endpoint("203.0.113.9", 4500));
    tell(a, hint(spi, { data: Uint8Array.of(1, 2, 3) }));
    tell(a, hint(spi, { data: new Uint8Array(0) }));
    // Our own inbound SPI is none that the peer receives on.
    tell(b, hint(spi), A);
    expect([a.sent, b.sent]).toEqual(before);
  });

  it("costs one question a second, however often it comes, and kills nobody who is slow to answer", () => {
    const both = established();
    const { a, network } = both;
    const { spi } = a.datapath.packet("b/net")!;
    const before = a.sent;
    for (let i = 0; i < 10_000; i++) {
      tell(a, hint(spi));
      network.run(1);
    }
    expect(a.sent - before).toBeGreaterThanOrEqual(10);
    expect(a.sent - before).toBeLessThanOrEqual(11);
    expect(talks(both)).toBe(true);
    // 40 s of a dead path, hints all the while: as many tries as without them.
    network.watch = () => false;
    for (let i = 0; i < 400; i++) {
      tell(a, hint(spi));
      network.run(100);
    }
    network.watch = undefined;
    network.run(10_000);
    expect(a.codes()).not.toContain("peer-dead");
    expect(talks(both)).toBe(true);
  });

  it("costs a bounded number of questions, however many SAs it knows of", () => {
    const recovery = { ...DEFAULT_OPTIONS.recovery, all: { perSecond: 5, burst: 3 } };
    const names = Array.from({ length: 10 }, (_, i) => i);
    const both = established({ optionsA: { recovery } });
    const { a, network } = both;
    const peers = names.map((i) => {
      const host = network.host(`p${i}`, Uint8Array.of(198, 51, 100, 10 + i));
      host.do((ike, now) => ike.add(both.configB, now));
      const config = { ...both.configA, name: `p${i}`, remote: { address: host.address } };
      a.do((ike, now) => ike.add(config, now));
      return host;
    });
    network.run(3_000);
    const before = a.sent;
    peers.forEach((host, i) => {
      tell(a, hint(a.datapath.packet(`p${i}/net`)!.spi), { address: host.address, port: 4500 });
    });
    expect(a.sent - before).toBe(3);
    expect(a.ike.counters()["rate-limited"]).toBe(7);
  });
});

describe("hints that we give", () => {
  const path = (remote = A) => ({ local: B, remote });
  const flood = (host: Host, times: number, from: (i: number) => Sites["configA"]["local"]) => {
    for (let i = 0; i < times; i++) {
      const remote = { address: from(i)!, port: 4500 };
      host.do((ike, now) => ike.unknownSpi(0x1000 + i, path(remote), now));
    }
  };

  it("go back the way the packet came, and are no request of any IKE SA", () => {
    const { b } = established();
    const effects = b.do((ike, now) => ike.unknownSpi(0xc0ffee01, path(endpoint("192.0.2.1", 61_234)), now));
    expect(effects).toHaveLength(1);
    const [sent] = effects;
    if (sent?.kind !== "send") throw new Error("nothing is sent");
    expect(sent.datagram).toMatchObject({ local: B, remote: endpoint("192.0.2.1", 61_234) });
    const { header, payloads } = decodeMessage(sent.datagram.bytes);
    expect(header).toMatchObject({ spiI: 0n, spiR: 0n, exchange: 37, messageId: 0, initiator: true, response: false });
    expect(payloads).toEqual([notifyOf(NOTIFY.INVALID_SPI, Uint8Array.of(0xc0, 0xff, 0xee, 0x01))]);
    // RFC 7296 §1.5: whoever gets one answers nothing, another router of ours neither.
    const before = b.sent;
    tell(b, sent.datagram.bytes, A);
    expect(b.sent).toBe(before);
  });

  it("are few, for each address and at all, and what is kept of it is bounded", () => {
    const { b, network } = established();
    const { all, each } = DEFAULT_OPTIONS.recovery;
    const given = () => b.ike.counters()["hint-given"]!;
    flood(b, 1_000, () => A.address);
    expect(given()).toBe(each.burst);
    network.run(1_000);
    flood(b, 1_000, () => A.address);
    expect(given()).toBe(each.burst + each.perSecond);
    network.run(60_000);
    const before = given();
    flood(b, 50_000, (i) => Uint8Array.of(10, i >> 16, i >> 8, i));
    expect(given() - before).toBe(all.burst);
    for (let s = 0; s < 20; s++) {
      network.run(1_000);
      flood(b, 1_000, (i) => Uint8Array.of(11, s, i >> 8, i));
    }
    expect(given() - before).toBe(all.burst + 20 * all.perSecond);
    const most = all.burst + (all.perSecond * each.burst) / each.perSecond + 1;
    expect(b.ike.sizes().told).toBeLessThanOrEqual(most);
    expect(b.ike.sizes().told).toBeGreaterThan(0);
  });

  it("are not given to who cannot be a peer", () => {
    const both = established({ b: { from: [A.address] } });
    const { b } = both;
    flood(b, 10, () => Uint8Array.of(203, 0, 113, 9));
    expect(b.ike.counters()["hint-given"]).toBe(0);
    flood(b, 1, () => A.address);
    expect(b.ike.counters()["hint-given"]).toBe(1);
  });
});
