/** Rekeying with traffic beside it, and what must be true when all has settled. */
import { expect } from "vitest";
import type { Datagram } from "../../src/ike/effect.ts";
import type { IkeEndpoint } from "../../src/ike/endpoint.ts";
import type { Host } from "./network.ts";
import { established, type Sites, type SitesOptions, talks } from "./peers.ts";
import { Traffic } from "./traffic.ts";

export const CREATE = 36;

export const isResponse = ({ bytes }: Datagram) => (bytes[19] & 0x20) !== 0;

export const exchange = ({ bytes }: Datagram) => bytes[18];

export function rekeyChild(host: Host, peer: string): void {
  host.do((ike: IkeEndpoint, now) => ike.rekeyChild(peer, undefined, now));
}

export function rekeyIke(host: Host, peer: string): void {
  host.do((ike: IkeEndpoint, now) => ike.rekeyIke(peer, now));
}

/** Both sides rekey, one right after the other. */
export function cross({ a, b }: Sites, rekey: (host: Host, peer: string) => void): void {
  rekey(a, "b");
  rekey(b, "a");
}

/** CREATE_CHILD_SA messages of this host, requests or responses, take so long, milliseconds: as if they were lost and sent again. */
export function holdBack({ network }: Sites, { address }: Host, what: "requests" | "responses", ms: number): void {
  network.delay = (d) =>
    exchange(d) === CREATE && isResponse(d) === (what === "responses") && d.local.address === address ? ms : undefined;
}

/** Lets everything settle and looks at what must be true then. */
export function settle(both: Sites, traffic: Traffic): void {
  const { a, b, network } = both;
  network.run(150_000, traffic.flow);
  expect(traffic.lost).toEqual([]);
  expect(traffic.opened).toBeGreaterThan(0);
  expect(talks(both)).toBe(true);
  for (const host of [a, b]) {
    expect(host.ike.sizes().sas).toBe(1);
    expect(host.ike.status()[0].children).toHaveLength(1);
    expect(host.datapath.installed.size).toBe(1);
    expect(host.spis.size).toBe(1);
  }
  const [atA] = a.ike.status();
  const [atB] = b.ike.status();
  expect(atA.ike!.spiLocal).toBe(atB.ike!.spiRemote);
  expect(atA.children[0].spiIn).toBe(atB.children[0].spiOut);
}

export function start(options: SitesOptions = {}): { both: Sites; traffic: Traffic } {
  const both = established(options);
  return { both, traffic: new Traffic(both, 2_000) };
}

export const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);
