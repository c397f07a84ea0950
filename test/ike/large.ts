/** Two sites whose messages do not fit into one datagram, and what a test asks of a datagram of theirs. */
import type { Datagram } from "../../src/ike/effect.ts";
import type { ChildConfig } from "../../src/ike/peer.ts";
import type { Host } from "./network.ts";
import { child, net, type Sites, type SitesOptions, sites } from "./peers.ts";

const SKF = 53;
export const AUTH = 35;
export const CREATE = 36;

/** A Child SA with so many selectors that no message about it fits into one datagram. */
export function large(here: number, there: number, count = 50): Partial<{ children: ChildConfig[] }> {
  const prefixes = (site: number) =>
    Array.from({ length: count }, (_, i) => net(`fd00:${site}:0:${i.toString(16)}::/64`));
  return { children: [child("net", { local: prefixes(here), remote: prefixes(there) })] };
}

/** Both with `count` selectors on either side; `seen` is all that was sent. */
export function both(options: SitesOptions = {}, count?: number): Sites & { readonly seen: Datagram[] } {
  const made = sites({
    ...options,
    a: { ...large(1, 2, count), ...options.a },
    b: { ...large(2, 1, count), ...options.b },
  });
  const seen: Datagram[] = [];
  made.network.watch = (datagram) => {
    seen.push(datagram);
    return true;
  };
  return { ...made, seen };
}

export const isFragment = ({ bytes }: Datagram) => bytes[16] === SKF;
export const exchange = ({ bytes }: Datagram) => bytes[18];
export const isResponse = ({ bytes }: Datagram) => (bytes[19]! & 0x20) !== 0;
export const number = ({ bytes }: Datagram) => (bytes[32]! << 8) | bytes[33]!;
export const total = ({ bytes }: Datagram) => (bytes[34]! << 8) | bytes[35]!;
export const turned = ({ local, remote, bytes }: Datagram): Datagram => ({ local: remote, remote: local, bytes });
/** Of the IP datagram, bytes. */
export const size = ({ bytes, local }: Datagram) => bytes.length + (local.address.length === 4 ? 20 : 40) + 8 + 4;
export const rekeyChild = (host: Host, peer: string) => host.do((ike, now) => ike.rekeyChild(peer, undefined, now));
