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
  RouteVerb,
  Way,
} from "../../../src/router/host.ts";

class Refused extends Error {
  readonly code: string;
  readonly line: number;

  constructor(code: string, line = 0) {
    super(`Could not do it: ${code}.`);
    this.code = code;
    this.line = line;
  }
}

export interface FakeLink extends Omit<Link, "name"> {
  mtu: number;
  up: boolean;
  addresses: Set<string>;
  features: Map<string, boolean>;
  napi: Map<NapiSetting, number>;
}

function fakeLink(index: number): FakeLink {
  return {
    index,
    mtu: 1500,
    up: true,
    kind: "",
    addresses: new Set(),
    features: new Map([
      ["rx-gro", true],
      ["rx-gro-list", false],
      ["rx-udp-gro-forwarding", false],
    ]),
    napi: new Map([
      ["gro_flush_timeout", 0],
      ["napi_defer_hard_irqs", 0],
    ]),
  };
}

export class FakeHost implements Host {
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

  removeLink(name: string): void {
    this.links.delete(name);
    for (const key of [...this.sysctls.keys()]) if (key.split("/")[3] === name) this.sysctls.delete(key);
    for (const [prefix, link] of this.routes) if (link === name) this.routes.delete(prefix);
  }

  readSysctl(key: string): string | undefined {
    return this.sysctls.get(key);
  }

  writeSysctl(key: string, value: string): void {
    if (!this.sysctls.has(key)) throw new Refused("absent");
    this.sysctls.set(key, value);
  }

  async listLinks(): Promise<Link[]> {
    return [...this.links].map(([name, { addresses, features, napi, ...link }]) => ({ name, ...link }));
  }

  async setLink(name: string, change: LinkChange): Promise<void> {
    const link = this.links.get(name);
    if (!link) throw new Refused("absent");
    if (this.refuseLink === name) throw new Refused("not-permitted");
    Object.assign(link, change);
  }

  async deleteLink(name: string): Promise<void> {
    if (!this.links.has(name)) throw new Refused("absent");
    this.removeLink(name);
  }

  async addAddresses(name: string, addresses: readonly string[]): Promise<void> {
    const link = this.links.get(name);
    if (!link) throw new Refused("absent");
    for (const address of addresses) link.addresses.add(address);
  }

  async deleteAddress(name: string, address: string): Promise<void> {
    if (!this.links.get(name)?.addresses.delete(address)) throw new Refused("absent");
  }

  async changeRoutes(verb: RouteVerb, routes: readonly KernelRoute[]): Promise<void> {
    for (const [line, { prefix, link }] of routes.entries()) {
      if (verb === "delete") {
        if (this.routes.get(prefix) !== link) throw new Refused("absent", line);
        this.routes.delete(prefix);
      } else {
        if (verb === "add" && this.routes.has(prefix)) throw new Refused("exists", line);
        if (!this.links.get(link as string)?.up) throw new Refused("unreachable", line);
        this.routes.set(prefix, link as string);
      }
    }
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

  startOf(pid: number): string | undefined {
    return this.processes.get(pid);
  }
}
