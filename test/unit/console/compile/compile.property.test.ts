import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Compiler, compile } from "../../../../src/console/compile/compile.ts";
import { EMPTY, type Intent, withChanges } from "../../../../src/console/model/intent.ts";
import { formatIpv4, holds, overlap, type Prefix, prefixOf } from "../../../../src/console/model/prefix.ts";
import { type RouteEntry, routesOf } from "../../../../src/console/model/routes.ts";
import { canonical, type Parts } from "../../../../src/protocol/parts.ts";
import { changed } from "../../protocol/parts.ts";
import { changesOf, difference, ground, history } from "../deeds.ts";
import { deeds } from "../dice.ts";
import { runs, until } from "../until.ts";
import { Network } from "./walk.ts";

const text = (compiled: ReadonlyMap<string, Parts>) =>
  canonical(Object.fromEntries([...compiled].map(([id, parts]) => [id, Object.fromEntries(parts)])));

const network = (prefix: string) => prefixOf(prefix)!;
const host = ({ base, length }: Prefix) => formatIpv4(length === 32 ? base : base + 1);

/** A place where packets come from: an edge, or an attachment of a gateway. */
interface Source {
  readonly owner: string;
  readonly component: string;
  readonly router: string;
  readonly zone: string | null;
  /** Its own networks, published or not. */
  readonly lan: readonly Prefix[];
  readonly from: string;
}

/** By the rules of the field, not by what was compiled: who is there, and what may reach what. */
function sourcesOf(intent: Intent, routes: readonly RouteEntry[]): Source[] {
  const points = [...intent["access-point"].values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const gateway = (point: string) => [...intent.device.values()].find(({ accessPoint }) => accessPoint === point)!.id;
  return routes
    .filter(({ published }) => published)
    .flatMap(({ component, origin, prefix }): Source[] => {
      const from = host(network(prefix));
      if (origin.kind !== "instance") {
        const { accessPoint } = intent[origin.kind].get(origin.id)!;
        return [{ owner: origin.id, component, router: gateway(accessPoint), zone: null, lan: [], from }];
      }
      const instance = intent.instance.get(origin.id)!;
      const point = instance.accessPoint ?? points.find(({ area }) => area === instance.area)?.id;
      if (!instance.activated || instance.locked || point === undefined) return [];
      const ccn = intent.ccn.get(instance.ccn!)!;
      const zone = ccn.interworking ? null : ccn.id;
      const lan = instance.cidrs.map(network);
      return [...intent.device.values()]
        .filter((device) => device.instance === instance.id)
        .map(({ id }) => ({ owner: origin.id, component, router: id, zone, lan, from }));
    });
}

describe("compiled configurations as a network", { timeout: runs(120_000) }, () => {
  it("carry every published prefix to its origin, by one way, and nothing else anywhere", () => {
    let delivered = 0;
    let refused = 0;
    until(
      () => delivered > 40 && refused > 2,
      () =>
        fc.assert(
          fc.property(deeds(45), (all) => {
            const { intent } = [...history(all)].at(-1)!;
            const net = new Network(compile(intent));
            const routes = routesOf(intent);
            const sources = sourcesOf(intent, routes);
            const owners = new Map(sources.map(({ owner, ...rest }) => [owner, rest]));
            const carriers = new Map(
              [...intent.device.values()]
                .filter(({ role }) => role === "active")
                .map(({ id, instance }) => [instance, id]),
            );
            for (const source of sources) {
              for (const { component, prefix, origin, published } of routes) {
                const target = network(prefix);
                const end = net.walk(source.router, source.component, source.from, host(target));
                const own = source.lan.some((one) =>
                  holds(one, { base: target.base + (target.length < 32 ? 1 : 0), length: 32 }),
                );
                if (own) {
                  expect(end).toMatchObject({ at: "lan", router: source.router });
                  continue;
                }
                const there = owners.get(origin.id);
                const reachable = published && component === source.component && there !== undefined;
                const apart = source.zone !== null && there?.zone === source.zone;
                if (reachable && !apart) {
                  const name = origin.kind === "instance" ? carriers.get(origin.id) : origin.id;
                  expect(end).toMatchObject({
                    at: origin.kind === "instance" ? "lan" : "attachment",
                    name,
                    vrf: component,
                  });
                  delivered++;
                } else if (reachable) {
                  expect(end.at).toBe("dropped");
                  refused++;
                } else if (end.at !== "dropped") {
                  // Something else that is published may hold the address: of this component, and never of another.
                  expect(end.vrf).toBe(source.component);
                  const holder = routes.find(
                    (route) =>
                      route.published && route.component === source.component && overlap(network(route.prefix), target),
                  );
                  expect(holder).toBeDefined();
                }
              }
            }
          }),
          { numRuns: runs(60) },
        ),
    );
  });

  it("let no branch send from addresses of another", () => {
    let tried = 0;
    until(
      () => tried > 10,
      () =>
        fc.assert(
          fc.property(deeds(40), (all) => {
            const { intent } = [...history(all)].at(-1)!;
            const net = new Network(compile(intent));
            const sources = sourcesOf(intent, routesOf(intent));
            for (const source of sources.filter(({ lan }) => lan.length > 0)) {
              for (const victim of sources) {
                if (victim.owner === source.owner || victim.component !== source.component) continue;
                for (const target of sources) {
                  if (target.owner === source.owner || target.component !== source.component) continue;
                  if (source.lan.some((one) => holds(one, network(`${target.from}/32`)))) continue;
                  expect(net.walk(source.router, source.component, victim.from, target.from).at).toBe("dropped");
                  tried++;
                }
              }
            }
          }),
          { numRuns: runs(40) },
        ),
    );
  });

  it("hold branches apart that must not talk, also an edge that does not keep to its routes", () => {
    let tried = 0;
    until(
      () => tried > 3,
      () =>
        fc.assert(
          fc.property(deeds(45), (all) => {
            const { intent } = [...history(all)].at(-1)!;
            const net = new Network(compile(intent));
            const sources = sourcesOf(intent, routesOf(intent));
            for (const source of sources.filter(({ zone }) => zone !== null)) {
              const [{ name: gateway }] = net.routers.get(source.router)!.tunnels;
              for (const other of sources.filter(({ zone, owner }) => zone === source.zone && owner !== source.owner)) {
                expect(net.walkFromEdge(source.router, gateway, source.component, source.from, other.from).at).toBe(
                  "dropped",
                );
                tried++;
              }
              for (const open of sources.filter(
                ({ zone, component }) => zone === null && component === source.component,
              )) {
                expect(net.walkFromEdge(source.router, gateway, source.component, source.from, open.from).at).not.toBe(
                  "dropped",
                );
              }
            }
          }),
          { numRuns: runs(40) },
        ),
    );
  });

  it("join tunnels at both ends only", () => {
    fc.assert(
      fc.property(deeds(40), (all) => {
        const { intent } = [...history(all)].at(-1)!;
        const net = new Network(compile(intent));
        for (const { tunnels } of net.routers.values()) {
          for (const tunnel of tunnels) expect(net.peerOf(tunnel)).not.toBeTypeOf("string");
        }
      }),
      { numRuns: runs(40) },
    );
  });
});

describe("the compiler", { timeout: runs(30_000) }, () => {
  it("gives after any changes what it gives from scratch, and deltas that lead there", () => {
    fc.assert(
      fc.property(deeds(30), (all) => {
        const compiler = new Compiler(EMPTY);
        let known = new Map<string, Parts>();
        for (const { intent, changes } of history(all)) {
          const preview = compiler.preview(intent, changes);
          expect(text(compiler.all)).toBe(text(known));
          const deltas = compiler.change(intent, changes);
          expect([...deltas]).toEqual([...preview]);
          known = new Map(known);
          for (const [router, delta] of deltas) {
            expect(delta.put.size + delta.remove.size).toBeGreaterThan(0);
            const before = known.get(router) ?? new Map();
            for (const [key, part] of delta.put) expect(canonical(part)).not.toBe(canonical(before.get(key) ?? null));
            for (const key of delta.remove) expect(before.has(key)).toBe(true);
            const there = [...delta.put.keys()].filter((key) => before.has(key));
            expect([...delta.before!.keys()].sort()).toEqual(there.sort());
            for (const [key, part] of delta.before!) expect(canonical(part)).toBe(canonical(before.get(key)));
            const after = changed(before, delta);
            if (after.size === 0) known.delete(router);
            else known.set(router, after);
          }
          const scratch = text(compile(withChanges(EMPTY, [...difference(EMPTY, intent)])));
          expect(text(known)).toBe(scratch);
          expect(text(compiler.all)).toBe(scratch);
        }
      }),
      { numRuns: runs(25) },
    );
  });

  it("gives the configurations from before when what was added is taken away", () => {
    fc.assert(
      fc.property(deeds(25), deeds(10), (first, more) => {
        const { intent: before } = [...history(first)].at(-1)!;
        let after = before;
        for (const deed of more) after = withChanges(after, changesOf(after, deed));
        const compiler = new Compiler(before);
        const was = text(compiler.all);
        const there = [...difference(before, after)];
        compiler.change(after, there);
        const back = [...difference(after, before)];
        compiler.change(withChanges(after, back), back);
        expect(text(compiler.all)).toBe(was);
      }),
      { numRuns: runs(40) },
    );
  });

  it("depends on what is wanted, not on the order in which it was written", () => {
    fc.assert(
      fc.property(deeds(30), fc.integer(), (all, seed) => {
        const { intent } = [...history(all)].at(-1)!;
        const changes = [...difference(EMPTY, intent)];
        const shuffled = changes
          .map((change, i) => ({ change, key: Math.imul(i + 1, seed | 1) >>> 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ change }) => change);
        expect(text(compile(withChanges(EMPTY, shuffled)))).toBe(text(compile(intent)));
      }),
      { numRuns: runs(25) },
    );
  });

  it("keeps its hands off what a change does not concern", () => {
    const intent = ground();
    const compiler = new Compiler(intent);
    const before = new Map(compiler.all);
    const changes = changesOf(intent, { what: 0, a: 5, b: 0, c: 3 });
    expect(changes).not.toEqual([]);
    const deltas = compiler.change(withChanges(intent, changes), changes);
    for (const [router, parts] of before) if (!deltas.has(router)) expect(compiler.parts(router)).toBe(parts);
  });
});
