import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Feed } from "../../../../src/console/fleet/feed.ts";
import { Tickets } from "../../../../src/console/fleet/ticket.ts";
import type { Parts, PartsDelta } from "../../../../src/protocol/parts.ts";
import { changed } from "../../protocol/parts.ts";

const delta = (put: Record<string, unknown>, ...remove: string[]): PartsDelta => ({
  put: new Map(Object.entries(put)),
  remove: new Set(remove),
});

describe("what an agent is fed", () => {
  it("nothing when it is in step; all when it is not", () => {
    const feed = new Feed();
    feed.inStep(7);
    expect(feed.next(7)).toBeUndefined();
    feed.outOfStep();
    expect(feed.next(8)).toEqual({ kind: "full" });
    expect(feed.inFlight).toBe(true);
    expect(feed.answered(7, true)).toBe(false);
    expect(feed.answered(8, true)).toBe(true);
    expect(feed.next(8)).toBeUndefined();
  });

  it("one at a time, and what came meanwhile as one", () => {
    const feed = new Feed();
    feed.inStep(1);
    feed.changed(delta({ a: 2 }));
    expect(feed.next(2)).toMatchObject({ base: 1 });
    feed.changed(delta({ b: 3 }));
    feed.changed(delta({ c: 4 }, "b"));
    expect(feed.next(4)).toBeUndefined();
    feed.answered(2, true);
    expect(feed.next(4)).toEqual({ kind: "delta", base: 2, delta: delta({ c: 4 }, "b") });
  });

  it("what was refused is not sent again by itself, and comes with the next change from the old base", () => {
    const feed = new Feed();
    feed.inStep(1);
    feed.changed(delta({ a: 2 }, "x"));
    feed.next(2);
    feed.answered(2, false);
    expect(feed.next(2)).toBeUndefined();
    feed.changed(delta({ b: 3 }));
    expect(feed.next(3)).toEqual({ kind: "delta", base: 1, delta: delta({ a: 2, b: 3 }, "x") });
  });

  it("whatever happens, an agent that takes what it is fed ends with what is wanted", () => {
    const keys = ["a", "b", "c", "d"];
    const step = fc.oneof(
      fc.record({ is: fc.constant("change" as const), key: fc.constantFrom(...keys), value: fc.option(fc.nat()) }),
      fc.record({ is: fc.constant("answer" as const), good: fc.boolean() }),
      fc.record({ is: fc.constant("again" as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const feed = new Feed();
        let wanted: Parts = new Map<string, unknown>([["a", 0]]);
        let version = 1;
        let runs: { parts: Parts; version: number } = { parts: new Map(), version: 0 };
        let flight: { parts: Parts; version: number } | undefined;
        feed.outOfStep();
        const send = () => {
          const sent = feed.next(version);
          if (!sent) return;
          expect(flight).toBeUndefined();
          if (sent.kind === "delta") expect(sent.base).toBe(runs.version);
          const parts = sent.kind === "full" ? wanted : changed(runs.parts, sent.delta);
          expect(parts).toEqual(wanted);
          // What a part was before is what the agent runs: the console may send what of it has changed.
          const { before = new Map() } = sent.kind === "full" ? {} : sent.delta;
          for (const [key, part] of before) expect(runs.parts.get(key)).toEqual(part);
          flight = { parts, version };
        };
        const answer = (good: boolean) => {
          if (!flight) return;
          expect(feed.answered(flight.version, good)).toBe(true);
          if (good) runs = flight;
          flight = undefined;
        };
        for (const one of steps) {
          if (one.is === "change") {
            const before = new Map(wanted.has(one.key) ? [[one.key, wanted.get(one.key)]] : []);
            const change = one.value === null ? delta({}, one.key) : { ...delta({ [one.key]: one.value }), before };
            wanted = changed(wanted, change);
            version++;
            feed.changed(change);
          } else if (one.is === "answer") answer(one.good);
          else feed.outOfStep();
          send();
        }
        answer(true);
        feed.outOfStep();
        send();
        answer(true);
        expect(runs.parts).toEqual(wanted);
      }),
    );
  });
});

describe("a ticket", () => {
  it("is good once, for its device, and not for long", () => {
    const tickets = new Tickets();
    const { text, nonce } = tickets.issue("s", "n", 1000);
    expect(tickets.use(text, "t", "n", 1000)).toBeUndefined();
    expect(tickets.use(text, "s", "m", 1000)).toBeUndefined();
    expect(new Tickets().use(text, "s", "n", 1000)).toBeUndefined();
    expect(tickets.use(text, "s", "n", 31_001)).toBeUndefined();
    expect(tickets.use(text, "s", "n", 31_000)).toBe(nonce);
    expect(tickets.use(text, "s", "n", 31_000)).toBeUndefined();
    for (const bad of ["", "x", text.slice(1), `${text}AAAA`]) expect(tickets.use(bad, "s", "n", 1000)).toBeUndefined();
  });
});
