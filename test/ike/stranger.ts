/** What a stranger may have: an address, and datagrams that were recorded. */
import type { Datagram } from "../../src/ike/effect.ts";
import { type Host, v4 } from "./network.ts";
import { type Sites, sites } from "./peers.ts";

export const STRANGER = v4("203.0.113.5");

export function at(host: Host, bytes: Uint8Array, remote = { address: STRANGER, port: 500 }): Datagram {
  return { local: { address: host.address, port: 500 }, remote, bytes };
}

/** Every datagram of an establishment and of a few exchanges. */
export function recorded(): { readonly both: Sites; readonly datagrams: Datagram[] } {
  const both = sites();
  const datagrams: Datagram[] = [];
  both.network.watch = (datagram) => {
    datagrams.push({ ...datagram, bytes: datagram.bytes.slice() });
    return true;
  };
  both.start();
  both.network.run(3_000);
  both.a.do((ike, now) => ike.rekeyChild("b", undefined, now));
  both.network.run(100);
  both.b.do((ike, now) => ike.rekeyIke("a", now));
  both.network.run(15_000);
  return { both, datagrams };
}

/** An IKE_SA_INIT request as an honest initiator sends it. */
export function firstRequest(): Uint8Array {
  return recorded().datagrams[0].bytes.slice();
}
