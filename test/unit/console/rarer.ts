/** What operators do less often, to what stands there already: see deeds.ts. */
import type { Change, Intent } from "../../../src/console/model/intent.ts";
import type { Kind, Resource, Spec } from "../../../src/console/model/resources.ts";
import { type Deed, NETWORKS, pick } from "./dice.ts";
import { change, creation, deletion, overlay, resource } from "./world.ts";

/** @param what 0–19 */
export function rarer(intent: Intent, { what, a, b, c }: Deed): Change[] {
  const ids = (kind: Kind) => [...intent[kind].keys()].sort();
  const one = (kind: Kind, n: number): string | undefined => pick(ids(kind), n);
  const orNone = (kind: Kind, n: number): string | null => (n % 4 === 0 ? null : (one(kind, n) ?? null));
  const patch = <K extends Kind>(kind: K, n: number, of: (before: Resource<K>) => Partial<Spec<K>>): Change[] => {
    const id = one(kind, n);
    const before = id === undefined ? undefined : (intent[kind].get(id) as Resource<K> | undefined);
    return before ? [change(intent, kind, before.id, of(before))] : [];
  };
  const area = pick(["area-east", "area-west"], b);
  switch (what) {
    case 0:
      return patch("vpc", a, () => ({ cidr: pick(NETWORKS, b), withdrawn: c % 4 === 0 }));
    case 1:
      return patch("vpc", a, () => {
        const place: Spec<"vpc">["place"] =
          c % 2 === 0 ? { kind: "namespace", name: `v${c % 3}` } : { kind: "vrf", device: `v${2 + (c % 3)}` };
        return { accessPoint: one("access-point", b)!, place };
      });
    case 2:
      return patch("vbr", a, () => ({ prefixes: [pick(NETWORKS, b), pick(NETWORKS, c)], withdrawn: [] }));
    case 3:
      return patch("vbr", a, ({ prefixes }) => ({ withdrawn: prefixes.filter((_, i) => (b >>> i) & 1) }));
    case 4:
      return patch("vbr", a, () => ({
        cen: orNone("cen", b),
        accessPoint: one("access-point", c)!,
        interface: `eth${b % 3}`,
        nextHop: c % 2 === 0 ? null : "10.255.0.1",
      }));
    case 5:
      return patch("rule", a, () => ({
        policy: pick(["accept", "drop"] as const, b),
        priority: 1 + (c % 100),
        cidr: pick(NETWORKS, c),
      }));
    case 6:
      return patch("rule", a, () => ({ securityGroup: one("security-group", b)! }));
    case 7:
      return patch("security-group", a, () => ({ vpc: one("vpc", b)! }));
    case 8:
    case 9: {
      if (intent["access-point"].has("ap-four")) return [];
      const spec = {
        name: pick(["four", "a0", "zz"], c),
        area,
        region: "four",
        ipv4: "198.51.100.4",
        vpcVrfs: ["v2", "v3"],
      };
      const device = { name: "four", instance: null, accessPoint: "ap-four", role: "gateway" as const, generation: 1 };
      return [
        creation(resource("access-point", "ap-four", spec)),
        creation(resource("device", "vcpe000000000099", { ...device, address: overlay(99) })),
      ];
    }
    case 10: {
      const id = one("access-point", a);
      const gateway = [...intent.device.values()].find(({ accessPoint }) => accessPoint === id);
      if (id === undefined || !gateway) return [];
      return [deletion(intent, "access-point", id), deletion(intent, "device", gateway.id)];
    }
    case 11:
      return patch("access-point", a, () => ({ area }));
    case 12:
      return patch("access-point", a, () => ({
        ipv6: b % 2 === 0 ? null : `2001:db8::${1 + (b % 9)}`,
        ikePort: c % 3 === 0 ? 1500 : 500,
        natPort: c % 5 === 0 ? 14500 : 4500,
        description: `offers ${c}`,
        lineInterfaces: ["eth0", "eth1", "eth2"].slice(c % 2),
      }));
    case 13:
      return patch("ccn", a, () => ({ cidr: pick([null, "192.168.0.0/16", "10.0.0.0/8"], b) }));
    case 14:
      return patch("ccn", a, () => ({ area, cen: orNone("cen", c) }));
    case 15: {
      const kind = pick(["instance", "ccn", "cen", "vpc", "vbr", "rule", "area"] as const, a);
      return patch(kind, b, () => ({ name: `n${c}` }));
    }
    case 16: {
      const standby = [...intent.device.values()].filter(({ role }) => role === "standby").map(({ id }) => id);
      return standby.length === 0 ? [] : [deletion(intent, "device", pick(standby.sort(), a))];
    }
    case 17:
    case 18:
      return patch("instance", a, () => ({ area, ccn: orNone("ccn", c), accessPoint: orNone("access-point", a + b) }));
    default:
      return patch("device", a, ({ generation }) => ({ generation: generation + 1 }));
  }
}
