/**
 * A console's customers, made and changed through its API as an operator's program would: two access points (one has not room for twenty
 * thousand tunnels), and instances in CENs with a VPC each, at one of them; one CEN is large, the others have a hundred instances. Of each instance the active device is there, the standby still in its box.
 */
import { type Call, type Reply, send } from "../../src/cli/client/http.ts";
import type { FromConsole } from "./talk.ts";

type Up = Extract<FromConsole, { is: "up" }>;

/** Instances of an ordinary CEN, and of the large one at most. */
const SMALL = 100;
const LARGE = 1000;
/** Resources in one request: an `apply` has 16 MB at most, and holds up all else while it runs. */
const BATCH = 2000;
/** Access points; CENs are at them in turn. */
const POINTS = [0, 1].map((i) => ({ name: `gw-${i}`, ipv4: `198.51.100.${i + 1}` }));
const pointOf = (cen: number) => POINTS[cen % POINTS.length].name;
const PASSWORD = "a few plain words";

const placeOf = ({ url, root }: Up) => ({ url, ca: root });

interface Device {
  readonly serial: string;
  readonly role: "active" | "standby" | "gateway";
  readonly key: string;
  readonly instance?: string | null;
}

/** A change and whom it concerns of those that are connected. */
export interface Deed {
  readonly what: string;
  readonly serials: readonly string[];
  /** Makes it, each time another way. */
  readonly act: (turn: number) => Promise<void>;
}

export class Site {
  readonly #up: Up;
  readonly #token: string;
  /** Active devices, by the number of their instance. */
  readonly edges: readonly Device[];
  /** Of the access points, in their order. */
  readonly gateways: readonly Device[];
  readonly #cens: readonly (readonly number[])[];

  private constructor(up: Up, token: string, cens: readonly (readonly number[])[], devices: readonly Device[]) {
    this.#up = up;
    this.#token = token;
    this.#cens = cens;
    this.gateways = devices.filter(({ role }) => role === "gateway");
    this.edges = devices.filter(({ role }) => role === "active");
  }

  static async make(up: Up, instances: number): Promise<Site> {
    const token = await tokenOf(up);
    const cens = share(instances);
    const resources: object[] = [
      { kind: "area", name: "main" },
      ...POINTS.map((point) => ({
        kind: "access-point",
        ...point,
        area: "main",
        region: "shanghai",
        vpcNamespaces: cens.map((_, c) => `vpc-${c}`),
      })),
    ];
    for (const [c, members] of cens.entries()) {
      resources.push({ kind: "cen", name: `cen-${c}`, area: "main" });
      resources.push({ kind: "ccn", name: `ccn-${c}`, area: "main", cen: `cen-${c}` });
      const place = { kind: "namespace", name: `vpc-${c}` };
      resources.push({
        kind: "vpc",
        name: `vpc-${c}`,
        accessPoint: pointOf(c),
        cidr: "172.16.0.0/16",
        place,
        cen: `cen-${c}`,
      });
      for (const [i, number] of members.entries()) {
        const cidrs = [`10.${i >> 8}.${i & 255}.0/24`];
        const own = { area: "main", accessPoint: pointOf(c), peakBandwidth: 2, ccn: `ccn-${c}`, activated: true };
        resources.push({ kind: "instance", name: `ins-${number}`, cidrs, ...own });
      }
    }
    const devices: Device[] = [];
    for (let from = 0; from < resources.length; from += BATCH) {
      const body = { resources: resources.slice(from, from + BATCH) };
      const call = { method: "POST", path: "/v1/apply", headers: bearer(token), body, patience: 120_000 } as const;
      devices.push(...(await send<{ devices: Device[] }>(placeOf(up), call)).body.devices);
    }
    return new Site(up, token, cens, devices);
  }

  deeds(): Deed[] {
    const vpc = (cen: number): Deed => ({
      what: `a VPC is published or withdrawn in a CEN of ${this.#cens[cen].length} instances`,
      serials: [...this.#cens[cen].map((i) => this.edges[i].serial), this.#gatewayOf(cen)],
      act: (turn) => this.#patch([`/v1/vpcs/vpc-${cen}`], { withdrawn: turn % 2 === 0 }),
    });
    const all: Deed[] = [
      {
        what: "the peak bandwidth of an instance",
        serials: [this.edges[0].serial, this.#gatewayOf(0)],
        act: (turn) => this.#patch(["/v1/instances/ins-0"], { peakBandwidth: 3 + (turn % 2) }),
      },
      ...(this.#cens.length > 1 ? [vpc(1)] : []),
      vpc(0),
      {
        what: "the port of the access points, which concerns all",
        serials: [...this.edges, ...this.gateways].map(({ serial }) => serial),
        act: (turn) => {
          const paths = POINTS.map(({ name }) => `/v1/access-points/${name}`);
          return this.#patch(paths, { natPort: 4500 + ((turn + 1) % 2) * 1000 });
        },
      },
    ];
    return all;
  }

  /** Devices that are connected and run what is wanted, as the console says. */
  async synchronized(): Promise<number> {
    let count = 0;
    let cursor: string | undefined;
    do {
      const query = { limit: "500", cursor };
      const { body } = await this.#send<{ items: { status: Status }[]; next: string | null }>({
        method: "GET",
        path: "/v1/devices",
        query,
      });
      for (const { status } of body.items) {
        if (status.controller === "normal" && status.sync === "synchronized") count++;
      }
      cursor = body.next ?? undefined;
    } while (cursor !== undefined);
    return count;
  }

  /** Events by code, of those after `after`; and the newest one's number. */
  async events(after: number): Promise<{ readonly codes: Readonly<Record<string, number>>; readonly last: number }> {
    const codes: Record<string, number> = {};
    let last = after;
    for (;;) {
      const query = { limit: "500", after: String(last) };
      const { body } = await this.#send<{ items: { id: number; code: string }[] }>({
        method: "GET",
        path: "/v1/events",
        query,
      });
      for (const { id, code } of body.items) {
        codes[code] = (codes[code] ?? 0) + 1;
        last = Math.max(last, id);
      }
      if (body.items.length === 0) return { codes, last };
    }
  }

  /** The same change of each of them, all at once. */
  async #patch(paths: readonly string[], body: object): Promise<void> {
    const read = await Promise.all(paths.map((path) => this.#send({ method: "GET", path })));
    this.asked = process.hrtime.bigint();
    const calls = paths.map((path, i) => {
      const headers = { "if-match": read[i].headers.etag as string };
      return this.#send({ method: "PATCH", path, headers, body });
    });
    await Promise.all(calls);
    this.answered = process.hrtime.bigint();
  }

  #gatewayOf(cen: number): string {
    return this.gateways[cen % POINTS.length].serial;
  }

  /** When the last change was asked for, and when it was answered. */
  asked = 0n;
  answered = 0n;

  #send<T>(call: Call): Promise<Reply<T>> {
    return send(placeOf(this.#up), {
      ...call,
      headers: { ...call.headers, ...bearer(this.#token) },
      patience: 120_000,
    });
  }
}

interface Status {
  readonly controller: string;
  readonly sync: string;
}

/** Instances by CEN: the first is large. */
function share(instances: number): number[][] {
  const large = Math.min(LARGE, instances);
  const cens = [Array.from({ length: large }, (_, i) => i)];
  for (let from = large; from < instances; from += SMALL) {
    cens.push(Array.from({ length: Math.min(SMALL, instances - from) }, (_, i) => from + i));
  }
  return cens;
}

async function tokenOf(up: Up): Promise<string> {
  const once = up.firstPassword as string;
  const post = (path: string, body: object, headers = {}) =>
    send<{ csrf: string; token: string }>(placeOf(up), { method: "POST", path, body, headers });
  const session = ({ headers, body }: Reply<{ csrf: string }>) => ({
    cookie: String(headers["set-cookie"]).split(";")[0],
    "x-csrf-token": body.csrf,
  });
  const first = await post("/v1/login", { user: "admin", password: once });
  const settled = await post("/v1/password", { old: once, new: PASSWORD }, session(first));
  return (await post("/v1/tokens", { name: "bench", role: "admin" }, session(settled))).body.token;
}

function bearer(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` };
}
