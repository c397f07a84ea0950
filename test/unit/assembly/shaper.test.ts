/** What goes into a shaped tunnel: the rate, over time; who gets how much of it; how long it takes; nothing lost but what is counted. */
import { describe, expect, it } from "vitest";
import { parse } from "./packets.ts";
import { ShapeBed } from "./shapebed.ts";
import { flowOf, jain, MS, packet, rateOf, run, sumOf } from "./shapetraffic.ts";
import { type Flow, segments, superpacket } from "./superpacket.ts";

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
