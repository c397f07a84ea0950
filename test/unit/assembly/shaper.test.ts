/** What goes into a shaped tunnel: the rate, over time; who gets how much of it; how long it takes; nothing lost but what is counted. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ip, parse, udp } from "./packets.ts";
import { type Offered, ShapeBed } from "./shapebed.ts";
import { dissect, type Flow, segments, superpacket } from "./superpacket.ts";

const MS = 1e6;

/** Packets but for their numbers. */
const templates = new Map<string, Buffer>();

/** A packet of `bytes` of flow `flow` with a number in it. */
function packet(flow: number, number: number, bytes = 1400, to = "10.0.0.9", tos = 0): Buffer {
  const key = `${flow} ${bytes} ${to} ${tos}`;
  let made = templates.get(key);
  if (!made) {
    const data = Buffer.alloc(bytes - 28);
    data.writeUInt32BE(flow, 0);
    made = ip({ from: "10.200.0.1", to, tos, payload: udp(1000 + flow, 53, data) });
    templates.set(key, made);
  }
  const own = Buffer.from(made);
  own.writeUInt32BE(number, 32);
  return own;
}

const flowOf = (bytes: Buffer): number => bytes.readUInt32BE(28);
const numberOf = (bytes: Buffer): number => bytes.readUInt32BE(32);
const sumOf = (packets: readonly Buffer[]): number => packets.reduce((sum, { length }) => sum + length, 0);

interface Source {
  readonly flow: number;
  /** Of the tunnel's rate. */
  readonly load: number;
  readonly bytes?: number;
  readonly worker?: number;
}

/** Offers each source's share of `rate` for `ms` in steps, and lets go what is due. What left, with when. */
function run(bed: ShapeBed, rate: number, ms: number, sources: readonly Source[], step = 0.25) {
  const left: { flow: number; bytes: number; after: number }[] = [];
  const sentAt = new Map<string, number>();
  const debts = sources.map(() => 0);
  const numbers = sources.map(() => 0);
  const begun = bed.now;
  const note = (packets: readonly Buffer[]) => {
    for (const bytes of packets) {
      const after = bed.now - sentAt.get(`${flowOf(bytes)} ${numberOf(bytes)}`)!;
      left.push({ flow: flowOf(bytes), bytes: bytes.length, after: after / MS });
    }
  };
  const workers = new Set(sources.map(({ worker = 0 }) => worker));
  for (let at = step; at <= ms; at += step) {
    bed.at(begun + at * MS);
    sources.forEach(({ flow, load, bytes = 1400, worker = 0 }, i) => {
      debts[i]! += (rate / 8000) * load * step;
      const batch: Buffer[] = [];
      while (debts[i]! >= bytes) {
        debts[i]! -= bytes;
        sentAt.set(`${flow} ${numbers[i]}`, bed.now);
        batch.push(packet(flow, numbers[i]!++, bytes));
      }
      if (batch.length > 0) note(bed.offer(batch, worker));
    });
    for (const worker of workers) note(bed.depart(worker));
  }
  return left;
}

const rateOf = (left: readonly { bytes: number }[], ms: number): number =>
  (left.reduce((sum, { bytes }) => sum + bytes, 0) * 8000) / ms;

/** (Σx)² / (n Σx²): 1, all are alike; 1/n, one has all. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((all, x) => all + x, 0);
  return sum ** 2 / (shares.length * shares.reduce((all, x) => all + x * x, 0));
}

describe("the rate", () => {
  it.each([
    [64_000, 60_000, 1400],
    [1_000_000, 20_000, 1400],
    [2_000_000, 10_000, 200],
    [20_000_000, 3000, 1400],
    [200_000_000, 500, 1400],
    [1_000_000_000, 120, 1400],
    [10_000_000_000, 40, 8000],
  ])("of %i bit/s is held over %i ms by packets of %i bytes", (rate, ms, bytes) => {
    const bed = new ShapeBed();
    bed.shapes.set(bed.tunnels[0]!, rate);
    const step = Math.max(0.25, (bytes * 8000) / rate / 3);
    const left = run(bed, rate, ms, [{ flow: 1, load: 1.5, bytes }], step);
    // What came at once at the beginning is no part of it.
    const burst = Math.max(5, (2 * 1514 * 8000) / rate);
    const got = rateOf(left, ms + burst);
    expect(got / rate).toBeGreaterThan(0.985);
    expect(rateOf(left, ms + burst + (bytes * 8000) / rate)).toBeLessThan(rate * 1.001);
    // What waits is bounded: 50 ms of the rate, or ten full packets.
    const most = Math.max(50, (10 * 1514 * 8000) / rate);
    expect(Math.max(...left.map(({ after }) => after))).toBeLessThan(most + 2 * step + 2);
  });

  it("below it nothing waits, and nothing is lost", () => {
    const bed = new ShapeBed();
    bed.shapes.set(bed.tunnels[0]!, 100_000_000);
    const left = run(bed, 100_000_000, 500, [{ flow: 1, load: 0.95 }]);
    expect(Math.max(...left.map(({ after }) => after))).toBe(0);
    expect(bed.shapes.traffic(bed.tunnels[0]!)).toMatchObject({ queued: 0, dropped: 0, packets: left.length });
    expect(bed.lines()).toBe(0);
  });

  it("a worker that looks late by 20 ms loses nothing of it, while packets wait", () => {
    const bed = new ShapeBed();
    const rate = 100_000_000;
    bed.shapes.set(bed.tunnels[0]!, rate);
    const left = run(bed, rate, 2000, [{ flow: 1, load: 1.5 }], 20);
    // But for the last 20 ms, for which it has not looked yet.
    expect(rateOf(left, 1985) / rate).toBeCloseTo(1, 2);
  });

  it("after a pause no more than the burst goes at once", () => {
    const bed = new ShapeBed();
    bed.shapes.set(bed.tunnels[0]!, 100_000_000);
    bed.at(bed.now + 10_000 * MS);
    const sent = bed.offer(Array.from({ length: 400 }, (_, i) => packet(1, i)));
    expect(sumOf(sent)).toBeGreaterThan(62_500);
    expect(sumOf(sent)).toBeLessThan(62_500 + 1400);
  });

  it.each([1, 0.25])("two workers on one tunnel keep it together, and share it (other load %d)", (load) => {
    const bed = new ShapeBed({ workers: 2 });
    const rate = 100_000_000;
    bed.shapes.set(bed.tunnels[0]!, rate);
    const left = run(bed, rate, 1000, [
      { flow: 1, load: 1.2, worker: 0 },
      { flow: 2, load, worker: 1 },
    ]);
    expect(rateOf(left, 1005) / rate).toBeGreaterThan(0.985);
    expect(rateOf(left, 1005) / rate).toBeLessThan(1.002);
    const own = (flow: number) =>
      rateOf(
        left.filter((one) => one.flow === flow),
        1005,
      ) / rate;
    expect(own(2)).toBeGreaterThan(Math.min(0.5, load) * 0.9);
  });

  it("flows count, not workers: three on one and one on the other have a quarter each", () => {
    const bed = new ShapeBed({ workers: 2 });
    const rate = 100_000_000;
    bed.shapes.set(bed.tunnels[0]!, rate);
    const sources = [0, 1, 2, 3].map((flow) => ({ flow, load: 0.6, worker: flow === 3 ? 1 : 0 }));
    const left = run(bed, rate, 1000, sources);
    const shares = sources.map(({ flow }) =>
      rateOf(
        left.filter((one) => one.flow === flow),
        1000,
      ),
    );
    expect(jain(shares)).toBeGreaterThan(0.95);
  });
});

describe("flows", () => {
  it.each([2, 5, 20])("%i of them that all want everything have like shares", (count) => {
    const bed = new ShapeBed();
    const rate = 100_000_000;
    bed.shapes.set(bed.tunnels[0]!, rate);
    const sources = Array.from({ length: count }, (_, flow) => ({
      flow,
      load: (1.3 + flow * 0.05) / count,
      bytes: 300 + 50 * flow,
    }));
    const left = run(bed, rate, 400, sources);
    const shares = sources.map(({ flow }) =>
      rateOf(
        left.filter((one) => one.flow === flow),
        400,
      ),
    );
    expect(jain(shares)).toBeGreaterThan(0.95);
  });

  it("a small one does not wait behind a large one", () => {
    const bed = new ShapeBed();
    const rate = 2_000_000;
    bed.shapes.set(bed.tunnels[0]!, rate);
    const left = run(bed, rate, 5000, [
      { flow: 1, load: 3 },
      { flow: 2, load: 0.02, bytes: 100 },
    ]);
    const small = left.filter(({ flow }) => flow === 2);
    expect(small.length).toBeGreaterThanOrEqual(248);
    // A packet on its way, one more, and the beat of the grid.
    expect(Math.max(...small.map(({ after }) => after))).toBeLessThan(14);
  });

  it("… not even where the two have different workers", () => {
    const bed = new ShapeBed({ workers: 2 });
    const rate = 2_000_000;
    bed.shapes.set(bed.tunnels[0]!, rate);
    const left = run(bed, rate, 5000, [
      { flow: 1, load: 3, worker: 0 },
      { flow: 2, load: 0.02, bytes: 100, worker: 1 },
    ]);
    const small = left.filter(({ flow }) => flow === 2);
    expect(small.length).toBeGreaterThanOrEqual(248);
    // At most two packets of the other, and the beat of the grid.
    expect(Math.max(...small.map(({ after }) => after))).toBeLessThan(16);
    expect(rateOf(left, 5012) / rate).toBeGreaterThan(0.985);
  });

  it("of what waits too long, packets that know ECN are marked, others are dropped", () => {
    for (const [tos, kind] of [
      [0, "dropped"],
      [2, "marked"],
    ] as const) {
      const bed = new ShapeBed();
      const rate = 20_000_000;
      bed.shapes.set(bed.tunnels[0]!, rate);
      const marks: number[] = [];
      let number = 0;
      // 25 ms wait all the time, within the bound and above CoDel's target; what is lost or marked is replaced.
      for (let at = 0; at < 1000; at++) {
        bed.at(bed.now + MS);
        const { waiting } = bed.shapes.traffic(bed.tunnels[0]!)!;
        const wanted = Math.ceil(Math.max(0, 62_500 - waiting) / 1400);
        const sent = [
          ...bed.offer(Array.from({ length: wanted }, () => packet(1, number++, 1400, "10.0.0.9", tos))),
          ...bed.depart(),
        ];
        for (const bytes of sent) marks.push(parse(bytes).tos);
      }
      const { dropped, marked } = bed.shapes.traffic(bed.tunnels[0]!)!;
      expect({ dropped, marked }[kind]).toBeGreaterThan(10);
      expect(kind === "marked" ? dropped : marked).toBe(0);
      expect(marks.filter((mark) => mark === 3).length).toBe(marked);
      expect(bed.counters()).toMatchObject(kind === "marked" ? { "shaper-marked": marked } : { shaper: dropped });
    }
  });
});

describe("superpackets", () => {
  const flow: Flow = { from: "10.200.0.1", to: "10.0.0.9", sourcePort: 1, destinationPort: 2, protocol: "tcp" };
  const data = Buffer.alloc(40 * 1360);
  for (let i = 0; i < data.length; i++) data[i] = (i * 7) & 255;

  it("pass whole where the bucket has the tokens", () => {
    const bed = new ShapeBed();
    bed.shapes.set(bed.tunnels[0]!, 1_000_000_000);
    expect(bed.offer([superpacket(flow, data, 1360)])).toEqual(segments(flow, data, 1360));
    expect(bed.shapes.traffic(bed.tunnels[0]!)).toMatchObject({ packets: 40, queued: 0, bytes: data.length + 40 * 40 });
  });

  it.each([
    ["tcp", 1360, "10.0.0.9", "10.200.0.1"],
    ["udp", 1360, "fd00:0::9", "fd00:9::1"],
    ["tcp", 5000, "fd00:0::9", "fd00:9::1"],
  ] as const)(
    "(%s, %i) are cut at a rate that they exceed, and every segment leaves as it should be, in order",
    (protocol, size, to, from) => {
      const bed = new ShapeBed();
      // 40 ms of it fit.
      bed.shapes.set(bed.tunnels[0]!, 12_000_000);
      const one: Flow = { ...flow, protocol, to, from };
      const out = bed.offer([superpacket(one, data, size)]);
      expect(out.length).toBeLessThan(10);
      for (let i = 0; i < 80; i++) {
        bed.at(bed.now + MS);
        out.push(...bed.depart());
      }
      expect(out).toEqual(segments(one, data, size));
      expect(bed.counters()).toMatchObject({ "tun-read": out.length, encapsulated: out.length, sealed: out.length });
      expect(bed.lines() + bed.cells()).toBe(0);
    },
  );

  it("do not starve a small flow at 2 Mbit/s", () => {
    const bed = new ShapeBed();
    bed.shapes.set(bed.tunnels[0]!, 2_000_000);
    let worst = 0;
    let sequence = 0;
    for (let at = 0; at < 3000; at++) {
      bed.at(bed.now + MS);
      if (at % 50 === 0) bed.offer([superpacket({ ...flow, sequence: sequence++ * data.length }, data, 1360)]);
      let wait = at % 100 === 30 ? bed.offer([packet(9, at, 100)]).length === 0 : false;
      for (let ms = 0; wait; ms++) {
        wait = !bed.depart().some((bytes) => bytes.length === 100 && flowOf(bytes) === 9);
        worst = Math.max(worst, ms);
        if (wait) bed.at(bed.now + MS);
      }
      bed.depart();
    }
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(16);
  });
});

describe("changes", () => {
  const filled = (rate: number) => {
    const bed = new ShapeBed({ tunnels: 2 });
    const [tunnel] = bed.tunnels as [number];
    bed.shapes.set(tunnel, rate);
    const sent = bed.offer(Array.from({ length: 10 }, (_, i) => packet(1, i)));
    return { bed, tunnel, sent };
  };

  it("a higher rate counts at once for what waits", () => {
    const { bed, tunnel, sent } = filled(64_000);
    expect(sent.length).toBeLessThan(4);
    expect(bed.due()).toBeGreaterThan(bed.now + 100 * MS);
    bed.shapes.set(tunnel, 1_000_000_000);
    bed.reshape();
    expect(sent.concat(bed.depart()).map(numberOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("no rate any more: what waits goes first, then nothing is held", () => {
    const { bed, tunnel, sent } = filled(64_000);
    bed.shapes.set(tunnel, undefined);
    sent.push(...bed.offer([packet(1, 10)]));
    bed.reshape();
    sent.push(...bed.depart(), ...bed.offer(Array.from({ length: 500 }, (_, i) => packet(1, 11 + i))));
    expect(sent.map(numberOf)).toEqual(Array.from({ length: 511 }, (_, i) => i));
    expect(bed.shapes.traffic(tunnel)).toBeUndefined();
  });

  it("a tunnel that goes takes what waits with it, and one that gets its place begins anew", () => {
    const { bed, tunnel, sent } = filled(64_000);
    bed.adjacencies.remove(tunnel, 2);
    bed.shapes.forget(tunnel);
    bed.at(bed.now + 1000 * MS);
    expect(bed.depart()).toEqual([]);
    expect(bed.counters().shaper).toBe(10 - sent.length);
    expect(bed.lines() + bed.cells()).toBe(0);
  });

  it("what waited for an earlier tunnel in the same place is dropped, not sent", () => {
    const { bed, tunnel } = filled(64_000);
    bed.shapes.forget(tunnel);
    bed.shapes.set(tunnel, 1_000_000_000);
    expect(bed.offer([packet(2, 77)]).map(numberOf)).toEqual([77]);
    expect(bed.depart()).toEqual([]);
    expect(bed.cells()).toBe(0);
  });

  it("what waits leaves by the Child SA of the moment, and has its number of that one", () => {
    const { bed, sent } = filled(1_000_000);
    bed.rekey(0);
    for (let i = 0; i < 200; i++) {
      bed.at(bed.now + MS);
      sent.push(...bed.depart());
    }
    expect(sent.map(numberOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(bed.sequence(1)).toBeLessThan(4);
    expect(bed.sequence(0) + bed.sequence(1)).toBe(10);
  });

  it("without a Child SA what waits is dropped for that reason", () => {
    const { bed, sent } = filled(64_000);
    bed.cutOff(0);
    bed.at(bed.now + 1000 * MS);
    expect(bed.depart()).toEqual([]);
    expect(bed.counters()["no-sa"]).toBe(10 - sent.length);
    expect(bed.lines() + bed.cells()).toBe(0);
  });
});

describe("memory", () => {
  it("that one tunnel fills is still there for another", () => {
    const bed = new ShapeBed({ tunnels: 2, shaper: 1 << 20 });
    for (const tunnel of bed.tunnels) bed.shapes.set(tunnel, 10_000_000_000);
    const flood = (to: string) => bed.offer(Array.from({ length: 6000 }, (_, i) => packet(1, i, 1400, to)));
    flood("10.0.0.9");
    const first = bed.cells();
    expect(first).toBeGreaterThan(200);
    expect(first).toBeLessThan(270);
    flood("10.1.0.9");
    expect(bed.cells() - first).toBeGreaterThan(100);
    expect(bed.counters().shaper).toBeGreaterThan(1000);
  });

  it("for lines: more busy tunnels than there are lines lose packets, not order", () => {
    const bed = new ShapeBed({ tunnels: 200 });
    for (const tunnel of bed.tunnels) bed.shapes.set(tunnel, 64_000);
    for (let i = 0; i < 8; i++) {
      bed.offer(bed.tunnels.map((_, tunnel) => packet(1, i, 1400, `10.${tunnel}.0.9`)));
    }
    expect(bed.lines()).toBe(200);
    for (let i = 0; i < 3000; i++) {
      bed.at(bed.now + MS);
      bed.depart();
    }
    expect(bed.lines() + bed.cells()).toBe(0);
    expect(bed.counters()).toMatchObject({ sealed: 1600 });
  });
});

it("no packet is lost or doubled but those that are counted, and each flow stays in order", () => {
  const event = fc.record({
    worker: fc.integer({ min: 0, max: 1 }),
    tunnel: fc.integer({ min: 0, max: 2 }),
    flow: fc.integer({ min: 0, max: 9 }),
    count: fc.integer({ min: 0, max: 30 }),
    bytes: fc.integer({ min: 40, max: 9000 }),
    wait: fc.integer({ min: 0, max: 30 }),
    rate: fc.option(fc.constantFrom(64_000, 1_000_000, 50_000_000, 2_000_000_000), { freq: 6 }),
  });
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 40 }), (events) => {
      const bed = new ShapeBed({ workers: 2, tunnels: 3, shaper: 300_000 });
      for (const tunnel of bed.tunnels) bed.shapes.set(tunnel, 1_000_000);
      let number = 0;
      const out: Buffer[] = [];
      for (const { worker, tunnel, flow, count, bytes, wait, rate } of events) {
        bed.at(bed.now + wait * MS);
        if (rate !== null) {
          bed.shapes.set(bed.tunnels[tunnel]!, rate);
          bed.reshape();
        }
        // A flow has one worker.
        const id = flow * 2 + worker;
        const packets = Array.from({ length: count }, () => packet(id, number++, bytes, `10.${tunnel}.0.9`));
        out.push(...bed.offer(packets, worker), ...bed.depart(0), ...bed.depart(1));
      }
      for (let i = 0; i < 2000 && bed.lines(0) + bed.lines(1) > 0; i++) {
        bed.at(bed.now + 40 * MS);
        out.push(...bed.depart(0), ...bed.depart(1));
      }
      const counters = bed.counters();
      expect(out.length + (counters.shaper ?? 0)).toBe(number);
      expect(new Set(out.map(numberOf)).size).toBe(out.length);
      const last = new Map<string, number>();
      for (const bytes of out) {
        const key = `${flowOf(bytes)} ${bytes.readUInt32BE(16)}`;
        expect(numberOf(bytes)).toBeGreaterThan(last.get(key) ?? -1);
        last.set(key, numberOf(bytes));
      }
      expect(bed.cells(0) + bed.cells(1) + bed.lines(0) + bed.lines(1)).toBe(0);
    }),
    { numRuns: 40 },
  );
});

it("a packet that is cut for the MTU waits in pieces, each whole", () => {
  const bed = new ShapeBed();
  const big = [0, 1].map((id) => ip({ from: "10.200.0.1", to: "10.0.0.9", id, payload: Buffer.alloc(20_000, id + 7) }));
  const unshaped = bed.offer(big);
  expect(unshaped).toHaveLength(6);
  bed.shapes.set(bed.tunnels[0]!, 4_000_000);
  const out = bed.offer(big);
  expect(out.length).toBeLessThan(3);
  for (let i = 0; i < 200; i++) {
    bed.at(bed.now + MS);
    out.push(...bed.depart());
  }
  // The bound is 25,000 bytes here: what is beyond it is dropped, oldest first, and the rest is as it was cut.
  expect(out.length + bed.counters().shaper!).toBe(6);
  expect(out.length).toBeGreaterThan(2);
  expect(unshaped).toEqual(expect.arrayContaining(out));
});

it("segments keep their checksums when they wait", () => {
  const bed = new ShapeBed();
  bed.shapes.set(bed.tunnels[0]!, 1_000_000);
  const flow: Flow = { from: "10.200.0.1", to: "10.0.0.9", sourcePort: 1, destinationPort: 2, protocol: "tcp", tos: 1 };
  const offered: Offered[] = [superpacket(flow, Buffer.alloc(9000, 5), 1000)];
  const out = bed.offer(offered);
  for (let i = 0; i < 200; i++) {
    bed.at(bed.now + MS);
    out.push(...bed.depart());
  }
  expect(out.map((bytes) => dissect(bytes).sequence)).toEqual(Array.from({ length: 9 }, (_, i) => 1000 + 1000 * i));
});
