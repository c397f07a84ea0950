import { describe, expect, it } from "vitest";
import type { Datagram } from "../../src/ike/effect.ts";
import { CALM } from "./network.ts";
import { established, sites, talks } from "./peers.ts";

describe("a network that loses, doubles and reorders", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])("comes up with a third of everything lost, seed %i", (seed) => {
    const both = sites({ seed });
    both.network.weather = { loss: 0.3, duplication: 0.2, delay: [1, 400] };
    both.start();
    both.network.run(40_000);
    expect(talks(both)).toBe(true);
  });

  it("answers a repeated request with the same bytes, and acts upon it once", () => {
    const both = sites();
    const { b, network } = both;
    const answers: Datagram[] = [];
    network.watch = (datagram) => {
      if (datagram.local.address === b.address || datagram.bytes[19] & 0x20) answers.push(datagram);
      return true;
    };
    network.weather = { ...CALM, duplication: 1 };
    both.start();
    network.run(800);
    expect(talks(both)).toBe(true);
    expect(b.ike.counters().duplicate).toBe(2);
    expect(b.ike.status()[0].children).toHaveLength(1);
    const byId = new Map<number, Set<string>>();
    for (const { bytes } of answers) {
      const id = bytes[23];
      byId.set(id, (byId.get(id) ?? new Set()).add(Buffer.from(bytes).toString("hex")));
    }
    for (const seen of byId.values()) expect(seen.size).toBe(1);
  });

  it("drops what is older than the last request, and what is not authentic", () => {
    const both = sites();
    const { b, network } = both;
    const requests: Datagram[] = [];
    network.watch = (datagram) => {
      if (!(datagram.bytes[19] & 0x20)) requests.push(datagram);
      return true;
    };
    both.start();
    network.run(70_000);
    const auth = requests.find(({ bytes }) => bytes[18] === 35)!;
    const swap = ({ local, remote, bytes }: Datagram) => ({ local: remote, remote: local, bytes });
    const before = b.sent;
    b.do((ike, now) => ike.handle(swap(auth), now));
    expect(b.ike.counters().window).toBe(1);
    const probe = requests.findLast(({ bytes, remote }) => bytes[18] === 37 && remote.address === b.address)!;
    const forged = { ...swap(probe), bytes: probe.bytes.slice() };
    forged.bytes[23] += 1;
    b.do((ike, now) => ike.handle(forged, now));
    expect(b.ike.counters().integrity).toBe(1);
    // A changed copy of the last request is not the last request.
    const changed = { ...swap(probe), bytes: probe.bytes.slice() };
    changed.bytes[changed.bytes.length - 1] ^= 1;
    b.do((ike, now) => ike.handle(changed, now));
    expect(b.ike.counters().window).toBe(2);
    expect(b.sent).toBe(before);
    b.do((ike, now) => ike.handle(swap(probe), now));
    expect(b.sent).toBe(before + 1);
  });

  it("hears the answer to its DELETE although the first one was lost", () => {
    const both = established();
    const { a, b, network } = both;
    let lost = 0;
    network.watch = ({ bytes }) => {
      if (bytes[18] === 37 && bytes[19] & 0x20 && lost === 0) {
        lost += 1;
        return false;
      }
      return true;
    };
    a.do((ike, now) => ike.terminate("b", now));
    network.run(3_000);
    expect(lost).toBe(1);
    expect(a.ike.sizes().sas).toBe(0);
    expect(b.ike.sizes().sas).toBe(0);
    expect(a.ike.counters()["gave-up"]).toBe(0);
    expect(b.ike.counters().duplicate).toBe(1);
  });

  it("gives a silent peer up on the schedule that docs/configuration.md tells", () => {
    const both = established({ b: { dpd: 0 }, optionsA: { measure: 3_600_000 } });
    const { a, network } = both;
    const heard = network.now;
    const sent: number[] = [];
    network.watch = ({ bytes }) => {
      if (bytes[18] === 37) sent.push(network.now);
      return false;
    };
    const state = () => a.ike.status()[0].state;
    network.run(31_000);
    expect(sent[0] - heard).toBeGreaterThan(27_000);
    const waits = [0, 0.5, 1.5, 3.5, 7.5, 15.5, 23.5, 31.5, 39.5, 47.5, 55.5, 63.5].map((s) => s * 1000);
    network.run(sent[0] + 71_499 - network.now);
    expect(sent.map((at) => at - sent[0])).toEqual(waits);
    expect(state()).toBe("up");
    network.run(2);
    expect(state()).toBe("down");
    expect(a.codes()).toContain("peer-dead");
    network.run(1_000);
    expect(state()).toBe("connecting");
  });

  it("ends half-open IKE SAs whose peer falls silent", () => {
    const both = sites();
    const { a, b, network } = both;
    network.watch = ({ bytes }) => bytes[18] !== 35;
    both.start();
    network.run(100);
    expect(b.ike.sizes().halfOpen).toBe(1);
    a.do((ike, now) => ike.terminate("b", now));
    network.run(31_000);
    expect(b.ike.sizes()).toMatchObject({ halfOpen: 0, sas: 0, alarms: 0 });
    expect(b.ike.counters()["half-open-expired"]).toBe(1);
  });
});
