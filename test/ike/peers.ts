/** Two sites as most tests want them: a (branch) initiates, b (gateway) answers. */
import type { TrafficSelector } from "../../src/ike/effect.ts";
import type { IkeOptions } from "../../src/ike/endpoint.ts";
import type { ChildConfig, Identity, PeerConfig } from "../../src/ike/peer.ts";
import { type Host, Network, v4, v6 } from "./network.ts";

export function fqdn(name: string): Identity {
  return { type: "fqdn", data: new TextEncoder().encode(name) };
}

export function secret(text: string): PeerConfig["auth"] {
  return { kind: "psk", secret: new TextEncoder().encode(text) };
}

/** Every address of one family. */
export function any(family: 4 | 6): TrafficSelector {
  const size = family === 4 ? 4 : 16;
  return {
    protocol: 0,
    portLow: 0,
    portHigh: 65_535,
    low: new Uint8Array(size),
    high: new Uint8Array(size).fill(255),
  };
}

/** "10.1.0.0/16". */
export function net(prefix: string): TrafficSelector {
  const [address, length] = prefix.split("/");
  const low = address.includes(":") ? v6(address) : v4(address);
  const high = low.slice();
  for (let bit = Number(length); bit < low.length * 8; bit++) high[bit >> 3] |= 0x80 >> (bit & 7);
  return { protocol: 0, portLow: 0, portHigh: 65_535, low, high };
}

export function child(name = "net", changes: Partial<ChildConfig> = {}): ChildConfig {
  return {
    name,
    local: [any(4), any(6)],
    remote: [any(4), any(6)],
    espProposals: ["chacha20poly1305", "aes256gcm16"],
    lifetime: { ms: 3_600_000, jitter: 0.1 },
    ...changes,
  };
}

export const BASE = {
  auth: secret("correct horse battery staple"),
  ikeProposals: ["chacha20poly1305-sha256-x25519"],
  children: [child()],
  ikeLifetime: { ms: 4 * 3_600_000, jitter: 0.1 },
  dpd: 30_000,
  encapsulation: "always",
} as const satisfies Partial<PeerConfig>;

export interface Sites {
  readonly network: Network;
  readonly a: Host;
  readonly b: Host;
  readonly configA: PeerConfig;
  readonly configB: PeerConfig;
  /** Both configured; a begins. */
  start(): void;
}

export interface SitesOptions {
  readonly seed?: number;
  readonly a?: Partial<PeerConfig>;
  readonly b?: Partial<PeerConfig>;
  readonly addressA?: Uint8Array;
  readonly addressB?: Uint8Array;
  readonly optionsA?: Partial<IkeOptions>;
  readonly optionsB?: Partial<IkeOptions>;
  /** Sides that know nothing of crash tokens (RFC 6290). */
  readonly tokenless?: readonly ("a" | "b")[];
}

/** The peer is called "b" at a, and "a" at b. */
export function sites(options: SitesOptions = {}): Sites {
  const network = new Network(options.seed ?? 7);
  const addressA = options.addressA ?? v4("192.0.2.1");
  const addressB = options.addressB ?? v4("198.51.100.1");
  const a = network.host("a", addressA, options.optionsA);
  const b = network.host("b", addressB, options.optionsB);
  for (const side of options.tokenless ?? []) {
    const host = side === "a" ? a : b;
    host.secret = undefined;
    host.crash();
  }
  const configA: PeerConfig = {
    ...BASE,
    name: "b",
    remote: { address: addressB },
    localId: fqdn("a.vcpe.test"),
    remoteId: fqdn("b.vcpe.test"),
    initiate: true,
    ...options.a,
  };
  const configB: PeerConfig = {
    ...BASE,
    name: "a",
    localId: fqdn("b.vcpe.test"),
    remoteId: fqdn("a.vcpe.test"),
    initiate: false,
    ...options.b,
  };
  return {
    network,
    a,
    b,
    configA,
    configB,
    start() {
      b.do((ike, now) => ike.add(configB, now));
      a.do((ike, now) => ike.add(configA, now));
    },
  };
}

/** Both sites up, with time for the first round trip measurement. */
export function established(options: SitesOptions = {}): Sites {
  const both = sites(options);
  both.start();
  both.network.run(3_000);
  return both;
}

/** Can each open what the other sends on this child right now? */
export function talks({ a, b }: Sites, name = "net"): boolean {
  const there = a.datapath.packet(`b/${name}`);
  const back = b.datapath.packet(`a/${name}`);
  return there !== undefined && back !== undefined && b.datapath.opens(there) && a.datapath.opens(back);
}

/** Secrets that stand in an event would be a leak. */
export function saysNothingSecret(host: Host, words: readonly string[]): boolean {
  return host.events.every(({ message }) => words.every((word) => !message.includes(word)));
}
