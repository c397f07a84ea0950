/** Routes that choose, into zones, while tunnels and attachments come and go: what the datapath has against what was asked for. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Fabric } from "../../../src/router/fabric.ts";
import type { Loans } from "../../../src/router/loans.ts";
import { chosen, type Health } from "../../../src/router/preference.ts";
import { type Hop, hopsOf, type ResourceOf, type Via } from "../../../src/router/resource.ts";
import { FakeHost } from "./fakehost.ts";
import { FakePlane } from "./fakeplane.ts";

const TUNNELS = ["a", "b", "c"] as const;
const ATTACHMENTS = ["x", "y"] as const;
const PREFIXES = ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"] as const;

type TunnelVia = Extract<Via, { readonly kind: "tunnel" }>;

type Step =
  | { readonly do: "tunnel"; readonly name: string; readonly zone: string | null }
  | { readonly do: "no tunnel"; readonly name: string }
  | { readonly do: "route"; readonly prefix: string; readonly via: Via }
  | { readonly do: "no route"; readonly prefix: string }
  | { readonly do: "judge"; readonly name: string; readonly health: Health }
  | { readonly do: "attach"; readonly name: string; readonly there: boolean }
  | { readonly do: "break"; readonly call: string };

const name = fc.constantFrom(...TUNNELS);
const prefix = fc.constantFrom(...PREFIXES);
const zone = fc.constantFrom(null, "red", "blue");

const tunnelVia: fc.Arbitrary<TunnelVia> = fc
  .tuple(fc.shuffledSubarray([...TUNNELS], { minLength: 1 }), fc.array(zone, { minLength: 3, maxLength: 3 }))
  .map(([names, zones]) => {
    const hops = names.map((one, i): Hop => ({ name: one, ...(zones[i] !== null && { zone: zones[i] }) }));
    const [first, ...standby] = hops;
    return { kind: "tunnel", ...first, ...(standby.length > 0 && { standby }) };
  });

const via: fc.Arbitrary<Via> = fc.oneof(
  { weight: 5, arbitrary: tunnelVia },
  { weight: 1, arbitrary: fc.constantFrom(...ATTACHMENTS).map((one): Via => ({ kind: "attachment", name: one })) },
  { weight: 1, arbitrary: fc.constant<Via>({ kind: "prohibit" }) },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("tunnel" as const), name, zone }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("no tunnel" as const), name }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("route" as const), prefix, via }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("no route" as const), prefix }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("judge" as const),
      name,
      health: fc.constantFrom<Health[]>("up", "doubtful", "down"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("attach" as const),
      name: fc.constantFrom(...ATTACHMENTS),
      there: fc.boolean(),
    }),
  },
);

const breakage: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("break" as const),
  call: fc.constantFrom("setRoute", "addTunnelHop"),
});

/** A fabric, and beside it what it was asked for. */
class Bed {
  readonly plane = new FakePlane();
  readonly fabric = new Fabric(this.plane, new FakeHost(), {} as Loans);
  readonly tunnels = new Map<string, { resource: ResourceOf<"tunnel">; health: Health }>();
  readonly routes = new Map<string, ResourceOf<"route">>();
  readonly attached = new Map<string, number>();
  /** The datapath's number of each zone. */
  readonly #zones = new Map<string | null, number>([[null, 0]]);
  /** Routes that the datapath has refused to move; they stay where they are. */
  stale = false;

  async open(): Promise<this> {
    await this.fabric.carry({ op: "add", resource: { kind: "vrf", name: "v", addresses: [] } });
    return this;
  }

  async take(one: Step): Promise<void> {
    try {
      await this.#take(one);
    } catch (error) {
      // What the test broke is refused; what the datapath would refuse by itself is a fault of the fabric.
      expect((error as Error).message).toMatch(/is broken\.$/);
      this.stale = true;
    }
    this.plane.broken = one.do === "break" ? one.call : undefined;
  }

  async #take(one: Step): Promise<void> {
    const { fabric, tunnels, routes } = this;
    const leads = (hop: string) => [...routes.values()].some((route) => hopsOf(route.via).includes(hop));
    switch (one.do) {
      case "tunnel": {
        const before = tunnels.get(one.name);
        const resource: ResourceOf<"tunnel"> = {
          kind: "tunnel",
          name: one.name,
          vrf: "v",
          mtu: null,
          shape: null,
          zone: one.zone,
        };
        await fabric.carry(before ? { op: "update", was: before.resource, now: resource } : { op: "add", resource });
        tunnels.set(one.name, { resource, health: before?.health ?? "down" });
        return;
      }
      case "no tunnel": {
        const before = tunnels.get(one.name);
        // A configuration takes routes away, or elsewhere, before their tunnel.
        if (!before || leads(`tunnel ${one.name}`)) return;
        await fabric.carry({ op: "remove", resource: before.resource });
        tunnels.delete(one.name);
        return;
      }
      case "route": {
        if (one.via.kind === "tunnel" && ![one.via, ...(one.via.standby ?? [])].every((hop) => tunnels.has(hop.name)))
          return;
        const resource: ResourceOf<"route"> = { kind: "route", vrf: "v", prefix: one.prefix, via: one.via };
        const was = routes.get(one.prefix);
        await fabric.carry(was ? { op: "update", was, now: resource } : { op: "add", resource });
        routes.set(one.prefix, resource);
        return;
      }
      case "no route": {
        const resource = routes.get(one.prefix);
        if (!resource) return;
        await fabric.carry({ op: "remove", resource });
        routes.delete(one.prefix);
        return;
      }
      case "judge": {
        const tunnel = tunnels.get(one.name);
        if (tunnel) tunnel.health = one.health;
        fabric.judge(one.name, one.health);
        return;
      }
      case "attach": {
        const before = this.attached.get(one.name);
        if (one.there === (before !== undefined)) return;
        if (one.there) {
          const vrf = fabric.vrf("v") as number;
          this.attached.set(one.name, this.plane.addTun(one.name, vrf));
          fabric.attach(one.name, this.attached.get(one.name));
        } else {
          // To refuse what goes is never refused: it needs no room.
          this.plane.broken = undefined;
          this.attached.delete(one.name);
          fabric.attach(one.name, undefined);
          // The datapath refuses this as long as a route leads there.
          this.plane.removeTun(before as number);
        }
        return;
      }
      case "break":
        return;
    }
  }

  check(): void {
    const { plane, routes } = this;
    const used = new Set(plane.routes.values());
    for (const hop of plane.hops.keys()) expect(used).toContain(hop);
    expect(plane.routes.size).toBe(routes.size);
    if (this.stale) return;
    /** Tunnel → does a route that has a choice lead over it? */
    const carries = new Map<string, boolean>();
    for (const { via: wanted } of routes.values()) {
      if (wanted.kind !== "tunnel" || !wanted.standby) continue;
      const hop = chosen(wanted, (one) => this.tunnels.get(one)?.health).name;
      for (const { name } of [wanted, ...wanted.standby]) {
        const leads = name === hop && this.tunnels.get(name)?.health !== "down";
        carries.set(name, leads || carries.get(name) === true);
      }
    }
    for (const name of this.tunnels.keys()) {
      expect(this.fabric.carries(name)).toBe(carries.get(name));
      expect(this.fabric.rivals(name).includes(name)).toBe(carries.has(name));
    }
    for (const { prefix, via: wanted } of routes.values()) {
      const has = plane.routes.get(`${this.fabric.vrf("v")} ${prefix}`) as number;
      if (wanted.kind === "attachment") expect(has).toBe(this.attached.get(wanted.name) ?? plane.prohibit);
      else if (wanted.kind === "prohibit") expect(has).toBe(plane.prohibit);
      else if (wanted.kind === "tunnel") {
        const hop = chosen(wanted, (one) => this.tunnels.get(one)?.health);
        expect(this.fabric.tunnelAt(plane.hops.get(has) ?? has)).toBe(hop.name);
        const carries = wanted.standby && this.tunnels.get(hop.name)?.health !== "down" ? hop.name : undefined;
        expect(this.fabric.carrier("v", prefix)).toBe(carries);
        expect(plane.zones.get(has)).toBe(this.#number(hop.zone ?? null, plane.zones.get(has) as number));
      }
    }
    for (const [one, { resource }] of this.tunnels) {
      const origin = plane.origins.get(this.fabric.tunnel(one)!.adjacency) as number;
      expect(origin).toBe(this.#number(resource.zone, origin));
    }
  }

  /** A zone has the number that it was seen with first, and shares it with no other. */
  #number(of: string | null, seen: number): number {
    const known = this.#zones.get(of);
    if (known !== undefined) return known;
    expect([...this.#zones.values()]).not.toContain(seen);
    this.#zones.set(of, seen);
    return seen;
  }

  /** All of it, as a configuration without anything does. */
  async clear(): Promise<void> {
    this.plane.broken = undefined;
    for (const one of PREFIXES) await this.#take({ do: "no route", prefix: one });
    for (const one of TUNNELS) await this.#take({ do: "no tunnel", name: one });
    for (const one of ATTACHMENTS) await this.#take({ do: "attach", name: one, there: false });
    const { routes, hops, tunnels, tuns } = this.plane;
    expect([routes.size, hops.size, tunnels.size, tuns.size]).toEqual([0, 0, 0, 0]);
  }
}

async function run(steps: readonly Step[]): Promise<void> {
  const bed = await new Bed().open();
  for (const one of steps) {
    await bed.take(one);
    bed.check();
  }
  await bed.clear();
}

describe("the fabric", () => {
  it("leads every route where it shall, into its zone, and keeps no next hop that nobody uses", async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), run), { numRuns: 500 });
  });

  it("loses nothing when the datapath refuses now and then", async () => {
    const steps = fc.array(fc.oneof({ weight: 5, arbitrary: step }, { weight: 1, arbitrary: breakage }), {
      maxLength: 60,
    });
    await fc.assert(fc.asyncProperty(steps, run), { numRuns: 500 });
  });

  it("moves the other routes when one cannot be moved", async () => {
    const bed = await new Bed().open();
    for (const one of ["a", "b"]) await bed.take({ do: "tunnel", name: one, zone: null });
    const to: Via = { kind: "tunnel", name: "a", standby: [{ name: "b", zone: "red" }] };
    await bed.take({ do: "judge", name: "a", health: "up" });
    for (const one of PREFIXES) await bed.take({ do: "route", prefix: one, via: to });
    await bed.take({ do: "judge", name: "b", health: "up" });
    bed.plane.broken = "setRoute";
    expect(() => bed.fabric.judge("a", "down")).toThrow("is broken");
    const carriers = PREFIXES.map((one) => bed.fabric.carrier("v", one));
    expect(carriers).toEqual([undefined, "b", "b", "b"]);
  });
});
