/** What the kernel knows of the way to a peer: which of our addresses it would use, and how much fits in a packet. */

import { bind, close, connect } from "./ffi.ts";
import { getOption, nameInRoom, socketName, udpSocket } from "./udp.ts";

const IPPROTO_IP = 0;
const IP_MTU = 14;
const IPPROTO_IPV6 = 41;
const IPV6_MTU = 24;

/** Any port but 0: connect(2) of a UDP socket sends nothing, it looks up the route. */
const ANY_PORT = 9;

/** Runs `ask` on a throw-away UDP socket that is connected to `remote`; undefined when no route leads there. */
function onTheWay<T>(
  remote: Uint8Array,
  source: Uint8Array | undefined,
  scope: number,
  ask: (fd: number) => T,
): T | undefined {
  const fd = udpSocket(remote.length === 4 ? 4 : 6);
  try {
    if (source?.some((byte) => byte !== 0)) {
      const from = nameInRoom({ address: source, port: 0, scope });
      if (bind(fd, from.address, from.length) < 0) return undefined;
    }
    const to = nameInRoom({ address: remote, port: ANY_PORT, scope });
    // Whatever it says (unreachable, a prohibit or blackhole route, a broadcast address), no packet of ours gets there.
    if (connect(fd, to.address, to.length) < 0) return undefined;
    return ask(fd);
  } finally {
    close(fd);
  }
}

/**
 * Our address that the kernel would send from to `remote`: 4 or 16 bytes, as `remote` has; undefined when no route leads
 * there. `scope`: interface index, for link-local IPv6.
 */
export function localAddressFor(remote: Uint8Array, scope = 0): Uint8Array | undefined {
  return onTheWay(remote, undefined, scope, (fd) => socketName(fd).address);
}

/**
 * The largest IP packet, bytes, that the kernel believes to fit the way to `remote`: the link's MTU, or less once an ICMP
 * "too big" has come (RFC 1191, RFC 8201). Undefined when no route leads there or `source` is not ours.
 */
export function pathMtu(remote: Uint8Array, source?: Uint8Array, scope = 0): number | undefined {
  return onTheWay(remote, source, scope, (fd) =>
    remote.length === 4 ? getOption(fd, IPPROTO_IP, IP_MTU) : getOption(fd, IPPROTO_IPV6, IPV6_MTU),
  );
}
