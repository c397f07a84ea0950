/** Crash tokens (RFC 6290): forged ones end nothing, and those of live IKE SAs are shown to nobody. */
import { describe, expect, it } from "vitest";
import { DEFAULT_OPTIONS } from "../../src/ike/environment.ts";
import { CrashTokens } from "../../src/ike/token.ts";
import { decodeMessage, EXCHANGE, encodeMessage, NOTIFY, payloadsOf } from "../../src/ike/wire/index.ts";
import { A, B, denial, spis, tell, watchClear } from "./crash.ts";
import { endpoint } from "./network.ts";
import { established, sites, talks } from "./peers.ts";

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
    const forged = [
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
    for (const token of forged) tell(a, denial(a, [token]));
    // The right one in fifth place: so many are not looked at.
    tell(a, denial(a, [ours, ours, ours, ours, theirs]));
    expect(a.ike.counters()["token-false"]).toBe(forged.length + 1);
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
