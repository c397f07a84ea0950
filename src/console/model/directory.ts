/** What is found of an intent without looking at all of it: by name, by what refers to it, by network, by address. */
import type { Change, Intent } from "./intent.ts";
import { placeKey } from "./place.ts";
import { parseIpv4, prefixOf } from "./prefix.ts";
import { type Claim, PrefixSet } from "./prefixset.ts";
import { KINDS, referencesOf } from "./references.ts";
import type { Kind, Resource } from "./resources.ts";

const NONE: ReadonlySet<string> = new Set();

export class Directory {
  #intent: Intent;
  /** "kind/name" → ids; more than one only while a change that will be refused is looked at. */
  readonly #names = new Map<string, Set<string>>();
  /** "id kind" → ids of resources of that kind that refer to it. */
  readonly #users = new Map<string, Set<string>>();
  /** Networks by what their owner is bound to: of instances by CCN, of VPCs and VBRs by CEN. */
  readonly #networks = new Map<string, PrefixSet>();
  /** What only one may have (`holdingsOf`) → ids of those that have it. */
  readonly #holders = new Map<string, Set<string>>();
  readonly #outside = new PrefixSet();

  constructor(intent: Intent) {
    this.#intent = intent;
    for (const kind of KINDS) for (const resource of intent[kind].values()) this.#enter(resource);
  }

  /** Walks to another intent, that comes of the present one by these changes. */
  move(intent: Intent, changes: readonly Change[]): void {
    this.#intent = intent;
    for (const { before, after } of changes) {
      if (before) this.#leave(before);
      if (after) this.#enter(after);
    }
  }

  get<K extends Kind>(kind: K, id: string): Resource<K> | undefined {
    return (this.#intent[kind] as ReadonlyMap<string, Resource<K>>).get(id);
  }

  all<K extends Kind>(kind: K): Iterable<Resource<K>> {
    return (this.#intent[kind] as ReadonlyMap<string, Resource<K>>).values();
  }

  /** Ids of resources with this name; at most one in an intent that keeps the rules. */
  named(kind: Kind, name: string): ReadonlySet<string> {
    return this.#names.get(`${kind}/${name}`) ?? NONE;
  }

  /** Ids of resources of `kind` that refer to `id`. */
  users(id: string, kind: Kind): ReadonlySet<string> {
    return this.#users.get(`${id} ${kind}`) ?? NONE;
  }

  /** The resources of `kind` that refer to `id`, in the order of their ids. */
  usersOf<K extends Kind>(id: string, kind: K): Resource<K>[] {
    return [...this.users(id, kind)].sort().map((user) => this.get(kind, user)!);
  }

  /** Ids of resources that have this: an address (`addressKey`), a place (`placeKey`). */
  holders(key: string): ReadonlySet<string> {
    return this.#holders.get(key) ?? NONE;
  }

  /** IPv4 addresses of access points, as networks of one address. */
  get outside(): PrefixSet {
    return this.#outside;
  }

  /** Component of a CCN: its CEN's id, or its own when it has none. */
  componentOfCcn(ccn: string): string {
    return this.get("ccn", ccn)?.cen ?? ccn;
  }

  /** Component of an instance, VPC or VBR; null: bound to nothing. */
  componentOf(resource: Resource<"instance" | "vpc" | "vbr">): string | null {
    if (resource.kind !== "instance") return resource.cen;
    return resource.ccn === null ? null : this.componentOfCcn(resource.ccn);
  }

  /** The networks of a component, in sets: those of the CEN itself, and those of each CCN. */
  networks(component: string): PrefixSet[] {
    const homes = [component, ...[...this.users(component, "ccn")].sort()];
    return homes.flatMap((home) => this.#networks.get(home) ?? []);
  }

  /** The networks of what is bound to this CCN or CEN directly. */
  networksAt(home: string): PrefixSet | undefined {
    return this.#networks.get(home);
  }

  /** Every set of networks, with the CCN or CEN whose it is. */
  allNetworks(): Iterable<readonly [string, PrefixSet]> {
    return this.#networks;
  }

  /**
   * The access point of an instance: its own, or the first of its area by name (by id when names are equal); undefined: there is none.
   */
  accessPointOf({ accessPoint, area }: Resource<"instance">): Resource<"access-point"> | undefined {
    if (accessPoint !== null) return this.get("access-point", accessPoint);
    let first: Resource<"access-point"> | undefined;
    for (const id of this.users(area, "access-point")) {
      const one = this.get("access-point", id)!;
      if (!first || one.name < first.name || (one.name === first.name && one.id < first.id)) first = one;
    }
    return first;
  }

  /** The device of an access point; undefined: it has none. */
  gatewayOf(accessPoint: string): Resource<"device"> | undefined {
    return this.usersOf(accessPoint, "device")[0];
  }

  #enter(resource: Resource): void {
    put(this.#names, `${resource.kind}/${resource.name}`, resource.id);
    for (const { id } of referencesOf(resource)) put(this.#users, `${id} ${resource.kind}`, resource.id);
    for (const key of holdingsOf(resource)) put(this.#holders, key, resource.id);
    for (const claim of outsideOf(resource)) this.#outside.add(claim);
    const home = homeOf(resource);
    const claims = claimsOf(resource);
    if (home === null || claims.length === 0) return;
    let set = this.#networks.get(home);
    if (!set) {
      set = new PrefixSet();
      this.#networks.set(home, set);
    }
    for (const claim of claims) set.add(claim);
  }

  #leave(resource: Resource): void {
    take(this.#names, `${resource.kind}/${resource.name}`, resource.id);
    for (const { id } of referencesOf(resource)) take(this.#users, `${id} ${resource.kind}`, resource.id);
    for (const key of holdingsOf(resource)) take(this.#holders, key, resource.id);
    for (const claim of outsideOf(resource)) this.#outside.remove(claim);
    const home = homeOf(resource);
    const set = home === null ? undefined : this.#networks.get(home);
    if (home === null || !set) return;
    for (const claim of claimsOf(resource)) set.remove(claim);
    if (set.size === 0) this.#networks.delete(home);
  }
}

/** The CCN or CEN that a resource with networks is bound to; null: to none, or it has no networks. */
function homeOf(resource: Resource): string | null {
  if (resource.kind === "instance") return resource.ccn;
  return resource.kind === "vpc" || resource.kind === "vbr" ? resource.cen : null;
}

/** The networks that a resource brings along; texts that are no networks are left out. */
export function claimsOf(resource: Resource): Claim[] {
  const claims: Claim[] = [];
  const claim = (text: string, published: boolean) => {
    const prefix = prefixOf(text);
    if (prefix) claims.push({ prefix, text, kind: resource.kind, id: resource.id, published });
  };
  if (resource.kind === "instance") {
    for (const text of resource.cidrs) claim(text, !resource.withdrawn.includes(text));
  } else if (resource.kind === "vbr") {
    for (const text of resource.prefixes) claim(text, !resource.withdrawn.includes(text));
  } else if (resource.kind === "vpc") claim(resource.cidr, !resource.withdrawn);
  return claims;
}

/** Outer address of an access point, overlay address of a device. */
export function addressKey(address: string): string {
  return `address ${address}`;
}

function holdingsOf(resource: Resource): string[] {
  switch (resource.kind) {
    case "device":
      return [addressKey(resource.address)];
    case "access-point":
      return [resource.ipv4, resource.ipv6].filter((address) => address !== null).map(addressKey);
    case "vpc":
    case "vbr":
      return [placeKey(resource)];
    default:
      return [];
  }
}

function outsideOf(resource: Resource): Claim[] {
  const base = resource.kind === "access-point" && resource.ipv4 !== null ? parseIpv4(resource.ipv4) : undefined;
  if (base === undefined || resource.kind !== "access-point") return [];
  return [
    { prefix: { base, length: 32 }, text: resource.ipv4!, kind: resource.kind, id: resource.id, published: true },
  ];
}

function put(map: Map<string, Set<string>>, key: string, id: string): void {
  const set = map.get(key);
  if (set) set.add(id);
  else map.set(key, new Set([id]));
}

function take(map: Map<string, Set<string>>, key: string, id: string): void {
  const set = map.get(key);
  if (set?.delete(id) && set.size === 0) map.delete(key);
}
