import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as L from "../../../assembly/layout.ts";
import { FilterBed, packetOf, rules } from "./filterbed.ts";
import { ACK, RST, type Seen, SYN } from "./filteroracle.ts";
import type { Router } from "./harness.ts";
import { address } from "./packets.ts";
import { sipHash } from "./siphash.ts";

const START = 1_000_000_000;
const OPEN = rules([{}, { prefix: "::/0" }], { out: "drop" });
const tcp = (direction: "in" | "out", client: number, port: number, flags: number): Seen => {
  const [far, near] = [`10.1.${client >> 8}.${client & 255}`, "10.2.0.1"];
  return direction === "in"
    ? { direction, from: far, to: near, what: { kind: "tcp", ports: [port, 443], flags } }
    : { direction, from: near, to: far, what: { kind: "tcp", ports: [443, port], flags } };
};

function bedOf(flows: number): FilterBed {
  const bed = new FilterBed(OPEN, { sas: 2, flows });
  bed.router.at(START);
  return bed;
}

const send = (bed: FilterBed, seen: Seen) => bed.send(seen.direction, packetOf(seen));

/** Three segments: both ends have confirmed it. */
function connect(bed: FilterBed, client: number, port: number): void {
  for (const seen of [
    tcp("in", client, port, SYN),
    tcp("out", client, port, SYN | ACK),
    tcp("in", client, port, ACK),
  ]) {
    expect(send(bed, seen)).toBe("pass");
  }
}

const flowsBase = (router: Router) => router.get32(L.G_FLOWS_BASE);
const live = (router: Router, now = START) =>
  router.exports.liveFlows(0, router.get32(L.G_FLOWS_PLACES), now / 1000) as number;

describe("the place of a flow", () => {
  it("is named by SipHash-1-3 of what it is", () => {
    const counting = Buffer.from(Array.from({ length: 16 }, (_, i) => i));
    // The vectors of the specification, for SipHash-2-4.
    expect(sipHash(counting, counting.subarray(0, 15))).toBe(0xa129ca6149be45e5n);
    expect(sipHash(counting, Buffer.alloc(0))).toBe(0x726fdb47dd0e0e31n);
    const bed = bedOf(1024);
    const { router } = bed;
    for (const [from, to, family] of [
      ["10.1.0.7", "10.2.0.9", 4],
      ["fd00:1::7", "fd00:2::9", 6],
    ] as const) {
      expect(send(bed, { direction: "in", from, to, what: { kind: "udp", ports: [1000, 2000] } })).toBe("pass");
      const rest = Buffer.alloc(12);
      rest.writeUInt32LE(((1000 << 16) | 2000) >>> 0, 0);
      rest.writeUInt32LE(17 | (family << 8), 4);
      rest.writeUInt32LE(1, 8);
      const hash = sipHash(counting, Buffer.concat([address(from), address(to), rest]), 1, 3);
      const bucket = Number(hash & BigInt(1024 / L.FLOW_WAYS - 1));
      const way = Number((hash >> 28n) & 15n);
      const at = flowsBase(router) + (bucket * L.FLOW_WAYS + way) * L.FLOW_ENTRY;
      expect(router.get32(at)).toBe((Number(hash >> 32n) | 0x80000000) >>> 0);
    }
  });

  it("is free again when the flow has expired, without anybody sweeping", () => {
    const bed = bedOf(16);
    for (let port = 1; port <= 16; port++) expect(send(bed, tcp("in", 1, port, SYN))).toBe("pass");
    expect(live(bed.router)).toBe(16);
    bed.router.at(START + 240_000);
    expect(live(bed.router, START + 240_000)).toBe(0);
    for (let port = 101; port <= 116; port++) expect(send(bed, tcp("in", 1, port, SYN))).toBe("pass");
    expect(bed.router.counters()["flow-evicted"]).toBeUndefined();
  });
});

describe("a full table", () => {
  it("gives up what is not confirmed, the oldest first, and counts it", () => {
    const bed = bedOf(16);
    for (let port = 1; port <= 16; port++) {
      bed.router.at(START + port * 1000);
      expect(send(bed, tcp("in", 1, port, SYN))).toBe("pass");
    }
    for (let port = 101; port <= 103; port++) expect(send(bed, tcp("in", 1, port, SYN))).toBe("pass");
    expect(bed.router.counters()).toMatchObject({ "flow-evicted": 3, "flow-opened": 19 });
    // An answer tells who is still known.
    for (const [port, verdict] of [
      [1, "filter-stray"],
      [3, "filter-stray"],
      [4, "pass"],
      [16, "pass"],
      [103, "pass"],
    ] as const) {
      expect(send(bed, tcp("out", 1, port, SYN | ACK)), String(port)).toBe(verdict);
    }
  });

  it("never gives up a connection: a flood of SYNs replaces itself, and then nobody comes in", () => {
    const bed = bedOf(256);
    for (let port = 1; port <= 64; port++) connect(bed, 1, port);
    const before = live(bed.router);
    for (let i = 0; i < 5000; i++) send(bed, tcp("in", 2 + (i >> 8), 1000 + i, SYN));
    for (let port = 1; port <= 64; port++) {
      expect(send(bed, tcp("in", 1, port, ACK)), String(port)).toBe("pass");
      expect(send(bed, tcp("out", 1, port, ACK)), String(port)).toBe("pass");
    }
    expect(before).toBe(64);
    expect(bed.router.counters()["flow-evicted"]).toBeGreaterThan(4000);
    expect(live(bed.router)).toBe(256);
    const small = bedOf(16);
    for (let port = 1; port <= 16; port++) connect(small, 1, port);
    expect(send(small, tcp("in", 1, 99, SYN))).toBe("flow-table-full");
    // One that ends makes room.
    expect(send(small, tcp("out", 1, 5, RST))).toBe("pass");
    expect(send(small, tcp("in", 1, 99, SYN))).toBe("pass");
    expect(send(small, tcp("in", 1, 100, SYN))).toBe("pass");
    expect(small.router.counters()["flow-evicted"]).toBe(2);
  });

  it("gives up an answered flow without a connection only when it has been silent for half a minute", () => {
    const bed = bedOf(16);
    const udp = (direction: "in" | "out", port: number): Seen => {
      const seen = tcp(direction, 1, port, 0);
      return { ...seen, what: { kind: "udp", ports: direction === "in" ? [port, 53] : [53, port] } };
    };
    for (let port = 1; port <= 16; port++) for (const way of ["in", "out"] as const) send(bed, udp(way, port));
    expect(send(bed, udp("in", 99))).toBe("flow-table-full");
    bed.router.at(START + 29_000);
    expect(send(bed, udp("in", 99))).toBe("flow-table-full");
    expect(send(bed, udp("in", 1))).toBe("pass");
    bed.router.at(START + 30_000);
    expect(send(bed, udp("in", 99))).toBe("pass");
    expect(send(bed, udp("out", 1))).toBe("pass");
    expect(bed.router.counters()["flow-evicted"]).toBe(1);
  });

  it("passes over a place that another worker is writing at this moment", () => {
    const bed = bedOf(16);
    const { router } = bed;
    for (let place = 0; place < 15; place++) router.set32(flowsBase(router) + place * L.FLOW_ENTRY, L.FLOW_CLAIMED);
    expect(send(bed, tcp("in", 1, 1, SYN))).toBe("pass");
    expect(send(bed, tcp("out", 1, 1, SYN | ACK))).toBe("pass");
    router.set32(flowsBase(router) + 15 * L.FLOW_ENTRY, L.FLOW_CLAIMED);
    expect(send(bed, tcp("in", 1, 2, SYN))).toBe("flow-table-full");
  });
});

describe("several workers", () => {
  /** What a worker writes to TUN devices for one packet read from `tun`. */
  function write(router: Router, worker: number, instance: WebAssembly.Exports, tun: number, packet: Buffer): boolean {
    const arena = router.arena + worker * L.ARENA_SIZE;
    router.bytes.set(packet, arena + L.TUNRX + L.SLOT_HEADROOM);
    router.set32(arena + L.TUNLEN, packet.length);
    instance.outbound(tun, 0, 1);
    const written = router.get32(arena + L.W_TUN_COUNT) === 1;
    instance.flushed();
    return written;
  }

  it("share flows: it is all the same which of them sees which packet", () => {
    const packets = fc.array(
      fc.record({
        worker: fc.integer({ min: 0, max: 2 }),
        port: fc.integer({ min: 1, max: 3 }),
        way: fc.constantFrom("in" as const, "out" as const),
        flags: fc.constantFrom(SYN, SYN | ACK, ACK, RST),
      }),
      { minLength: 30, maxLength: 60 },
    );
    fc.assert(
      fc.property(packets, (all) => {
        const one = bedOf(1024);
        const three = new FilterBed(OPEN, { sas: 2, workers: 3 });
        three.router.at(START);
        const instances = [0, 1, 2].map((worker) => three.router.instance(worker));
        for (const { worker, port, way, flags } of all) {
          const packet = packetOf(tcp(way, 1, port, flags));
          const tun = way === "in" ? three.far.tun : three.near.tun;
          const passed = write(three.router, worker, instances[worker]!, tun, packet);
          expect(passed).toBe(one.send(way, packet) === "pass");
        }
        expect(three.hits()).toEqual(one.hits());
      }),
      { numRuns: 20 },
    );
  });

  it("that hold another rule set for a moment judge by their own, and never by none", () => {
    const bed = new FilterBed(OPEN, { sas: 2, workers: 2 });
    const { router } = bed;
    router.at(START);
    const [first, second] = [router.instance(0), router.instance(1)];
    const open = router.get32(bed.guard);
    const closed = router.ruleSet(rules([], { out: "accept" }));
    const syn = packetOf(tcp("in", 1, 1, SYN));
    const answer = packetOf(tcp("out", 1, 1, SYN | ACK));
    expect(write(router, 0, first, bed.far.tun, syn)).toBe(true);
    router.set32(bed.guard, closed);
    expect(write(router, 1, second, bed.near.tun, answer)).toBe(false);
    // A worker in the middle of its batch may still hold the old set: it opens the flow anew, under the old generation …
    router.set32(bed.guard, open);
    expect(write(router, 0, first, bed.far.tun, syn)).toBe(true);
    router.set32(bed.guard, closed);
    // … and whoever meets it next has it judged by the new one.
    expect(write(router, 1, second, bed.near.tun, answer)).toBe(false);
    expect(write(router, 0, first, bed.far.tun, syn)).toBe(false);
  });
});
