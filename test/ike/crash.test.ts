/** A peer that has lost its SAs: hints (RFC 7296 §1.5, §2.21.4), tokens (RFC 6290), and what neither may do to who is alive. */
import { describe, expect, it } from "vitest";
import { DEFAULT_OPTIONS } from "../../src/ike/environment.ts";
import { espSpiBytes } from "../../src/ike/octets.ts";
import { CrashTokens } from "../../src/ike/token.ts";
import { decodeMessage, EXCHANGE, encodeMessage, NOTIFY, notifyOf, payloadsOf } from "../../src/ike/wire/index.ts";
import type { Host } from "./network.ts";
import { endpoint } from "./network.ts";
import { BASE, established, type Sites, sites, talks } from "./peers.ts";

/** Of a calm network, ms. */
const ROUND_TRIP = 10;
const { dpd: DPD } = BASE;
const A = endpoint("192.0.2.1", 4500);
const B = endpoint("198.51.100.1", 4500);

/** Crashes at once and comes back with its configuration; everything else goes on. */
function crash({ b, configB }: Sites): void {
  b.crash();
  b.do((ike, now) => ike.add(configB, now));
}

/** `a` sends a packet of ESP, which arrives half a round trip later. */
function sendEsp({ a, b, network }: Sites): void {
  const packet = a.datapath.packet("b/net")!;
  network.later(ROUND_TRIP / 2, () => b.esp(packet, A), false);
}

/** Both SPIs of the IKE SA that `host` uses. */
function spis(host: Host): { spiI: bigint; spiR: bigint } {
  const { spiLocal, spiRemote, initiator } = host.ike.status()[0]!.ike!;
  const [local, remote] = [BigInt(`0x${spiLocal}`), BigInt(`0x${spiRemote}`)];
  return initiator ? { spiI: local, spiR: remote } : { spiI: remote, spiR: local };
}

/** INVALID_SPI as anybody can write it. */
function hint(spi: number, more: { spiI?: bigint; spiR?: bigint; data?: Uint8Array } = {}): Uint8Array {
  const { spiI = 0n, spiR = 0n, data = espSpiBytes(spi) } = more;
  const header = { spiI, spiR, exchange: EXCHANGE.INFORMATIONAL, messageId: 0, initiator: true, response: false };
  return encodeMessage({ header, payloads: [notifyOf(NOTIFY.INVALID_SPI, data)] });
}

/** INVALID_IKE_SPI in the clear to `a`, which began the IKE SA, with these tokens. */
function denial(a: Host, tokens: readonly Uint8Array[], messageId = 1_000): Uint8Array {
  const header = { ...spis(a), exchange: EXCHANGE.INFORMATIONAL, messageId, initiator: false, response: true };
  const shown = tokens.map((token) => notifyOf(NOTIFY.QUICK_CRASH_DETECTION, token));
  return encodeMessage({ header, payloads: [notifyOf(NOTIFY.INVALID_IKE_SPI), ...shown] });
}

function tell(host: Host, bytes: Uint8Array, remote = B): void {
  const local = { address: host.address, port: 4500 };
  host.do((ike, now) => ike.handle({ local, remote, bytes }, now));
}

/** Every notification in the clear that `host` sends, by type. */
function watchClear({ network }: Sites, host: Host): { notify: number; data: Uint8Array }[] {
  const found: { notify: number; data: Uint8Array }[] = [];
  network.watch = ({ bytes, local }) => {
    if (local.address === host.address && bytes[18] !== EXCHANGE.IKE_SA_INIT) {
      for (const { notify, data } of payloadsOf(decodeMessage(bytes).payloads, "notify")) found.push({ notify, data });
    }
    return true;
  };
  return found;
}

describe("a router that has lost its SAs", () => {
  it.each([
    ["who is in use", 0],
    ["whose IKE SA was rekeyed by its initiator", 1],
    ["whose IKE SA was rekeyed by its responder", 2],
  ])("carries a peer's traffic again %s, four round trips after the first packet", (_, rekeyed) => {
    const both = established();
    const { a, b, network } = both;
    if (rekeyed > 0) {
      const by = rekeyed === 1 ? a : b;
      by.do((ike, now) => ike.rekeyIke(rekeyed === 1 ? "b" : "a", now));
      network.run(5_000);
    }
    const old = spis(a);
    crash(both);
    sendEsp(both);
    // Hint, question and proof; then IKE_SA_INIT and IKE_AUTH.
    network.run(4 * ROUND_TRIP);
    expect(talks(both)).toBe(true);
    expect(spis(a)).not.toEqual(old);
    expect(a.codes()).toContain("peer-restarted");
    expect(a.codes()).not.toContain("peer-dead");
    // Nothing of the old ones is left anywhere.
    network.run(15_000);
    expect(a.datapath.installed.size).toBe(1);
    expect(b.datapath.installed.size).toBe(1);
    expect(a.ike.sizes().sas).toBe(1);
    expect(b.ike.sizes().sas).toBe(1);
  });

  it("is asked by a peer that has nothing to send when that has heard nothing for long, and says so then", () => {
    const both = established();
    const { a, network } = both;
    crash(both);
    network.run(DPD);
    expect(a.codes()).toContain("peer-restarted");
    expect(talks(both)).toBe(true);
  });

  it("is a peer's peer as well: who answered gives up its SAs when the initiator has started anew", () => {
    const both = established({ b: { dpd: 0 } });
    const { a, b, network } = both;
    const packet = b.datapath.packet("a/net")!;
    a.crash();
    a.do((ike, now) => ike.add({ ...both.configA, initiate: false }, now));
    a.esp(packet, B);
    network.run(1_000);
    expect(b.codes()).toContain("peer-restarted");
    // It is not its turn to begin.
    expect(b.ike.status()[0]!.state).toBe("down");
    expect(b.datapath.installed.size).toBe(0);
    expect(b.ike.sizes().sas).toBe(0);
  });

  it("is believed while it was asked already, and the next copy of the question is seconds off", () => {
    const both = established();
    const { a, b, network } = both;
    network.watch = () => false;
    network.run(DPD + 5_000);
    const before = a.ike.counters().retransmitted!;
    expect(before).toBeGreaterThan(2);
    network.watch = undefined;
    crash(both);
    sendEsp(both);
    network.run(4 * ROUND_TRIP);
    expect(talks(both)).toBe(true);
    expect(b.ike.counters()["hint-given"]).toBe(1);
  });

  it("finds its peers again over a path that loses a third of everything", () => {
    const both = established();
    const { a, network } = both;
    network.weather = { loss: 0.33, duplication: 0.1, delay: [5, 60] };
    crash(both);
    for (let i = 0; i < 40 && !a.codes().includes("peer-restarted"); i++) {
      sendEsp(both);
      network.run(250);
    }
    expect(a.codes()).toContain("peer-restarted");
    network.run(10_000);
    expect(talks(both)).toBe(true);
  });

  it("without a secret is found as ever: the hint makes the peer ask, and patience does the rest", () => {
    const both = established({ tokenless: ["b"] });
    const { a, network } = both;
    crash(both);
    sendEsp(both);
    network.run(7_000);
    expect(a.ike.counters()["unprotected-error"]).toBeGreaterThan(1);
    expect(a.codes()).not.toContain("peer-restarted");
    network.run(3_000);
    expect(a.codes()).toContain("peer-dead");
    expect(talks(both)).toBe(true);
  });

  it("with another secret than before is not believed, and found as ever", () => {
    const both = established();
    const { a, b, network } = both;
    b.secret = b.dice.bytes(32);
    crash(both);
    sendEsp(both);
    network.run(7_000);
    expect(a.ike.counters()["token-false"]).toBeGreaterThan(0);
    expect(a.codes()).not.toContain("peer-restarted");
    network.run(3_000);
    expect(a.codes()).toContain("peer-dead");
    expect(talks(both)).toBe(true);
  });

  it("has peers that know nothing of tokens", () => {
    const both = established({ tokenless: ["a"] });
    const { b, network } = both;
    expect(talks(both)).toBe(true);
    // What b gives a is kept though a gives none.
    crash(both);
    sendEsp(both);
    network.run(4 * ROUND_TRIP);
    expect(talks(both)).toBe(true);
    expect(b.ike.counters()["hint-given"]).toBe(1);
  });
});

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

describe("a denial that is forged", () => {
  it("without a token ends nothing: the peer is asked, and lives", () => {
    const both = established();
    const { a, network } = both;
    const before = a.sent;
    for (let i = 0; i < 1_000; i++) tell(a, denial(a, []));
    expect(a.sent - before).toBe(1);
    network.run(5_000);
    expect(talks(both)).toBe(true);
    expect(a.codes().filter((code) => code !== "connecting")).toEqual(["ike-up", "child-up"]);
  });

  it("with a token ends nothing unless it is the one: not a guess, not a cut one, not our own, not one of another IKE SA", () => {
    const both = established();
    const { a, b, network } = both;
    const { spiI, spiR } = spis(a);
    const theirs = new CrashTokens(b.secret!).make(spiI, spiR).data;
    const ours = new CrashTokens(a.secret!).make(spiI, spiR).data;
    const false_ = [
      theirs.map((byte, i) => (i === 31 ? byte ^ 1 : byte)),
      theirs.map((byte, i) => (i === 0 ? byte ^ 128 : byte)),
      theirs.subarray(0, 31),
      theirs.subarray(0, 16),
      Uint8Array.from([...theirs, 0]),
      new Uint8Array(0),
      new Uint8Array(32),
      ours,
      new CrashTokens(b.secret!).make(spiR, spiI).data,
      new CrashTokens(b.secret!).make(spiI, spiR + 1n).data,
    ];
    for (const token of false_) tell(a, denial(a, [token]));
    // The right one in fifth place: so many are not looked at.
    tell(a, denial(a, [ours, ours, ours, ours, theirs]));
    expect(a.ike.counters()["token-false"]).toBe(false_.length + 1);
    network.run(5_000);
    expect(a.codes()).not.toContain("peer-restarted");
    expect(talks(both)).toBe(true);
    // All of this was about nothing but the token: in fourth place it counts, whatever message it answers.
    tell(a, denial(a, [ours, ours, ours, theirs]));
    expect(a.codes()).toContain("peer-restarted");
    expect(a.datapath.installed.size).toBe(0);
  });

  it("is nothing to an IKE SA whose peer gave no token, or is not there yet", () => {
    const both = established({ tokenless: ["b"] });
    const { a, network } = both;
    tell(a, denial(a, [new Uint8Array(0)]));
    tell(a, denial(a, [new Uint8Array(32)]));
    network.run(3_000);
    expect(talks(both)).toBe(true);
    expect(a.codes()).not.toContain("peer-restarted");
  });
});

describe("the token of a live IKE SA", () => {
  /** A protected message, as far as a stranger can make one, with these SPIs. */
  function fake(spiI: bigint, spiR: bigint, initiator: boolean, exchange: number): Uint8Array {
    const bytes = encodeMessage({
      header: { spiI, spiR, exchange, messageId: 7, initiator, response: false },
      payloads: [{ kind: "nonce", data: new Uint8Array(40) }],
    });
    bytes[16] = 46;
    return bytes;
  }

  it("is shown to nobody, whatever SPIs and flags he writes, and neither is one that is about to be", () => {
    const both = sites();
    const { a, b, network } = both;
    const shown = { a: watchClear(both, a), b: [] as { notify: number; data: Uint8Array }[] };
    const seen: Uint8Array[] = [];
    network.watch = (datagram) => {
      const { bytes, local } = datagram;
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const [spiI, spiR] = [view.getBigUint64(0), view.getBigUint64(8)];
      if (bytes[18] !== EXCHANGE.IKE_SA_INIT && bytes[16] !== 46) {
        const into = local.address === a.address ? shown.a : shown.b;
        for (const { notify, data } of payloadsOf(decodeMessage(bytes).payloads, "notify")) into.push({ notify, data });
      }
      // Somebody who sees everything asks both, faster than the messages arrive.
      if (bytes[16] !== 41 && seen.length < 40) {
        seen.push(bytes);
        for (const initiator of [true, false])
          for (const exchange of [EXCHANGE.IKE_AUTH, EXCHANGE.CREATE_CHILD_SA, EXCHANGE.INFORMATIONAL]) {
            network.later(1, () => tell(a, fake(spiI, spiR, initiator, exchange), B), false);
            network.later(1, () => tell(b, fake(spiI, spiR, initiator, exchange), A), false);
          }
      }
      return true;
    };
    both.start();
    network.run(3_000);
    a.do((ike, now) => ike.rekeyIke("b", now));
    network.run(3_000);
    expect(talks(both)).toBe(true);
    const { spiI, spiR } = spis(a);
    expect(seen.length).toBeGreaterThan(8);
    for (const host of [a, b]) {
      for (const initiator of [true, false]) {
        for (const [i, r] of [
          [spiI, spiR],
          [spiR, spiI],
          [spiI, 1n],
          [1n, spiR],
        ] as const) {
          tell(host, fake(i, r, initiator, EXCHANGE.INFORMATIONAL), host === a ? B : A);
        }
      }
    }
    network.run(3_000);
    const clear = [...shown.a, ...shown.b];
    expect(clear.length).toBeGreaterThan(0);
    for (const host of [a, b]) {
      const live = Buffer.from(new CrashTokens(host.secret!).make(spiI, spiR).data).toString("hex");
      expect(clear.map(({ data }) => Buffer.from(data).toString("hex"))).not.toContain(live);
    }
    expect(talks(both)).toBe(true);
    // A foreign one is: else the test above would show nothing.
    tell(b, fake(3n, 4n, true, EXCHANGE.INFORMATIONAL), A);
    expect(shown.b.map(({ notify }) => notify)).toContain(NOTIFY.QUICK_CRASH_DETECTION);
  });

  it("answers protected requests alone, and not often", () => {
    const both = established();
    const { b, network } = both;
    const clear = watchClear(both, b);
    const tokens = () => clear.filter(({ notify }) => notify === NOTIFY.QUICK_CRASH_DETECTION).length;
    const request = fake(3n, 4n, true, EXCHANGE.INFORMATIONAL);
    const response = request.slice();
    response[19]! |= 0x20;
    tell(b, response, A);
    const open = encodeMessage({
      header: {
        spiI: 3n,
        spiR: 4n,
        exchange: EXCHANGE.CREATE_CHILD_SA,
        messageId: 7,
        initiator: true,
        response: false,
      },
      payloads: [{ kind: "nonce", data: new Uint8Array(40) }],
    });
    tell(b, open, A);
    expect(clear.map(({ notify }) => notify)).toEqual([NOTIFY.INVALID_IKE_SPI]);
    const { all, each } = DEFAULT_OPTIONS.recovery;
    for (let i = 0; i < 1_000; i++) tell(b, request, A);
    expect(tokens()).toBe(each.burst);
    for (let i = 0; i < 1_000; i++) tell(b, request, endpoint(`10.0.${i >> 8}.${i & 255}`, 4500));
    expect(tokens()).toBe(all.burst);
    network.run(1_000);
    for (let i = 0; i < 1_000; i++) tell(b, request, endpoint(`10.0.${i >> 8}.${i & 255}`, 4500));
    expect(tokens()).toBe(all.burst + all.perSecond);
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
