/** Our edge beside a strongSwan gateway: what both are told, and how a test brings them up. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "vitest";
import { Lab } from "../../src/lab/lab.ts";
import { type PingOptions, type PingResult, ping } from "../../src/lab/ping.ts";
import { provide, STRONGSWAN_PROGRAMS } from "../../src/lab/prerequisites.ts";
import { Router } from "../../src/lab/router.ts";
import { type SiteConfig, type TunnelConfig, writeConfig } from "../../src/lab/site.ts";
import type { TunnelStatus } from "../../src/lab/status.ts";
import { StrongSwan, type SwanConnection } from "../../src/lab/strongswan.ts";
import { certificatePem, type Holder, keyPem } from "../ike/authority.ts";
import { ENTRY } from "../net/entry.ts";
import { INTEROP_PLAN } from "./plan.ts";

/** Name of the tunnel here and of the connection there. */
export const TUNNEL = "swan";
export const OUTER = {
  ipv4: { ours: "192.0.2.1", theirs: "192.0.2.2" },
  ipv6: { ours: "2001:db8::1", theirs: "2001:db8::2" },
} as const;
export const LAN = { ipv4: "10.1.0.10", ipv6: "fd00:1::10" } as const;
export const FAR = { ipv4: "10.9.0.10", ipv6: "fd00:9::10" } as const;
const OUR_NETWORKS = ["10.1.0.0/24", "fd00:1::/64"];
const THEIR_NETWORKS = ["10.9.0.0/24", "fd00:9::/64"];

export interface Wishes {
  readonly workers?: number;
  readonly outer?: "ipv4" | "ipv6";
  /** Both prove themselves with certificates of this authority instead of a key. */
  readonly certificates?: { readonly edge: Holder; readonly swan: Holder; readonly authority: Holder };
  readonly tunnel?: Partial<TunnelConfig>;
  readonly swan?: Partial<SwanConnection>;
}

export class Interop {
  readonly lab: Lab;
  readonly swan: StrongSwan;
  #edge: Router | undefined;
  readonly #secret = randomBytes(24).toString("base64url");
  #runs = 0;

  private constructor(lab: Lab, swan: StrongSwan) {
    this.lab = lab;
    this.swan = swan;
  }

  /** `fragmentSize`: of strongSwan, see there. */
  static async draw(name: string, fragmentSize?: number): Promise<Interop> {
    const lab = await Lab.draw({ name, plan: INTEROP_PLAN, entry: ENTRY, say: () => undefined });
    try {
      return new Interop(lab, await StrongSwan.start(lab.state, "swan", lab.namespace("swan"), fragmentSize));
    } catch (fault) {
      await lab.down();
      throw fault;
    }
  }

  get edge(): Router {
    if (!this.#edge) throw new Error("the edge does not run");
    return this.#edge;
  }

  ns(place: string): string {
    return this.lab.namespace(place);
  }

  /** Tells strongSwan its side. The defaults take whatever we propose. */
  async loadSwan(wishes: Wishes = {}): Promise<void> {
    const outer = OUTER[wishes.outer ?? "ipv4"];
    const { certificates } = wishes;
    await this.swan.load({
      name: TUNNEL,
      local: outer.theirs,
      remote: outer.ours,
      localId: "swan.vcpe.test",
      remoteId: "edge.vcpe.test",
      secret: this.#secret,
      ...(certificates && {
        certificates: {
          own: certificatePem(certificates.swan),
          key: keyPem(certificates.swan),
          authority: certificatePem(certificates.authority),
        },
      }),
      ikeProposals: ["aes256gcm16-prfsha256-x25519"],
      espProposals: ["aes256gcm16"],
      localSelectors: THEIR_NETWORKS,
      remoteSelectors: OUR_NETWORKS,
      ...wishes.swan,
    });
  }

  /** Starts our edge with its side and waits for its status socket. */
  async startEdge(wishes: Wishes = {}): Promise<Router> {
    await this.stopEdge();
    const outer = OUTER[wishes.outer ?? "ipv4"];
    const key = join(this.lab.state.folder, "swan.psk");
    writeFileSync(key, this.#secret, { mode: 0o600 });
    const { certificates } = wishes;
    const config: SiteConfig = {
      // A name of its own for each run: nothing of an earlier one may help.
      name: `${this.lab.name}-edge-${++this.#runs}`,
      log: "debug",
      outer: { ipv4: "0.0.0.0", ipv6: "::", ikePort: 500, natPort: 4500 },
      workers: wishes.workers ?? 1,
      ...(certificates && { credentials: this.#credentials(certificates) }),
      vrfs: [
        {
          name: "main",
          addresses: ["10.255.0.1", "fd00:ff::1"],
          tun: { name: "vcpe0", mtu: 1500 },
          local: [...OUR_NETWORKS],
        },
      ],
      tunnels: [
        {
          name: TUNNEL,
          vrf: "main",
          peer: { address: outer.theirs, id: "swan.vcpe.test" },
          local: { id: "edge.vcpe.test" },
          auth: certificates ? { certificate: { peer: "swan.vcpe.test" } } : { psk: { file: key } },
          start: "initiate",
          ike: { proposals: ["aes256gcm16-sha256-x25519"] },
          esp: { proposals: ["aes256gcm16"] },
          selectors: { local: [...OUR_NETWORKS], remote: [...THEIR_NETWORKS] },
          routes: [...THEIR_NETWORKS],
          dpd: "30s",
          ...wishes.tunnel,
        },
      ],
    };
    const file = writeConfig(this.lab.state.folder, `edge-${this.#runs}`, config);
    this.#edge = Router.start({
      state: this.lab.state,
      place: "edge",
      namespace: this.ns("edge"),
      role: "edge",
      name: config.name,
      config: file,
      entry: ENTRY,
    });
    await this.#edge.answering();
    return this.#edge;
  }

  #credentials({ edge, authority }: NonNullable<Wishes["certificates"]>): SiteConfig["credentials"] {
    const place = (name: string, text: string) => {
      const file = join(this.lab.state.folder, name);
      writeFileSync(file, text, { mode: 0o600 });
      return file;
    };
    return {
      certificate: place("edge.pem", certificatePem(edge)),
      key: { file: place("edge.key", keyPem(edge)) },
      trust: [place("authority.pem", certificatePem(authority))],
    };
  }

  async stopEdge(): Promise<void> {
    await this.#edge?.daemon.stop();
    this.#edge = undefined;
  }

  /** Brings the tunnel up: the initiator's side is asked to, the other one waits. */
  async connect(initiator: "we" | "they", wishes: Wishes = {}): Promise<void> {
    await this.loadSwan(wishes);
    const start = initiator === "we" ? ("initiate" as const) : ("respond" as const);
    await this.startEdge({ ...wishes, tunnel: { start, ...wishes.tunnel } });
    if (initiator === "they") await this.swan.initiate(TUNNEL);
    await this.edge.tunnelsUp();
  }

  async tunnel(): Promise<TunnelStatus> {
    const found = (await this.edge.status()).tunnels.find((tunnel) => tunnel.name === TUNNEL);
    if (!found) throw new Error(`the edge knows no tunnel ${TUNNEL}`);
    return found;
  }

  /** Pings from either side, IPv4 and IPv6. */
  pings(count = 5): Promise<PingResult[]> {
    return this.#pings({ count, interval: 0.02, patience: 10 });
  }

  /** The same one by one: five each way and family, each waited for, and not a packet more. */
  async countedPings(): Promise<PingResult[]> {
    const results: PingResult[] = [];
    for (let n = 0; n < 5; n++) results.push(...(await this.#pings({ count: 1, wait: 10 })));
    return results;
  }

  #pings(options: PingOptions): Promise<PingResult[]> {
    return Promise.all([
      ping(this.ns("lan"), FAR.ipv4, options),
      ping(this.ns("lan"), FAR.ipv6, options),
      ping(this.ns("far"), LAN.ipv4, options),
      ping(this.ns("far"), LAN.ipv6, options),
    ]);
  }

  async down(): Promise<void> {
    await this.stopEdge();
    await this.lab.down();
  }
}

/**
 * Draws the pair before the tests of a `describe` and takes it down after them. After each test our edge ends and strongSwan forgets
 * its IKE SAs: what a failed test left would meet the next one. `fragmentSize`: of strongSwan, see there.
 */
export function drawn(name: string, fragmentSize?: number): () => Interop {
  let interop: Interop | undefined;
  beforeAll(async () => {
    await provide(STRONGSWAN_PROGRAMS, console.log);
    interop = await Interop.draw(name, fragmentSize);
  }, 900_000);
  afterEach(async () => {
    await interop?.stopEdge();
    await interop?.swan.forget(TUNNEL);
  });
  afterAll(async () => {
    await interop?.down();
  });
  return () => {
    if (!interop) throw new Error("the pair is not drawn yet");
    return interop;
  };
}
