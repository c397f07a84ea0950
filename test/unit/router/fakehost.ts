/** A kernel in a few maps. TUN devices come and go with the fake datapath; the test says when. */
import type {
  Features,
  Host,
  KernelRoute,
  Link,
  LinkBell,
  LinkChange,
  LinkId,
  NapiSetting,
  RouteFilter,
  RouteVerb,
  Rule,
  Way,
  Where,
} from "../../../src/router/host.ts";
import { type FakeLink, FakeNamespace, fakeLink, Refused } from "./fakelink.ts";

export class FakeHost implements Host {
  readonly namespaces = new Map<string, FakeNamespace>();
  /** Routes of tables other than main. */
  readonly tables = new Map<number, KernelRoute[]>();
  readonly rules: Rule[] = [];
  /** The namespace whose kernel parameters are seen now. */
  #inside: FakeNamespace | undefined;
  readonly sysctls = new Map<string, string>([
    ["net/ipv4/ip_forward", "0"],
    ["net/ipv6/conf/all/forwarding", "0"],
    ["net/ipv4/conf/all/rp_filter", "1"],
    ["net/ipv6/conf/wan/accept_ra", "1"],
    ["net/ipv6/conf/lan/accept_ra", "0"],
  ]);
  readonly links = new Map<string, FakeLink>([
    ["wan", fakeLink(2)],
    ["lan", fakeLink(3)],
  ]);
  /** What other programs have routed: prefix → links. */
  readonly ways = new Map<string, string[]>([
    ["0.0.0.0/0", ["wan"]],
    ["10.1.0.0/24", ["lan"]],
    ["fd00:1::/64", ["lan"]],
  ]);
  /** Features that this kernel does not know, or that its devices refuse to change. */
  readonly lacks = new Set<string>();
  readonly refuses = new Set<string>();
  /** Links or routes have changed. */
  rung = false;
  listening = 0;
  #index = 3;
  /** prefix → link. */
  readonly routes = new Map<string, string>();
  /** Prefixes of "unreachable" routes of the main table. */
  readonly fences = new Set<string>();
  outerMtu = 1500;
  net = "net:[1]";
  /** Living processes: id → start time. */
  readonly processes = new Map<number, string>([[process.pid, "100"]]);
  /** Setting this link's state is refused. */
  refuseLink: string | undefined;

  /** The device as the kernel makes it for an open TUN file. */
  makeTun(name: string): void {
    this.addLink(name, { up: false, kind: "tun" });
    this.sysctls.set(`net/ipv4/conf/${name}/rp_filter`, "1");
    this.sysctls.set(`net/ipv6/conf/${name}/addr_gen_mode`, "0");
    this.sysctls.set(`net/ipv6/conf/${name}/accept_ra`, "1");
  }

  addLink(name: string, settings: Partial<FakeLink> = {}): FakeLink {
    const link = { ...fakeLink(++this.#index), ...settings };
    this.links.set(name, link);
    return link;
  }

  /** Wherever it is. */
  removeLink(name: string): void {
    for (const { links, routes } of this.namespaces.values()) {
      links.delete(name);
      for (const [prefix, link] of routes) if (link === name) routes.delete(prefix);
    }
    for (const [table, routes] of this.tables) {
      this.tables.set(
        table,
        routes.filter(({ link }) => link !== name),
      );
    }
    this.links.delete(name);
    for (const key of [...this.sysctls.keys()]) if (key.split("/")[3] === name) this.sysctls.delete(key);
    for (const [prefix, link] of this.routes) if (link === name) this.routes.delete(prefix);
  }

  readSysctl(key: string): string | undefined {
    return (this.#inside ?? this).sysctls.get(key);
  }

  writeSysctl(key: string, value: string): void {
    const { sysctls } = this.#inside ?? this;
    if (!sysctls.has(key)) throw new Refused("absent");
    sysctls.set(key, value);
  }

  #space(where?: Where): { links: Map<string, FakeLink>; routes: Map<string, string> } {
    if (where?.netns === undefined) return this;
    const space = this.namespaces.get(where.netns);
    if (!space) throw new Refused("absent");
    return space;
  }

  async listLinks(): Promise<Link[]> {
    return [...this.links].map(([name, { addresses, features, napi, ...link }]) => ({ name, ...link }));
  }

  async setLink(name: string, { netns, ...change }: LinkChange, where?: Where): Promise<void> {
    const { links } = this.#space(where);
    const link = links.get(name);
    if (!link) throw new Refused("absent");
    if (this.refuseLink === name) throw new Refused("not-permitted");
    Object.assign(link, change);
    if (netns === undefined) return;
    const there = this.#space({ netns }).links;
    links.delete(name);
    there.set(name, Object.assign(link, { up: false }));
    for (const [key, value] of [...this.sysctls]) {
      if (key.split("/")[3] !== name) continue;
      this.sysctls.delete(key);
      this.namespaces.get(netns)?.sysctls.set(key, value);
    }
  }

  async deleteLink(name: string): Promise<void> {
    if (!this.links.has(name)) throw new Refused("absent");
    this.removeLink(name);
  }

  async equipLink(name: string, change: LinkChange, addresses: readonly string[], where?: Where): Promise<void> {
    await this.setLink(name, change, where);
    await this.addAddresses(name, addresses, where);
  }

  async addAddresses(name: string, addresses: readonly string[], where?: Where): Promise<void> {
    const link = this.#space(where).links.get(name);
    if (!link) throw new Refused("absent");
    for (const address of addresses) link.addresses.add(address);
  }

  async deleteAddress(name: string, address: string): Promise<void> {
    if (!this.links.get(name)?.addresses.delete(address)) throw new Refused("absent");
  }

  async changeRoutes(verb: RouteVerb, changes: readonly KernelRoute[], where?: Where): Promise<void> {
    const { links, routes } = this.#space(where);
    for (const [line, route] of changes.entries()) {
      const { prefix, link, table } = route;
      if (verb !== "delete" && link !== undefined && !links.get(link)?.up) throw new Refused("unreachable", line);
      if (table !== undefined) {
        const others = (this.tables.get(table) ?? []).filter((one) => one.prefix !== prefix || one.kind !== route.kind);
        this.tables.set(table, verb === "delete" ? others : [...others, route]);
      } else if (route.kind === "unreachable") {
        if (verb === "delete" && !this.fences.has(prefix)) throw new Refused("absent", line);
        if (verb === "delete") this.fences.delete(prefix);
        else this.fences.add(prefix);
      } else if (verb === "delete") {
        if (routes.get(prefix) !== link) throw new Refused("absent", line);
        routes.delete(prefix);
      } else {
        if (verb === "add" && routes.has(prefix)) throw new Refused("exists", line);
        routes.set(prefix, link as string);
      }
    }
  }

  async listRoutes({ table }: RouteFilter): Promise<KernelRoute[]> {
    if (table !== undefined) return [...(this.tables.get(table as number) ?? [])];
    return [...this.fences].map((prefix) => ({ prefix, kind: "unreachable", metric: 4_294_967_295 }));
  }

  async listRules(): Promise<Rule[]> {
    return [...this.rules];
  }

  async changeRule(verb: "add" | "delete", rule: Rule): Promise<void> {
    const same = (one: Rule) => one.family === rule.family && one.table === rule.table && one.iif === rule.iif;
    const at = this.rules.findIndex(same);
    if (at >= 0 === (verb === "add")) throw new Refused(verb === "add" ? "exists" : "absent");
    if (verb === "add") this.rules.push(rule);
    else this.rules.splice(at, 1);
  }

  async waysTo(): Promise<Way[]> {
    const own = [...this.routes].map(([prefix, link]) => ({ prefix, links: [link] }));
    return [...own, ...[...this.ways].map(([prefix, links]) => ({ prefix, links }))];
  }

  #link(name: string): FakeLink {
    const link = this.links.get(name);
    if (!link) throw new Refused("absent");
    return link;
  }

  features(name: string): Features {
    const { features } = this.#link(name);
    return new Map(
      [...features]
        .filter(([feature]) => !this.lacks.has(feature))
        .map(([feature, on]) => [feature, { active: on, wanted: on, fixed: false }]),
    );
  }

  setFeature(name: string, feature: string, on: boolean): void {
    if (this.refuses.has(feature)) throw new Refused("not-permitted");
    this.#link(name).features.set(feature, on);
  }

  readNapi({ name }: LinkId, setting: NapiSetting): number | undefined {
    return this.#link(name).napi.get(setting);
  }

  writeNapi({ name }: LinkId, setting: NapiSetting, value: number): void {
    if (this.refuses.has(setting)) throw new Refused("not-permitted");
    this.#link(name).napi.set(setting, value);
  }

  listen(): LinkBell {
    this.listening++;
    return {
      rang: () => {
        const { rung } = this;
        this.rung = false;
        return rung;
      },
      close: () => {
        this.listening--;
      },
    };
  }

  localAddress(remote: Uint8Array): Uint8Array | undefined {
    return remote.length === 4 ? Uint8Array.of(203, 0, 113, 2) : new Uint8Array(16).fill(9);
  }

  pathMtu(): number | undefined {
    return this.outerMtu;
  }

  namespace(): string {
    return this.net;
  }

  /** As `ip netns add` does. */
  addNamespace(name: string): FakeNamespace {
    const space = new FakeNamespace(`4:${++this.#index}`);
    this.namespaces.set(name, space);
    return space;
  }

  namespaceId(name: string): string | undefined {
    return this.namespaces.get(name)?.id;
  }

  inside<T>(name: string, act: () => T): T {
    this.#inside = this.namespaces.get(name);
    if (!this.#inside) throw new Refused("absent");
    try {
      return act();
    } finally {
      this.#inside = undefined;
    }
  }

  startOf(pid: number): string | undefined {
    return this.processes.get(pid);
  }
}
