import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { freeze, type RouterConfig } from "../../../src/router/config/config.ts";
import { describeAction, diff } from "../../../src/router/diff.ts";
import { changes, modelOf, wholeOf, wishOf } from "../../../src/router/model.ts";
import type { Model } from "../../../src/router/resource.ts";
import { applied } from "./applied.ts";
import { BRANCH, parse } from "./configuration.ts";

const base = parse(BRANCH).config;
const template = base.tunnels[0];

/** Small worlds, so that two of them have much in common: names, devices and prefixes are taken from few. */
const prefixes = ["10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/16", "fd00:1::/64", "0.0.0.0/0"];
const vrfNames = ["a", "b"];
const world: fc.Arbitrary<RouterConfig> = fc
  .record({
    vrfs: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom(...vrfNames),
        addresses: fc.uniqueArray(fc.constantFrom("192.0.2.1", "192.0.2.2", "2001:db8::1"), { maxLength: 2 }),
        tun: fc.option(
          fc.record({
            name: fc.constantFrom("t0", "t1"),
            mtu: fc.constantFrom(1400, 1500),
            filter: fc.option(fc.constantFrom("f", "g")),
          }),
        ),
      }),
      { minLength: 1, maxLength: 2, selector: ({ name }) => name },
    ),
    tunnels: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom("p", "q", "r"),
        vrf: fc.constantFrom(...vrfNames),
        mtu: fc.option(fc.constantFrom(1300, 1400)),
        dpdMs: fc.constantFrom(0, 1000),
        version: fc.constantFrom("1", "2"),
        zone: fc.option(fc.constantFrom("z", "y")),
        certified: fc.boolean(),
      }),
      { maxLength: 3, selector: ({ name }) => name },
    ),
    credentials: fc.option(fc.constantFrom("1", "2")),
    owners: fc.array(
      fc.tuple(
        fc.constantFrom(...vrfNames),
        fc.constantFrom(...prefixes),
        fc.constantFrom("p", "q", "r", "local", "blackhole", "prohibit"),
      ),
    ),
    filters: fc.uniqueArray(
      fc.record({ name: fc.constantFrom("f", "g"), in: fc.constantFrom("accept" as const, "drop" as const) }),
      { selector: ({ name }) => name },
    ),
    interfaces: fc.uniqueArray(fc.record({ name: fc.constantFrom("lan0", "lan1"), mtu: fc.constantFrom(1400, 1500) }), {
      selector: ({ name }) => name,
    }),
  })
  .map(({ vrfs, tunnels, owners, filters, interfaces, credentials }) => {
    const devices = new Set<string>();
    const kept = vrfs.map((vrf) => {
      if (!vrf.tun || devices.has(vrf.tun.name)) return { ...vrf, tun: null };
      devices.add(vrf.tun.name);
      const filter = filters.some(({ name }) => name === vrf.tun?.filter) ? vrf.tun.filter : null;
      return { ...vrf, tun: { ...vrf.tun, filter } };
    });
    const there = tunnels.filter(({ vrf }) => kept.some(({ name }) => name === vrf));
    const owned = new Map(owners.map(([vrf, prefix, owner]) => [`${vrf} ${prefix}`, { vrf, prefix, owner }]));
    const of = (owner: string, vrf: string) =>
      [...owned.values()].filter((claim) => claim.owner === owner && claim.vrf === vrf).map(({ prefix }) => prefix);
    return freeze({
      ...base,
      interfaces,
      filters: filters.map((filter) => ({ ...filter, rules: [], out: "accept" as const })),
      credentials: credentials && { chain: ["c"], trust: ["t"], secret: "k", version: credentials },
      vrfs: kept.map((vrf) => ({ ...vrf, local: vrf.tun ? of("local", vrf.name) : [] })),
      tunnels: there.map(({ name, vrf, mtu, dpdMs, version, zone, certified }) => ({
        ...template,
        name,
        vrf,
        mtu,
        dpdMs,
        zone,
        auth: certified && credentials ? { kind: "certificate", peer: "p.test" } : { ...template.auth, version },
        routes: of(name, vrf).map((prefix) => ({ prefix, preference: 0, zone })),
      })),
      routes: kept.flatMap(({ name: vrf }) =>
        (["blackhole", "prohibit"] as const).flatMap((via) => of(via, vrf).map((prefix) => ({ vrf, prefix, via }))),
      ),
    }) as RouterConfig;
  });

/** Carries out actions on the model, each checked against what is there at that moment. */
function run(from: Model, to: Model): Model {
  return diff(from, to).reduce(applied, from);
}

const sorted = (model: Model) => [...model].sort(([a], [b]) => (a < b ? -1 : 1));

describe("diff", () => {
  it("leads from any configuration to any other, every step possible where it stands", () => {
    fc.assert(
      fc.property(world, world, (a, b) => {
        expect(sorted(run(modelOf(a), modelOf(b)))).toEqual(sorted(modelOf(b)));
      }),
      { numRuns: 2000, interruptAfterTimeLimit: 15_000 },
    );
  });

  it("has a fence around every prefix of either while anything else changes, and forwards between the first kernel route and the last", () => {
    fc.assert(
      fc.property(world, world, (a, b) => {
        const [was, wanted] = [modelOf(a), modelOf(b)];
        const fences = (model: Model) => [...model.keys()].filter((key) => key.startsWith("fence "));
        const all = [...fences(was), ...fences(wanted)];
        let model = was;
        for (const action of diff(was, wanted)) {
          const { kind } = action.op === "update" ? action.now : action.resource;
          if (kind !== "fence") expect(all.every((key) => model.has(key))).toBe(true);
          model = applied(model, action);
          if (kind !== "forwarding" || action.op !== "add") continue;
          expect([...wanted.keys()].filter((key) => key.startsWith("kernel-route ") && !model.has(key))).toEqual([]);
        }
      }),
    );
  });

  it("says the same of pieces that changed as of the whole", () => {
    fc.assert(
      fc.property(world, world, (a, b) => {
        const was = wishOf(a);
        // Parsed anew: what has not changed is equal, not the same object.
        const now = wishOf(JSON.parse(JSON.stringify(b)) as RouterConfig, was);
        expect(sorted(changes(was, now).reduce(applied, wholeOf(was)))).toEqual(sorted(modelOf(b)));
        expect(changes(now, wishOf(b, now))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("builds a router from nothing, and takes it down to nothing", () => {
    fc.assert(
      fc.property(world, (config) => {
        const model = modelOf(config);
        expect(sorted(run(new Map(), model))).toEqual(sorted(model));
        expect(run(model, new Map()).size).toBe(0);
      }),
    );
  });

  it("has nothing to do the second time", () => {
    fc.assert(
      fc.property(world, world, (a, b) => {
        const once = run(modelOf(a), modelOf(b));
        expect(diff(once, modelOf(b))).toEqual([]);
      }),
    );
  });

  it("leaves what is the same in both alone", () => {
    fc.assert(
      fc.property(world, world, (a, b) => {
        const actions = diff(modelOf(a), modelOf(b)).map(describeAction);
        for (const tunnel of a.tunnels) {
          const twin = b.tunnels.find(({ name }) => name === tunnel.name);
          if (!twin || twin.vrf !== tunnel.vrf) continue;
          if (twin.mtu === tunnel.mtu && twin.zone === tunnel.zone)
            expect(
              actions.filter(
                (text) => / tunnel /.test(text) && text.endsWith(` ${tunnel.name}`) && !text.includes("route"),
              ),
            ).toEqual([]);
          if (twin.dpdMs === tunnel.dpdMs && isDeepStrictEqual(twin.auth, tunnel.auth)) {
            expect(actions.filter((text) => text.endsWith(`peer ${tunnel.name}`))).toEqual([]);
          }
        }
      }),
    );
  });

  it("never opens a gap for a route that only changes its way", () => {
    fc.assert(
      fc.property(world, world, (a, b) => {
        const [from, to] = [modelOf(a), modelOf(b)];
        const actions = diff(from, to);
        for (const action of actions) {
          if (action.op !== "remove" || action.resource.kind !== "route") continue;
          const { vrf, prefix } = action.resource;
          const now = to.get(`route ${vrf} ${prefix}`);
          if (now?.kind !== "route") continue;
          // It was removed to come back: then its VRF, or the next hop it goes to, must itself be made in this very diff.
          const made = actions.flatMap((other) => (other.op === "add" ? [describeAction(other)] : []));
          const hop =
            now.via.kind === "tunnel"
              ? `add tunnel ${now.via.name}`
              : now.via.kind === "tun"
                ? `add tun ${now.via.device}`
                : "";
          expect(made.includes(hop) || made.includes(`add vrf ${vrf}`)).toBe(true);
        }
      }),
    );
  });
});

describe("one change in the file", () => {
  const steps = (from: string, to: string, text = BRANCH) => {
    expect(text).toContain(from);
    return diff(modelOf(parse(text).config), modelOf(parse(text.replace(from, to)).config)).map(describeAction);
  };

  it.each([
    [
      "a route more",
      "[10.2.0.0/24,",
      "[10.2.0.0/24, 10.7.0.0/24,",
      ["add fence main 10.7.0.0/24", "add route main 10.7.0.0/24 via to-gateway", "add kernel-route vcpe0 10.7.0.0/24"],
    ],
    ["another MTU", "    routes: [", "    mtu: 1300\n    routes: [", ["update tunnel to-gateway"]],
    ["a rate", "    routes: [", "    shape: { rate: 2M }\n    routes: [", ["update tunnel to-gateway"]],
    ["another DPD", "    routes: [", "    dpd: 5s\n    routes: [", ["update peer to-gateway"]],
    ["another lifetime", "lifetime: 4h", "lifetime: 3h", ["update peer to-gateway"]],
    ["another proposal", "[chacha20poly1305, ", "[", ["update peer to-gateway"]],
    ["another TUN MTU", "mtu: 1500", "mtu: 1400", ["update tun vcpe0"]],
    ["a drop instead of silence", "via: blackhole", "via: prohibit", ["update route main 10.66.0.0/16 via prohibit"]],
    ["the log level", "log: info", "log: debug", []],
  ])("%s", (_, from, to, expected) => expect(steps(from, to)).toEqual(expected));

  it("moves a prefix from a tunnel that goes to one that stays, without a gap", () => {
    const two = BRANCH.replace(
      "routes:\n  -",
      `  - name: other
    vrf: main
    peer: { id: other.test }
    local: { id: branch-a.vcpe.test }
    auth: { psk: { env: PSK } }
    routes: [10.9.0.0/24]
routes:
  -`,
    );
    const one = BRANCH.replace("routes: [10.2.0.0/24,", "routes: [10.9.0.0/24, 10.2.0.0/24,");
    expect(diff(modelOf(parse(two).config), modelOf(parse(one).config)).map(describeAction)).toEqual([
      "update route main 10.9.0.0/24 via to-gateway",
      "remove peer other",
      "remove tunnel other",
    ]);
  });
});
