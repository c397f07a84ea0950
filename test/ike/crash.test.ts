/** A peer that has lost its SAs is found within round trips: hints (RFC 7296 §1.5), tokens (RFC 6290). */
import { describe, expect, it } from "vitest";
import { B, crash, DPD, ROUND_TRIP, sendEsp, spis } from "./crash.ts";
import { established, talks } from "./peers.ts";

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
