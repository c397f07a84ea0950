/** Random things that operators do, as changes of an intent. Most are legal; what the rules refuse is left undone. */
import { type Change, EMPTY, type Intent, withChanges } from "../../../src/console/model/intent.ts";
import type { Kind, Resource, Written } from "../../../src/console/model/resources.ts";
import { violations } from "../../../src/console/model/rules.ts";
import { type Deed, NETWORKS, pick } from "./dice.ts";
import { rarer } from "./rarer.ts";
import { change, creation, deletion, overlay, resource, Site } from "./world.ts";

/** Where access points let VPCs be. */
const VPCS = { vpcNamespaces: ["v0", "v1"], vpcVrfs: ["v2", "v3"] };

/** Three access points in two areas, three CENs and CCNs, two VPCs with a security group; branches, of which some wait to publish what others do. */
export function ground(): Intent {
  const site = new Site()
    .area("east")
    .area("west")
    .point("one", "east", "198.51.100.1", { lineInterfaces: ["eth0", "eth1", "eth2"], ...VPCS })
    .point("two", "east", "198.51.100.2", { lineInterfaces: ["eth0", "eth1", "eth2"], ...VPCS })
    .point("three", "west", "198.51.100.3", { lineInterfaces: ["eth0", "eth1"], ...VPCS });
  for (const [name, area] of [
    ["red", "east"],
    ["green", "west"],
  ] as const) {
    site.add("cen", `cen-${name}`, { name, area: `area-${area}` });
    site.add("ccn", `ccn-${name}`, { name, area: `area-${area}`, cen: `cen-${name}`, interworking: false });
  }
  site.add("cen", "cen-blue", { name: "blue", area: "area-east" });
  site.add("ccn", "ccn-blue", { name: "blue", area: "area-east" });
  site.branch("i0", "east", "red", ["192.168.1.0/24"]);
  site.branch("i1", "east", "red", ["192.168.2.0/24", "172.16.8.0/24"], {
    accessPoint: "ap-two",
    withdrawn: ["172.16.8.0/24"],
  });
  site.branch("i2", "west", "green", ["192.168.1.0/24"]);
  site.branch("i3", "east", "blue", ["192.168.1.0/24", "10.1.2.0/24"], {
    accessPoint: "ap-one",
    withdrawn: ["10.1.2.0/24"],
  });
  for (const [n, point, cen] of [
    [0, "one", "red"],
    [1, "three", "green"],
  ] as const) {
    const place = { kind: "namespace", name: `v${n}` } as const;
    const vpc = { name: `v${n}`, accessPoint: `ap-${point}`, cidr: `192.168.${9 + n}.0/24`, place, cen: `cen-${cen}` };
    site.add("vpc", `vpc-${n}`, vpc).add("security-group", `sg-${n}`, { name: `g${n}`, vpc: `vpc-${n}` });
    site.add("rule", `sgr-${n}`, {
      name: `r${n}`,
      securityGroup: `sg-${n}`,
      direction: "ingress",
      policy: "accept",
      protocol: "all",
      cidr: "0.0.0.0/0",
    });
  }
  return site.intent;
}

/** Up to three of them, mostly one. */
const some = (n: number) =>
  n % 10 === 0 ? [] : [...new Set([n, n * 3, n * 7].slice(0, 1 + ((n >>> 3) % 3)).map((i) => pick(NETWORKS, i)))];

/** The changes of a deed in this intent; none: it cannot be done. */
export function changesOf(intent: Intent, { what, a, b, c }: Deed): Change[] {
  const ids = (kind: Kind) => [...intent[kind].keys()].sort();
  const one = (kind: Kind, n: number): string | undefined => pick(ids(kind), n);
  const orNone = (kind: Kind, n: number): string | null => (n % 4 === 0 ? null : (one(kind, n) ?? null));
  const patch = <K extends Kind>(kind: K, n: number, values: Parameters<typeof change<K>>[3]): Change[] => {
    const id = one(kind, n);
    return id === undefined ? [] : [change(intent, kind, id, values)];
  };
  const create = <K extends Kind>(kind: K, id: string, written: Written<K>): Change[] => {
    if (intent[kind].has(id)) return [];
    return [creation(resource(kind, id, written) as unknown as Resource)];
  };
  const device = (n: number, name: string, owner: Partial<Resource<"device">>): Change[] =>
    create("device", `vcpe${String(n).padStart(12, "0")}`, {
      name,
      instance: null,
      accessPoint: null,
      role: "active",
      address: overlay(n),
      generation: 1,
      ...owner,
    });
  // Branches are made more often than anything else: without them there is nothing to see.
  const often = what % 60;
  if (often > 39) return rarer(intent, { what: often - 40, a, b, c });
  switch (often > 32 ? 20 : often > 20 ? often % 3 : often) {
    case 0:
    case 1:
    case 2: {
      const name = `i${a % 8}`;
      const area = pick(["area-east", "area-west"], b);
      // Most of them fit together; what does not is for the rules to refuse.
      const near = (kind: "access-point" | "ccn", n: number): string | null => {
        const there = ids(kind).filter((id) => n % 8 === 1 || intent[kind].get(id)!.area === area);
        return there.length === 0 ? null : pick(there, n >>> 1);
      };
      const cidrs = some(c);
      const made = create("instance", `ins-${name}`, {
        name,
        area,
        peakBandwidth: 2 + (c % 900),
        cidrs,
        withdrawn: cidrs.filter((_, i) => ((a >>> i) & 3) === 3),
        accessPoint: b % 3 === 0 ? null : near("access-point", b),
        ccn: c % 8 === 0 ? null : near("ccn", c),
        activated: c % 9 !== 0,
      });
      if (made.length === 0) return [];
      const base = 100 + (a % 8) * 2;
      return [
        ...made,
        ...device(base, `${name}-a`, { instance: `ins-${name}`, role: "active" }),
        ...device(base + 1, `${name}-s`, { instance: `ins-${name}`, role: "standby" }),
      ];
    }
    case 3: {
      const id = one("instance", a);
      if (id === undefined) return [];
      const own = [...intent.device.values()].filter(({ instance }) => instance === id);
      return [deletion(intent, "instance", id), ...own.map((each) => deletion(intent, "device", each.id))];
    }
    case 4:
    case 5:
      return patch("instance", a, { ccn: orNone("ccn", b) });
    case 6:
      return patch("instance", a, { cidrs: some(b), withdrawn: some(b).slice(0, c % 3) });
    case 7: {
      const id = one("instance", a);
      const cidrs = id === undefined ? [] : intent.instance.get(id)!.cidrs;
      return patch("instance", a, { withdrawn: cidrs.filter((_, i) => (b >>> i) & 1) });
    }
    case 8:
      return patch("instance", a, { activated: b % 3 !== 0, locked: c % 4 === 0 });
    case 9:
      return patch("instance", a, { accessPoint: orNone("access-point", b), peakBandwidth: 2 + (c % 900) });
    case 10:
    case 11:
      return patch("ccn", a, { cen: orNone("cen", b) });
    case 12:
      return patch("ccn", a, { interworking: b % 2 === 0 });
    case 13:
    case 14:
      return create("vpc", `vpc-${a % 4}`, {
        name: `v${a % 4}`,
        accessPoint: one("access-point", b)!,
        cidr: pick(NETWORKS, c),
        place: a % 4 < 2 ? { kind: "namespace", name: `v${a % 4}` } : { kind: "vrf", device: `v${a % 4}` },
        cen: orNone("cen", c),
      });
    case 15:
      return patch("vpc", a, { cen: orNone("cen", b), withdrawn: c % 3 === 0 });
    case 16:
      return create("vbr", `vbr-${a % 3}`, {
        name: `l${a % 3}`,
        accessPoint: one("access-point", b)!,
        interface: `eth${a % 3}`,
        prefixes: [pick(NETWORKS, c), pick(NETWORKS, c + 5)],
        cen: orNone("cen", a + b),
      });
    case 17: {
      const kind = pick(["vpc", "vbr", "security-group", "rule", "cen", "ccn"] as const, a);
      const id = one(kind, b);
      return id === undefined ? [] : [deletion(intent, kind, id)];
    }
    case 18: {
      const vpc = one("vpc", a);
      if (vpc === undefined) return [];
      return create("security-group", `sg-${b % 3}`, { name: `g${b % 3}`, vpc });
    }
    case 19: {
      const securityGroup = one("security-group", a);
      if (securityGroup === undefined) return [];
      return create("rule", `sgr-${b % 6}`, {
        name: `r${b % 6}`,
        securityGroup,
        direction: pick(["ingress", "egress"] as const, b),
        policy: pick(["accept", "drop"] as const, c),
        protocol: pick(["tcp", "udp"] as const, c),
        ports: pick(["-1/-1", "80/80", "1/200"], a),
        cidr: pick([...NETWORKS, "0.0.0.0/0"], c),
        priority: 1 + (c % 3),
      });
    }
    default: {
      const id = one("device", a);
      if (b % 2 === 0)
        return patch("access-point", a, {
          name: pick(["one", "two", "three", "aaa", "zzz"], c),
          ipv4: `203.0.113.${1 + (c % 9)}`,
        });
      return id === undefined ? [] : patch("device", a, { generation: intent.device.get(id)!.generation + 1 });
    }
  }
}

/** Each intent that comes of doing these deeds one after the other, some of them together, as far as the rules allow. */
export function* history(
  all: readonly Deed[],
): Generator<{ readonly intent: Intent; readonly changes: readonly Change[] }> {
  let intent = ground();
  yield { intent, changes: [...difference(EMPTY, intent)] };
  let draft = intent;
  for (const [i, deed] of all.entries()) {
    draft = withChanges(draft, changesOf(draft, deed));
    if (deed.c % 7 === 0 && i < all.length - 1) continue;
    const changes = [...difference(intent, draft)];
    if (changes.length > 0 && violations(intent, changes).length === 0) {
      intent = draft;
      yield { intent, changes };
    } else draft = intent;
  }
}

/** The changes that lead from one intent to the other. */
export function* difference(from: Intent, to: Intent): Generator<Change> {
  for (const kind of Object.keys(from) as Kind[]) {
    for (const id of new Set([...from[kind].keys(), ...to[kind].keys()])) {
      const before = from[kind].get(id);
      const after = to[kind].get(id);
      if (before !== after) yield { kind, id, before, after };
    }
  }
}
