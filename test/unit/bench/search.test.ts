/** The search for the highest rate, on paths that are functions. */
import { describe, expect, it } from "vitest";
import { highestRate, LOSS_LIMIT, type Tried } from "../../../bench/net/search.ts";
import { climb } from "../../../bench/net/spec.ts";

const OPTIONS = { seconds: 1, steps: 7, samples: 3, sampleSeconds: 2 };

/** A path that carries `capacity`, and under overload only `collapsed`; the sender sends at most `sender`. Mbit/s. */
function path({
  capacity,
  collapsed = capacity,
  sender = 5000,
}: {
  capacity: number;
  collapsed?: number;
  sender?: number;
}) {
  const rates: number[] = [];
  const attempt = async (mbps: number): Promise<Tried> => {
    rates.push(mbps);
    const sentMbps = Math.min(mbps, sender);
    const goodputMbps = sentMbps <= capacity ? sentMbps : collapsed;
    return { sentMbps, goodputMbps, lossPct: (1 - goodputMbps / sentMbps) * 100 };
  };
  return { attempt, rates };
}

const goodputs = (samples: readonly Tried[]) => samples.map((sample) => sample.goodputMbps);

describe("the highest rate", () => {
  it.each([15, 130, 700, 2500, 4900])("is found within 7 percent of %i Mbit/s", async (capacity) => {
    const { attempt } = path({ capacity });
    const { samples, limit } = await highestRate(attempt, OPTIONS);
    expect(limit).toBe("path");
    expect(samples).toHaveLength(3);
    for (const { goodputMbps, lossPct } of samples) {
      expect(lossPct).toBeLessThan(LOSS_LIMIT);
      expect(goodputMbps).toBeGreaterThan(capacity * 0.93);
      expect(goodputMbps).toBeLessThanOrEqual(capacity);
    }
  });

  it.each([
    [700, 200],
    [700, 60],
    [370, 140],
  ])("is found within 10 percent at %i Mbit/s though a flood carries %i only", async (capacity, collapsed) => {
    const { samples } = await highestRate(path({ capacity, collapsed }).attempt, { ...OPTIONS, steps: 10 });
    for (const mbps of goodputs(samples)) {
      expect(mbps).toBeGreaterThan(capacity * 0.9);
      expect(mbps).toBeLessThanOrEqual(capacity);
    }
  });

  it("is what the sender can do where that is less", async () => {
    const { attempt } = path({ capacity: 3000, sender: 900 });
    const { samples, limit } = await highestRate(attempt, OPTIONS);
    expect(limit).toBe("sender");
    for (const mbps of goodputs(samples)) expect(mbps).toBe(900);
  });

  it("does not take a sender that was held up once for one that can do no more", async () => {
    for (const held of [0, 1, 2]) {
      const { attempt } = path({ capacity: 1000, sender: 3000 });
      let tries = 0;
      const { samples, limit } = await highestRate(
        async (mbps) => attempt(tries++ === held ? Math.min(mbps, 120) : mbps),
        {
          ...OPTIONS,
          steps: 10,
        },
      );
      expect(limit).toBe("path");
      for (const mbps of goodputs(samples)) expect(mbps).toBeGreaterThan(900);
    }
  });

  it("asks for more where the sender sends less than it is asked for, until some is lost", async () => {
    // Two thirds of what is asked for, as one that shares its CPU with the router.
    const { attempt } = path({ capacity: 450, collapsed: 300 });
    const { samples, limit } = await highestRate((mbps) => attempt(mbps * 0.66), { ...OPTIONS, steps: 10 });
    expect(limit).toBe("path");
    for (const mbps of goodputs(samples)) expect(mbps).toBeGreaterThan(400);
  });

  it("tries a rate again before it believes in a small loss", async () => {
    const { attempt, rates } = path({ capacity: 1000 });
    const disturbed = new Set<number>();
    const { samples } = await highestRate(async (mbps) => {
      const tried = await attempt(mbps);
      // Each rate is disturbed once, the flood not.
      if (mbps >= 5000 || tried.lossPct > 0 || disturbed.has(mbps)) return tried;
      disturbed.add(mbps);
      return { ...tried, goodputMbps: tried.goodputMbps * 0.97, lossPct: 3 };
    }, OPTIONS);
    expect(rates.filter((rate) => rate === rates[1])).toHaveLength(2);
    for (const { goodputMbps } of samples.slice(1)) expect(goodputMbps).toBeGreaterThan(900);
  });

  it("goes down with the samples when what passed in a short try does not last", async () => {
    const { attempt } = path({ capacity: 1000 });
    const { samples } = await highestRate(
      async (mbps, seconds) =>
        seconds === OPTIONS.sampleSeconds && mbps > 800 ? { ...(await attempt(mbps)), lossPct: 2 } : attempt(mbps),
      OPTIONS,
    );
    for (const { goodputMbps, lossPct } of samples) {
      expect(lossPct).toBeLessThan(LOSS_LIMIT);
      expect(goodputMbps).toBeGreaterThan(700);
    }
  });

  it("ends, and tells the loss, where every packet is lost", async () => {
    let tries = 0;
    const { samples } = await highestRate(async (mbps) => {
      tries++;
      return { sentMbps: mbps, goodputMbps: 0, lossPct: 100 };
    }, OPTIONS);
    expect(tries).toBeLessThan(40);
    for (const { lossPct } of samples) expect(lossPct).toBe(100);
  });

  it("ends where one packet in fifty is lost at any rate", async () => {
    const { samples } = await highestRate(
      async (mbps) => ({ sentMbps: mbps, goodputMbps: mbps * 0.98, lossPct: 2 }),
      OPTIONS,
    );
    for (const { lossPct } of samples) expect(lossPct).toBe(2);
  });
});

describe("the quick form of bench spec", () => {
  it("reaches a little above the promise, then two steps up", async () => {
    expect(await climb(path({ capacity: 2000 }).attempt, 200)).toBeCloseTo(540, 6);
  });

  it("gets over tries that other work disturbs", async () => {
    const { attempt } = path({ capacity: 2000 });
    let tries = 0;
    const found = await climb(async (mbps) => ({ ...(await attempt(mbps)), lossPct: tries++ < 5 ? 1 : 0 }), 200);
    expect(found).toBeGreaterThanOrEqual(200);
  });

  it("says how far it came below the promise", async () => {
    expect(await climb(path({ capacity: 150 }).attempt, 200)).toBe(0);
    const { attempt } = path({ capacity: 1000, sender: 190 });
    expect(await climb(attempt, 200)).toBe(190);
  });
});
