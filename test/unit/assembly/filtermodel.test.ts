import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FilterRules } from "../../../src/datapath/rules.ts";
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

type Step =
  | { readonly packet: { readonly ends: { far: string; near: string }; what: Seen["what"]; direction: "in" | "out" } }
  | { readonly wait: number }
  | { readonly change: FilterRules };

const wait = fc.record({ wait: fc.constantFrom(1, 29, 59, 61, 119, 121, 239, 241, 299, 301, 7439, 7441) });

/** Many ends, protocols and rules: which flow a packet belongs to, and which rule decides. */
const wide = fc.oneof(
  { weight: 20, arbitrary: fc.record({ packet }) },
  { weight: 1, arbitrary: wait },
  { weight: 2, arbitrary: fc.record({ change: ruleSet }) },
);

/** Two ends that talk, under rules that accept them now and then: the states of a flow. */
const narrowRules = fc
  .record({ rule: fc.constantFrom(...(["accept", "accept", "drop"] as const)), out: action })
  .map((all) => rules([{ action: all.rule }, { prefix: "::/0", action: all.rule }], { out: all.out }));

function talk(first: Seen["what"][], answer: Seen["what"][]): fc.Arbitrary<Step> {
  const between = { far: FAR4[0]!, near: NEAR4[0]! };
  const said = (direction: "in" | "out", all: Seen["what"][]) =>
    fc.constantFrom(...all).map((what): Step => ({ packet: { ends: between, direction, what } }));
  return fc.oneof(
    { weight: 12, arbitrary: said("in", first) },
    { weight: 12, arbitrary: said("out", answer) },
    { weight: 3, arbitrary: wait },
    { weight: 2, arbitrary: narrowRules.map((change): Step => ({ change })) },
  );
}

const FLAGS = [SYN, SYN, SYN | ACK, SYN | ACK, ACK, ACK, ACK | FIN, RST];
const tcp = talk(
  FLAGS.map((flags) => ({ kind: "tcp", ports: [40000, 443], flags })),
  FLAGS.map((flags) => ({ kind: "tcp", ports: [443, 40000], flags })),
);
const datagrams = talk([{ kind: "udp", ports: [40000, 53] }], [{ kind: "udp", ports: [53, 40000] }]);
const echoes = talk(
  [false, true].map((reply) => ({ kind: "echo", id: 7, reply })),
  [false, true].map((reply) => ({ kind: "echo", id: 7, reply })),
);

function play(first: FilterRules, steps: readonly Step[]): void {
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
}

describe("the filter beside a second one", () => {
  it.each([
    ["many flows under many rules", ruleSet, wide, 60],
    ["a TCP connection", narrowRules, tcp, 150],
    ["datagrams", narrowRules, datagrams, 40],
    ["echoes, asked by both ends", narrowRules, echoes, 40],
  ] as const)("judges, counts and forgets alike: %s", (_, first, step, numRuns) => {
    const steps = fc.array<Step>(step, { minLength: 20, maxLength: 100 });
    fc.assert(fc.property(first, steps, play), { numRuns });
  });
});
