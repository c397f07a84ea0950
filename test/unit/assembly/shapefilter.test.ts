/** The filter of a TUN device, superpackets and a shaped tunnel behind each other; and a shaped tunnel that routes of two zones lead into. */
import { describe, expect, it } from "vitest";
import { ADJ_SHAPE } from "../../../assembly/layout.ts";
import { rules } from "./filterbed.ts";
import { ip, udp } from "./packets.ts";
import { ShapeBed } from "./shapebed.ts";
import { type Flow, segments, superpacket } from "./superpacket.ts";

const MS = 1e6;
const data = Buffer.alloc(40 * 1360, 5);
const flow = (port: number, to = "10.0.0.9"): Flow => ({
  from: "10.200.0.1",
  to,
  sourcePort: port,
  destinationPort: 53,
  protocol: "udp",
});

const DNS = rules([{ direction: "out", protocol: 17, ports: [53, 53] }], { out: "drop" });

/** All that leaves until nothing waits. */
function drain(bed: ShapeBed): Buffer[] {
  const out: Buffer[] = [];
  for (let i = 0; bed.lines() > 0 && i < 10_000; i++) {
    bed.at(bed.now + MS);
    out.push(...bed.depart());
  }
  expect(bed.lines() + bed.cells()).toBe(0);
  return out;
}

describe("a filter before a shaped tunnel", () => {
  it("judges a superpacket once, also where it is cut between what passes and what waits", () => {
    const bed = new ShapeBed();
    bed.shapes.set(bed.tunnels[0]!, 12_000_000);
    const hits = bed.guard(DNS);
    const out = bed.offer([superpacket(flow(1), data, 1360)]);
    expect(out.length).toBeGreaterThan(0);
    expect(out.length).toBeLessThan(40);
    expect(hits()).toMatchObject({ rules: new Map([["rule-0", 1]]), out: 0 });
    out.push(...drain(bed));
    expect(out).toEqual(segments(flow(1), data, 1360));
    expect(hits().rules.get("rule-0")).toBe(1);
    expect(bed.counters()).toMatchObject({ "flow-opened": 1, "tun-read": 40, encapsulated: 40, segmented: 1 });
  });

  it.each([1360, 5000])("judges each of many once, whatever of them passes and what waits (segments of %i)", (size) => {
    const bed = new ShapeBed();
    bed.shapes.set(bed.tunnels[0]!, 1_000_000_000);
    const hits = bed.guard(DNS);
    const flows = Array.from({ length: 60 }, (_, i) => flow(1000 + i));
    const out = bed.offer(flows.map((one) => superpacket(one, data, size)));
    out.push(...drain(bed));
    const each = segments(flow(1), data, size).length;
    expect(out).toHaveLength(60 * each);
    expect(hits()).toMatchObject({ rules: new Map([["rule-0", 60]]), out: 0 });
    expect(bed.counters()).toMatchObject({ "flow-opened": 60, "tun-read": 60 * each, segmented: 60 });
  });

  it("refuses a superpacket before it takes anything of the rate", () => {
    const bed = new ShapeBed();
    bed.shapes.set(bed.tunnels[0]!, 12_000_000);
    const hits = bed.guard(DNS);
    expect(bed.offer([superpacket({ ...flow(1), destinationPort: 54 }, data, 1360)])).toEqual([]);
    expect(bed.shapes.traffic(bed.tunnels[0]!)).toMatchObject({ packets: 0, queued: 0, dropped: 0 });
    expect(hits()).toMatchObject({ out: 1 });
    expect(bed.counters()).toEqual({ "tun-read": 40, filtered: 40, segmented: 1 });
  });
});

describe("a shaped tunnel with a further next hop", () => {
  const small = (port: number, to: string) =>
    ip({ from: "10.200.0.1", to, payload: udp(port, 9, Buffer.alloc(1000, port)) });
  const shapeOf = (bed: ShapeBed, index: number) =>
    bed.memory.view.getUint32(bed.adjacencies.address(index) + ADJ_SHAPE, true);

  it("holds both to one rate, and what waits for both leaves in turn", () => {
    const bed = new ShapeBed();
    bed.shapes.set(bed.tunnels[0]!, 1_000_000);
    bed.hop(0, 7, 77);
    const sent = Array.from({ length: 12 }, (_, i) => small(i % 2, i % 2 === 0 ? "10.0.0.9" : "10.77.0.9"));
    const begun = bed.now;
    const out = bed.offer(sent);
    out.push(...drain(bed));
    expect(out).toHaveLength(12);
    expect(bed.lines()).toBe(0);
    // 12 packets of 1028 bytes at 1 Mbit/s are 99 ms; the burst is 24 ms of it.
    expect((bed.now - begun) / MS).toBeGreaterThan(65);
    expect((bed.now - begun) / MS).toBeLessThan(105);
    expect(bed.shapes.traffic(bed.tunnels[0]!)).toMatchObject({ packets: 12, dropped: 0 });
  });

  it("is shaped from the first packet, whichever came first, and by what comes later", () => {
    const bed = new ShapeBed();
    const [tunnel] = bed.tunnels as [number];
    const early = bed.hop(0, 7, 77);
    bed.shapes.set(tunnel, 1_000_000);
    const late = bed.hop(0, 8, 78);
    expect(new Set([tunnel, early, late].map((index) => shapeOf(bed, index)))).toEqual(new Set([shapeOf(bed, tunnel)]));
    expect(shapeOf(bed, tunnel)).not.toBe(0);
    bed.adjacencies.removeHop(early);
    bed.shapes.set(tunnel, undefined);
    expect(bed.offer(Array.from({ length: 100 }, (_, i) => small(i, "10.78.0.9")))).toHaveLength(100);
    bed.shapes.set(tunnel, 2_000_000);
    expect(bed.offer(Array.from({ length: 100 }, (_, i) => small(i, "10.78.0.9"))).length).toBeLessThan(20);
  });

  it("keeps what waits when the next hop that it came by goes", () => {
    const bed = new ShapeBed();
    bed.shapes.set(bed.tunnels[0]!, 1_000_000);
    const hop = bed.hop(0, 7, 77);
    const sent = Array.from({ length: 8 }, (_, i) => small(i, "10.77.0.9"));
    const out = bed.offer(sent);
    expect(bed.lines()).toBe(1);
    bed.adjacencies.removeHop(hop);
    out.push(...drain(bed));
    expect(out.toSorted(Buffer.compare)).toEqual(sent.toSorted(Buffer.compare));
  });
});
