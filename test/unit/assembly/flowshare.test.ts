/** Several customers' filters share one flow table: what one of them lets in is not paid for by another. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as L from "../../../assembly/layout.ts";
import { packetOf, rules } from "./filterbed.ts";
import { ACK, type Seen, SYN } from "./filteroracle.ts";
import { Router } from "./harness.ts";

const START = 1_000_000_000;
const OPEN = rules([{}, { prefix: "::/0" }], { out: "drop" });

/** Networks with a filter each, in VRFs of their own, with the same addresses. */
class Customers {
  readonly router: Router;
  readonly #tuns: { readonly far: number; readonly near: number }[];

  constructor(count: number, flows: number) {
    this.router = new Router({ sas: 2, flows });
    this.router.at(START);
    this.#tuns = Array.from({ length: count }, (_, index) => {
      const vrf = index + 1;
      const [far, near] = [this.router.tun(vrf), this.router.tun(vrf)];
      this.router.route(vrf, "10.1.0.0/16", far.adjacency);
      this.router.route(vrf, "10.2.0.0/16", near.adjacency);
      this.router.guard(near, OPEN);
      return { far: far.tun, near: near.tun };
    });
  }

  passes(customer: number, seen: Seen): boolean {
    const { far, near } = this.#tuns[customer]!;
    return this.router.fromTun(seen.direction === "in" ? far : near, packetOf(seen)).written.length === 1;
  }

  tcp(customer: number, client: number, way: "in" | "out", flags: number): boolean {
    return this.passes(customer, tcp(way, client, flags));
  }

  /** Three segments. False: one of them was dropped. */
  connects(customer: number, client: number): boolean {
    return (
      this.tcp(customer, client, "in", SYN) &&
      this.tcp(customer, client, "out", SYN | ACK) &&
      this.tcp(customer, client, "in", ACK)
    );
  }
}

function tcp(direction: "in" | "out", client: number, flags: number): Seen {
  const [far, near] = [`10.1.${(client >> 8) & 255}.${client & 255}`, "10.2.0.1"];
  const port = 1024 + (client >> 16);
  return direction === "in"
    ? { direction, from: far, to: near, what: { kind: "tcp", ports: [port, 443], flags } }
    : { direction, from: near, to: far, what: { kind: "tcp", ports: [443, port], flags } };
}

describe("a flow table of several customers", () => {
  it("has room for another one's connections when one has filled it with its own", () => {
    const all = new Customers(2, 256);
    for (let client = 0; client < 4000; client++) all.connects(0, client);
    const clients = Array.from({ length: 32 }, (_, i) => i);
    expect(clients.filter((client) => !all.connects(1, client))).toEqual([]);
    // They stay, whatever the first one does.
    for (let client = 4000; client < 8000; client++) all.connects(0, client);
    expect(clients.filter((client) => !all.tcp(1, client, "out", ACK))).toEqual([]);
    // And the first one keeps more than half.
    const kept = Array.from({ length: 8000 }, (_, i) => i).filter((client) => all.tcp(0, client, "out", ACK));
    expect(kept.length).toBeGreaterThan(128);
  });

  it("lets a handshake of one end while another is flooded", () => {
    const all = new Customers(2, 256);
    for (let client = 0; client < 4000; client++) all.tcp(0, client, "in", SYN);
    for (let client = 0; client < 32; client++) {
      expect(all.tcp(1, client, "in", SYN)).toBe(true);
      for (let more = 0; more < 500; more++) all.tcp(0, 4000 + client * 500 + more, "in", SYN);
      expect(all.tcp(1, client, "out", SYN | ACK), String(client)).toBe(true);
      expect(all.tcp(1, client, "in", ACK)).toBe(true);
    }
  });

  it("takes from none that has no more than its share, in whatever order they connect", () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 60 }));
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 100 }), (steps) => {
        const all = new Customers(4, L.FLOW_WAYS);
        const base = all.router.get32(L.G_FLOWS_BASE);
        const held = () => {
          const counts = [0, 0, 0, 0];
          for (let place = 0; place < L.FLOW_WAYS; place++) {
            const at = base + place * L.FLOW_ENTRY;
            if (all.router.get32(at + L.FLOW_TAG) > L.FLOW_CLAIMED) counts[all.router.get32(at + L.FLOW_DOMAIN) - 1]!++;
          }
          return counts;
        };
        for (const [customer, client] of steps) {
          const before = held();
          const connected = all.connects(customer, client);
          const after = held();
          const losers = [0, 1, 2, 3].filter((one) => after[one]! < before[one]!);
          for (const loser of losers) {
            expect(before[loser]).toBe(Math.max(...before));
            expect(before[loser]).toBeGreaterThanOrEqual(before[customer]! + 2);
          }
          if (!connected) expect(before[customer]).toBeGreaterThanOrEqual(Math.max(...before) - 1);
        }
      }),
      { numRuns: 50 },
    );
  });
});
