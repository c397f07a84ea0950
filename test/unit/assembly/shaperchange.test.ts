/** What becomes of packets that wait when their tunnel changes, and when there is no more room to wait in. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ip } from "./packets.ts";
import { type Offered, ShapeBed } from "./shapebed.ts";
import { flowOf, MS, numberOf, packet } from "./shapetraffic.ts";
import { dissect, type Flow, superpacket } from "./superpacket.ts";

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
