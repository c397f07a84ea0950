import { describe, expect, it } from "vitest";
import { Moderation } from "../../../src/datapath/moderation.ts";

/** `ms` milliseconds of traffic, `rounds` in each with `packets` packets; for each round, whether a pause follows. */
function play(moderation: Moderation, from: number, ms: number, rounds: number, packets: number): boolean[] {
  const pauses: boolean[] = [];
  for (let now = from; now < from + ms; now++) {
    for (let i = 0; i < rounds; i++) pauses.push(moderation.round(now, packets));
  }
  return pauses;
}

const share = (pauses: readonly boolean[]): number => pauses.filter(Boolean).length / pauses.length;

describe("moderation", () => {
  it("pauses when packets come fast but one by one", () => {
    const moderation = new Moderation();
    // 60,000 packets a second, two in a round.
    play(moderation, 1000, 10, 30, 2);
    expect(share(play(moderation, 1010, 500, 30, 2))).toBeGreaterThan(0.95);
  });

  it("never pauses on an idle path, nor for a ping every 2 ms", () => {
    const moderation = new Moderation();
    let pauses = 0;
    for (let now = 0; now < 4000; now += 2) if (moderation.round(now, 1)) pauses++;
    expect(pauses).toBe(0);
  });

  it("does not begin with the first packets after a silence", () => {
    const moderation = new Moderation();
    moderation.round(0, 1);
    expect(share(play(moderation, 60_000, 1, 50, 1))).toBe(0);
  });

  it("leaves superpackets alone: few rounds, or many packets in each", () => {
    const moderation = new Moderation();
    expect(share(play(moderation, 1000, 100, 2, 45))).toBe(0);
    expect(share(play(moderation, 2000, 100, 8, 45))).toBe(0);
  });

  it("leaves a request and its answer alone at a rate where nothing would gather", () => {
    expect(share(play(new Moderation(), 1000, 100, 8, 1))).toBe(0);
  });

  it("leaves the pause out after a round that was worth its price", () => {
    const moderation = new Moderation();
    play(moderation, 1000, 10, 30, 2);
    expect(moderation.round(1010, 4)).toBe(true);
    expect(moderation.round(1010, 64)).toBe(false);
    expect(moderation.round(1010, 4)).toBe(true);
  });

  it("goes on while the pauses make the rounds large", () => {
    const moderation = new Moderation();
    play(moderation, 1000, 10, 30, 2);
    expect(share(play(moderation, 1010, 80, 3, 20))).toBe(1);
  });

  it("looks anew now and then, and stays off when waking has become rare", () => {
    const moderation = new Moderation();
    play(moderation, 1000, 10, 30, 2);
    // Three rounds in a millisecond would not begin a spell; the one that runs ends after 100 ms.
    expect(play(moderation, 1010, 200, 3, 20).at(-1)).toBe(false);
  });

  it("ends with the first window in which packets are few", () => {
    const moderation = new Moderation();
    play(moderation, 1000, 10, 30, 2);
    expect(share(play(moderation, 1010, 20, 1, 2).slice(4))).toBe(0);
  });

  it("bears a clock that is set back", () => {
    const moderation = new Moderation();
    play(moderation, 1_000_000, 10, 30, 2);
    play(moderation, 1000, 10, 30, 2);
    expect(share(play(moderation, 1010, 100, 30, 2))).toBeGreaterThan(0.9);
  });
});
