/** A large intent: so many branches, in CENs of a given size, over a few access points. */

import { complete } from "../../src/console/model/complete.ts";
import { type Change, EMPTY, type Intent, withChanges } from "../../src/console/model/intent.ts";
import { formatIpv4 } from "../../src/console/model/prefix.ts";
import type { Kind, Resource, Written } from "../../src/console/model/resources.ts";

const AT = "2026-01-01T00:00:00.000Z";
const POINTS = 8;
/** 100.64.0.1 and 10.0.0.0, where addresses of devices and networks of branches begin. */
const OVERLAY = 100 * 2 ** 24 + 64 * 2 ** 16;
const NETWORKS = 10 * 2 ** 24;

export interface Large {
  readonly intent: Intent;
  /** All of it as changes of the empty intent. */
  readonly changes: readonly Change[];
}

function made<K extends Kind>(kind: K, id: string, written: Written<K>): Resource<K> {
  const meta = { kind, id, version: 1, created: AT, updated: AT };
  return Object.freeze({ ...complete(kind, written), ...meta }) as unknown as Resource<K>;
}

/** Each CEN has one CCN with `each` branches of one /24 and two devices, and two VPCs; all CENs have the same CIDR blocks. */
export function large(branches: number, each: number): Large {
  const changes: Change[] = [];
  let devices = 0;
  const add = <K extends Kind>(kind: K, id: string, written: Written<K>) => {
    changes.push({ kind, id, before: undefined, after: made(kind, id, written) as unknown as Resource });
  };
  const device = (name: string, owner: Pick<Written<"device">, "instance" | "accessPoint" | "role">) => {
    devices++;
    const id = `vcpe${devices.toString(36).padStart(12, "0")}`;
    add("device", id, { name, address: formatIpv4(OVERLAY + devices), generation: 1, ...owner });
  };
  const vpcs = Array.from({ length: Math.ceil(branches / each) }, (_, group) => vpcsOf(group)).flat();
  add("area", "area-1", { name: "mainland" });
  for (let i = 0; i < POINTS; i++) {
    add("access-point", `ap-${i}`, {
      name: `point${i}`,
      area: "area-1",
      region: `region${i}`,
      ipv4: `198.51.100.${i + 1}`,
      vpcNamespaces: vpcs.filter(({ accessPoint }) => accessPoint === `ap-${i}`).map(({ name }) => name),
    });
    device(`point${i}`, { instance: null, accessPoint: `ap-${i}`, role: "gateway" });
  }
  for (let i = 0; i < branches; i++) {
    const group = Math.floor(i / each);
    const at = i % each;
    if (at === 0) network(group, add);
    const id = `ins-${i.toString(36).padStart(10, "0")}`;
    add("instance", id, {
      name: `branch${i}`,
      area: "area-1",
      accessPoint: `ap-${(group + (at % 2)) % POINTS}`,
      peakBandwidth: 10,
      cidrs: [`${formatIpv4(NETWORKS + at * 256)}/24`],
      ccn: `ccn-${group}`,
      activated: true,
    });
    device(`branch${i}-active`, { instance: id, accessPoint: null, role: "active" });
    device(`branch${i}-standby`, { instance: id, accessPoint: null, role: "standby" });
  }
  return { intent: withChanges(EMPTY, changes), changes };
}

/** Two to a CEN, at neighbouring access points. */
function vpcsOf(group: number) {
  return [0, 1].map((n) => {
    const id = `${group}x${n}`;
    return { id, name: `vpc${id}`, accessPoint: `ap-${(group + n) % POINTS}`, cidr: `192.168.${n}.0/24` };
  });
}

function network(group: number, add: <K extends Kind>(kind: K, id: string, written: Written<K>) => void): void {
  add("cen", `cen-${group}`, { name: `cen${group}`, area: "area-1" });
  add("ccn", `ccn-${group}`, { name: `ccn${group}`, area: "area-1", cen: `cen-${group}` });
  for (const { id, ...vpc } of vpcsOf(group)) {
    const place = { kind: "namespace", name: vpc.name } as const;
    add("vpc", `vpc-${id}`, { ...vpc, place, cen: `cen-${group}` });
    add("security-group", `sg-${id}`, { name: `group${id}`, vpc: `vpc-${id}` });
    add("rule", `sgr-${id}`, {
      name: `rule${id}`,
      securityGroup: `sg-${id}`,
      direction: "ingress",
      policy: "accept",
      protocol: "all",
      cidr: "10.0.0.0/8",
    });
  }
}
