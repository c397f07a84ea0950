/** A small site to write tests with: resources by name, ids made of the names. */

import { complete } from "../../../src/console/model/complete.ts";
import { type Change, EMPTY, type Intent, withChanges } from "../../../src/console/model/intent.ts";
import type { Kind, Resource, Spec, Written } from "../../../src/console/model/resources.ts";

const AT = "2026-01-01T00:00:00.000Z";

/** A resource as the store makes them; the id follows from the name. */
export function resource<K extends Kind>(kind: K, id: string, written: Written<K>): Resource<K> {
  const meta = { kind, id, version: 1, created: AT, updated: AT };
  return Object.freeze({ ...complete(kind, written), ...meta }) as unknown as Resource<K>;
}

export function creation(after: Resource): Change {
  return { kind: after.kind, id: after.id, before: undefined, after };
}

/** The resource with other values. */
export function change<K extends Kind>(intent: Intent, kind: K, id: string, patch: Partial<Spec<K>>): Change {
  const before = intent[kind].get(id);
  if (!before) throw new Error(`there is no ${kind} ${id}`);
  const after = Object.freeze({ ...before, ...patch, version: before.version + 1 }) as Resource<K>;
  return { kind, id, before, after } as unknown as Change;
}

export function deletion(intent: Intent, kind: Kind, id: string): Change {
  return { kind, id, before: intent[kind].get(id), after: undefined };
}

/** An address of 100.64.0.0/10 by number, from 1. */
export function overlay(number: number): string {
  return `100.${64 + (number >>> 16)}.${(number >>> 8) & 255}.${number & 255}`;
}

/** Makes sites: each call adds to the changes. */
export class Site {
  readonly changes: Change[] = [];
  #devices = 0;

  add<K extends Kind>(kind: K, id: string, written: Written<K>): this {
    this.changes.push(creation(resource(kind, id, written) as unknown as Resource));
    return this;
  }

  area(name: string): this {
    return this.add("area", `area-${name}`, { name });
  }

  /** With its device vcpe00000000000N. @param offers what of its host is for VPCs and leased lines */
  point(name: string, area: string, ipv4: string, offers: Partial<Written<"access-point">> = {}): this {
    this.add("access-point", `ap-${name}`, { name, area: `area-${area}`, region: name, ipv4, ...offers });
    return this.#device(`${name}-gateway`, null, `ap-${name}`, "gateway");
  }

  /** Activated, with two devices. */
  branch(
    name: string,
    area: string,
    ccn: string | null,
    cidrs: string[],
    more: Partial<Written<"instance">> = {},
  ): this {
    this.add("instance", `ins-${name}`, {
      name,
      area: `area-${area}`,
      peakBandwidth: 10,
      cidrs,
      ccn: ccn === null ? null : `ccn-${ccn}`,
      activated: true,
      ...more,
    });
    this.#device(`${name}-active`, `ins-${name}`, null, "active");
    return this.#device(`${name}-standby`, `ins-${name}`, null, "standby");
  }

  get intent(): Intent {
    return withChanges(EMPTY, this.changes);
  }

  #device(name: string, instance: string | null, accessPoint: string | null, role: Resource<"device">["role"]): this {
    const id = `vcpe${String(++this.#devices).padStart(12, "0")}`;
    const address = overlay(this.#devices);
    return this.add("device", id, { name, instance, accessPoint, role, address, generation: 1 });
  }
}

/** The tutorial: Hangzhou and Ningbo reach VPCs in Shanghai and Beijing. Gateways are devices 1 and 2, edges 3 to 6. */
export function tutorial(): Site {
  return new Site()
    .area("mainland")
    .point("shanghai", "mainland", "198.51.100.1", { vpcNamespaces: ["vpc-shanghai"] })
    .point("beijing", "mainland", "198.51.100.2", {
      lineInterfaces: ["eth1", "eth1.100"],
      vpcNamespaces: ["vpc-beijing"],
    })
    .add("cen", "cen-corp", { name: "corp", area: "area-mainland" })
    .add("ccn", "ccn-corp", { name: "corp", area: "area-mainland", cen: "cen-corp" })
    .branch("hangzhou", "mainland", "corp", ["172.16.0.0/16"], { accessPoint: "ap-shanghai" })
    .branch("ningbo", "mainland", "corp", ["172.17.0.0/16"], { accessPoint: "ap-beijing" })
    .add("vpc", "vpc-shanghai", {
      name: "shanghai",
      accessPoint: "ap-shanghai",
      cidr: "192.168.0.0/16",
      place: { kind: "namespace", name: "vpc-shanghai" },
      cen: "cen-corp",
    })
    .add("vpc", "vpc-beijing", {
      name: "beijing",
      accessPoint: "ap-beijing",
      cidr: "10.0.0.0/16",
      place: { kind: "namespace", name: "vpc-beijing" },
      cen: "cen-corp",
    })
    .add("security-group", "sg-shanghai", { name: "shanghai", vpc: "vpc-shanghai" })
    .add("rule", "sgr-branches", {
      name: "branches",
      securityGroup: "sg-shanghai",
      direction: "ingress",
      policy: "accept",
      protocol: "all",
      cidr: "172.16.0.0/12",
    });
}
