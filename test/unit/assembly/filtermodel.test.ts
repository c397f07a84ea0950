import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FilterBed, packetOf, type RuleText, rules } from "./filterbed.ts";
import { ACK, FIN, FilterOracle, RST, type Seen, SYN } from "./filteroracle.ts";

const FAR4 = ["10.1.0.1", "10.1.0.2", "10.1.128.1"];
const NEAR4 = ["10.2.0.1", "10.2.0.2"];
const FAR6 = ["fd00:1::1", "fd00:1:8000::2"];
const NEAR6 = ["fd00:2::1", "fd00:2::2"];
const PORTS = [22, 443, 40000, 40001];

const ends = fc.oneof(
  fc.record({ far: fc.constantFrom(...FAR4), near: fc.constantFrom(...NEAR4) }),
  fc.record({ far: fc.constantFrom(...FAR6), near: fc.constantFrom(...NEAR6) }),
);
const ports = fc.tuple(fc.constantFrom(...PORTS), fc.constantFrom(...PORTS));
const what: fc.Arbitrary<Seen["what"]> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("tcp" as const),
      ports,
      flags: fc.constantFrom(SYN, SYN, SYN | ACK, ACK, ACK, ACK | FIN, RST, RST | ACK, 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("udp" as const), ports }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("echo" as const), id: fc.constantFrom(7, 8), reply: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("other" as const), protocol: fc.constantFrom(47, 50) }) },
);
const packet = fc.record({ ends, what, direction: fc.constantFrom("in" as const, "out" as const) });

const ruleText: fc.Arbitrary<RuleText> = fc.record(
  {
    direction: fc.constantFrom("in" as const, "out" as const),
    protocol: fc.constantFrom(6, 6, 17, 1, 58, 47),
    ports: fc.constantFrom([22, 22] as const, [443, 40000] as const, [0, 65535] as const, [40001, 40001] as const),
    prefix: fc.constantFrom("0.0.0.0/0", "10.1.0.0/17", "10.1.0.2/32", "::/0", "fd00:1:8000::/33"),
    action: fc.constantFrom("accept" as const, "accept" as const, "drop" as const),
  },
  { requiredKeys: ["direction", "prefix", "action"] },
);
const action = fc.constantFrom("accept" as const, "drop" as const);
const ruleSet = fc
  .record({ texts: fc.array(ruleText, { maxLength: 6 }), in: action, out: action })
  .map((all) => rules(all.texts, all));

const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ packet }) },
  { weight: 3, arbitrary: fc.record({ wait: fc.constantFrom(1, 29, 61, 119, 121, 241, 301, 7441) }) },
  { weight: 2, arbitrary: fc.record({ change: ruleSet }) },
);

describe("the filter beside a second one", () => {
  it("judges each packet alike, counts alike, and forgets alike", () => {
    fc.assert(
      fc.property(ruleSet, fc.array(step, { minLength: 20, maxLength: 120 }), (first, steps) => {
        const bed = new FilterBed(first, { sas: 2 });
        const oracle = new FilterOracle(first);
        let now = 1_800_000_000;
        bed.router.at(now * 1000);
        for (const one of steps) {
          if ("wait" in one) {
            now += one.wait;
            bed.router.at(now * 1000);
          } else if ("change" in one) {
            bed.change(one.change);
            oracle.change(one.change);
          } else {
            const { direction, what } = one.packet;
            const { far, near } = one.packet.ends;
            const [from, to] = direction === "in" ? [far, near] : [near, far];
            const seen = { direction, from, to, what };
            expect(bed.send(direction, packetOf(seen)), JSON.stringify(seen)).toBe(oracle.judge(seen, now));
          }
          expect(bed.hits()).toEqual(oracle.hits);
        }
        const counters = bed.router.counters();
        expect([counters["flow-opened"] ?? 0, counters["flow-cut"] ?? 0]).toEqual([oracle.opened, oracle.cut]);
        expect(counters["flow-evicted"]).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });
});
