import { describe, expect, it } from "vitest";
import type { Datagram } from "../../src/ike/effect.ts";
import { DEFAULT_OPTIONS } from "../../src/ike/environment.ts";
import {
  AUTH,
  both,
  CREATE,
  exchange,
  isFragment,
  isResponse,
  number,
  rekeyChild,
  size,
  total,
  turned,
} from "./large.ts";
import { CALM, v6 } from "./network.ts";
import { secret, talks } from "./peers.ts";
import { Traffic } from "./traffic.ts";

describe("large messages", () => {
  it.each([
    ["IPv4", {}],
    ["IPv6", { addressA: v6("2001:db8::1"), addressB: v6("2001:db8::2") }],
  ] as const)("go in fragments that fit the path, over %s", (_name, options) => {
    const made = both(options);
    made.start();
    made.network.run(3_000);
    expect(talks(made)).toBe(true);
    const large = made.seen.filter((datagram) => exchange(datagram) === AUTH);
    expect(large.every(isFragment)).toBe(true);
    for (const response of [false, true]) {
      const row = large.filter((datagram) => isResponse(datagram) === response);
      expect(row.map(number)).toEqual(row.map((_, i) => i + 1));
      expect(row.every((datagram) => total(datagram) === row.length)).toBe(true);
      expect(row.length).toBeGreaterThan(2);
      expect(Math.max(...row.map(size))).toBe(1_280);
    }
    expect(made.a.ike.status()[0]!.rttMs).toBe(10);
    for (const host of [made.a, made.b]) {
      expect(host.ike.sizes().gathering).toBe(0);
      expect(host.ike.counters()["fragment-repeated"]).toBe(0);
    }
  });

  it("go in fragments after a rekey of the IKE SA, too; small ones go whole", () => {
    const made = both();
    const traffic = new Traffic(made, 50);
    made.start();
    made.network.run(3_000);
    made.a.do((ike, now) => ike.rekeyIke("b", now));
    made.network.run(10_000, traffic.flow);
    made.seen.length = 0;
    rekeyChild(made.a, "b");
    made.network.run(10_000, traffic.flow);
    rekeyChild(made.b, "a");
    made.network.run(60_000, traffic.flow);
    expect(made.seen.filter((datagram) => exchange(datagram) === CREATE).every(isFragment)).toBe(true);
    expect(made.seen.filter((datagram) => exchange(datagram) !== CREATE).some(isFragment)).toBe(false);
    expect(made.a.ike.status()[0]!.children[0]!.rekeys).toBe(2);
    expect(traffic.lost).toEqual([]);
  });

  it("come to nothing when somebody on the way says that a side does not take fragments", () => {
    const made = both();
    const support = Buffer.from([0x00, 0x00, 0x40, 0x2e]);
    made.network.watch = ({ bytes }) => {
      const at = Buffer.from(bytes).indexOf(support);
      if (bytes[18] === 34 && at > 0) bytes[at + 2] = 0x7f;
      return true;
    };
    made.start();
    made.network.run(3_000);
    expect(talks(made)).toBe(false);
    expect(made.b.ike.counters()["authentication-failed"]).toBeGreaterThanOrEqual(1);
  });
});

describe("a network that loses, doubles and reorders fragments", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("comes up and rekeys, seed %i", (seed) => {
    const made = both({ seed, optionsA: { retransmit: { first: 500, factor: 2, limit: 8_000, tries: 100 } } });
    const traffic = new Traffic(made, 1_500);
    made.network.weather = { loss: 0.25, duplication: 0.2, delay: [1, 400] };
    made.start();
    made.network.run(60_000);
    expect(talks(made)).toBe(true);
    rekeyChild(made.a, "b");
    made.network.run(60_000, traffic.flow);
    rekeyChild(made.b, "a");
    made.network.weather = CALM;
    made.network.run(120_000, traffic.flow);
    expect(traffic.lost).toEqual([]);
    expect(made.a.ike.status()[0]!.children).toHaveLength(1);
    expect(made.a.ike.status()[0]!.children[0]!.rekeys).toBeGreaterThanOrEqual(1);
    for (const host of [made.a, made.b]) {
      expect(host.ike.counters()["invalid-syntax"]).toBe(0);
      expect(host.ike.counters().integrity).toBe(0);
      expect(host.ike.sizes().gathering).toBe(0);
    }
  });

  it("sends an answer again as a set, when the first fragment of its request comes again, and only then", () => {
    const made = both();
    made.start();
    made.network.run(3_000);
    const request = made.seen.filter((datagram) => exchange(datagram) === AUTH && !isResponse(datagram));
    const answer = made.seen.filter((datagram) => exchange(datagram) === AUTH && isResponse(datagram));
    // The first exchange after it takes its place, so look at that one.
    const given = (datagram: Datagram) => made.b.do((ike, now) => ike.handle(turned(datagram), now));
    expect(given(request[0]!)).toEqual([]);
    expect(made.b.ike.counters().window).toBe(1);
    made.seen.length = 0;
    rekeyChild(made.a, "b");
    made.network.run(5);
    const [first, ...others] = made.seen.filter((datagram) => !isResponse(datagram));
    made.network.run(1);
    const sent = made.seen.filter(isResponse).map(({ bytes }) => Buffer.from(bytes).toString("hex"));
    expect(sent.length).toBe(answer.length);
    for (const other of others) expect(given(other)).toEqual([]);
    expect(made.b.ike.counters()["fragment-repeated"]).toBe(others.length);
    const again = given(first!).map((effect) => (effect.kind === "send" ? effect.datagram : undefined)!);
    expect(again.map(({ bytes }) => Buffer.from(bytes).toString("hex"))).toEqual(sent);
    expect(made.b.ike.counters().duplicate).toBe(1);
    expect(made.b.ike.status()[0]!.children).toHaveLength(2);
  });

  it("goes on with the fragments that it has when the set is sent again", () => {
    const made = both();
    let dropped = 0;
    made.network.watch = (datagram) => {
      // Of each set another fragment is lost.
      if (exchange(datagram) !== AUTH || number(datagram) !== dropped + 1 || dropped === 2) return true;
      dropped += 1;
      return false;
    };
    made.start();
    made.network.run(2_000);
    expect(dropped).toBe(2);
    expect(talks(made)).toBe(true);
    expect(made.a.ike.counters().retransmitted).toBeLessThanOrEqual(2);
  });

  it("gives a refusal again that was lost, once for each set", () => {
    const made = both({ b: { auth: secret("another key") } });
    const answers: Datagram[] = [];
    let lost = 0;
    made.network.watch = (datagram) => {
      if (datagram.local.address !== made.b.address || exchange(datagram) !== AUTH) return true;
      answers.push(datagram);
      return lost++ > 0;
    };
    made.start();
    made.network.run(700);
    // No INVALID_IKE_SPI for the other fragments, though the IKE SA is gone.
    expect(answers).toHaveLength(2);
    expect(answers[1]!.bytes).toEqual(answers[0]!.bytes);
    expect(made.b.ike.counters()["fragment-repeated"]).toBeGreaterThanOrEqual(2);
    expect(made.b.ike.counters()["unknown-spi"]).toBe(0);
    expect(made.a.ike.status()[0]!.lastError).toContain("refuses our authentication");
  });

  it("forgets the fragments of a message that comes whole after all", () => {
    const made = both({}, 8);
    const { a, b, network } = made;
    let copies = 0;
    const asks = (datagram: Datagram) => exchange(datagram) === AUTH && !isResponse(datagram);
    // The first copy takes its time, two are lost, and of the fourth, which is in fragments, a part is.
    network.delay = (datagram) => (asks(datagram) && copies === 1 ? 4_000 : undefined);
    network.watch = (datagram) => {
      if (!asks(datagram)) return true;
      copies += 1;
      return isFragment(datagram) ? number(datagram) !== 2 : copies === 1;
    };
    made.start();
    network.run(3_900);
    expect(b.ike.sizes().gathering).toBeGreaterThan(0);
    network.run(500);
    expect(talks(made)).toBe(true);
    expect(b.ike.sizes().gathering).toBe(0);
    network.run(40_000);
    expect(b.ike.counters()["fragments-lost"]).toBe(0);
    expect(a.ike.status()[0]!.state).toBe("up");
  });

  it("forgets a message whose fragments stay away", () => {
    const made = both();
    made.start();
    made.network.run(3_000);
    made.network.watch = (datagram) => !(isFragment(datagram) && number(datagram) === 2);
    rekeyChild(made.a, "b");
    made.network.run(1_000);
    expect(made.b.ike.sizes().gathering).toBeGreaterThan(1_000);
    made.network.watch = () => false;
    made.network.run(DEFAULT_OPTIONS.fragment.lifetime);
    expect(made.b.ike.sizes().gathering).toBe(0);
    expect(made.b.ike.counters()["fragments-lost"]).toBe(1);
  });
});

describe("paths that carry less", () => {
  const narrow = (limit: number, which: (datagram: Datagram) => boolean) => (datagram: Datagram) =>
    !which(datagram) || size(datagram) <= limit;

  it.each([
    ["both ways", () => true, 50],
    ["on the way there", (datagram: Datagram) => !isResponse(datagram), 50],
    ["on the way back", isResponse, 50],
    ["both ways, for messages that were whole at first", () => true, 8],
    ["on the way back, for messages that were whole at first", isResponse, 8],
  ] as const)("smaller fragments pass: 576 bytes %s", (_name, which, count) => {
    const made = both({}, count);
    const pass = narrow(576, which);
    const passed: Datagram[] = [];
    made.network.watch = (datagram) => {
      if (pass(datagram)) passed.push(datagram);
      return pass(datagram);
    };
    made.start();
    made.network.run(10_000);
    expect(talks(made)).toBe(true);
    expect(passed.some((datagram) => isFragment(datagram) && isResponse(datagram) && size(datagram) === 576)).toBe(
      true,
    );
    rekeyChild(made.b, "a");
    made.network.run(20_000);
    expect(talks(made)).toBe(true);
    expect(made.b.ike.status()[0]!.children[0]!.rekeys).toBe(1);
  });

  it.each([
    ["IPv4", {}],
    ["IPv6", { addressA: v6("2001:db8::1"), addressB: v6("2001:db8::2") }],
  ] as const)("answers in the size of the request, over %s", (_name, options) => {
    const made = both({ ...options, optionsA: { fragment: { ...DEFAULT_OPTIONS.fragment, datagram: 700 } } });
    made.start();
    made.network.run(3_000);
    expect(talks(made)).toBe(true);
    const answers = made.seen.filter((datagram) => exchange(datagram) === AUTH && isResponse(datagram));
    expect(Math.max(...answers.map(size))).toBe(700);
  });
});
