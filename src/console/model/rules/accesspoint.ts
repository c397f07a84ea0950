/** Access points: where they are reached. */
import { contains, hostPrefix, parseAddress, prefixOf as prefix6Of } from "../../../router/address.ts";
import { addressKey, type Directory } from "../directory.ts";
import type { Violation } from "../intent.ts";
import { overlap, parseIpv4, prefixOf } from "../prefix.ts";
import type { Resource } from "../resources.ts";
import { isHost } from "./host.ts";
import { OVERLAY } from "./network.ts";
import { breach, called, changedIn, MOST, type Rule } from "./rule.ts";

type Point = Resource<"access-point">;

const LINK_LOCAL = prefixOf("169.254.0.0/16")!;

/**
 * No address of a host that others reach: unspecified, loopback, link-local, multicast (RFC 6890), and IPv4 addresses in IPv6's clothes
 * (RFC 4291, section 2.5.5): no packet on the wire bears one.
 */
const NO_HOSTS_6 = ["::/96", "::ffff:0.0.0.0/96", "fe80::/10", "ff00::/8"].map(prefix6Of);

export const checkAccessPoint: Rule = (change, directory) => {
  const { after } = change;
  if (after?.kind !== "access-point") return [];
  const { ipv4, ipv6, ikePort, natPort } = after;
  const found: Violation[] = [];
  if (ipv4 === null && ipv6 === null) {
    found.push(
      breach(
        "no-outer-address",
        after,
        "ipv4",
        `${called(after)} has no outer address, so no edge can reach it`,
        "Give it an ipv4 or ipv6 address",
      ),
    );
  }
  if (ipv4 !== null && !isOutside(ipv4)) {
    found.push(
      breach(
        "address",
        after,
        "ipv4",
        `${ipv4} is not the IPv4 address of one host that edges can reach`,
        "Correct it",
      ),
    );
  }
  if (ipv6 !== null && !isHost6(ipv6)) {
    found.push(
      breach(
        "address",
        after,
        "ipv6",
        `${ipv6} is not the IPv6 address of one host that edges can reach`,
        "Correct it",
      ),
    );
  }
  if (ikePort === natPort) {
    found.push(
      breach(
        "same-port",
        after,
        "natPort",
        `ikePort and natPort of ${called(after)} are both ${ikePort}`,
        "Use two ports; the standard ones are 500 and 4500",
      ),
    );
  }
  if (!changedIn(change, "ipv4", "ipv6", "ikePort", "natPort")) return found;
  return [...found, ...taken(after, directory), ...strangers(after, directory)];
};

/** A host's that others reach: not link-local (RFC 3927), and none that devices have inside. */
function isOutside(text: string): boolean {
  return (
    isHost(text) && ![LINK_LOCAL, OVERLAY].some((prefix) => overlap(prefix, { base: parseIpv4(text)!, length: 32 }))
  );
}

function isHost6(text: string): boolean {
  if (parseAddress(text)?.length !== 16) return false;
  const host = prefix6Of(hostPrefix(text));
  return !NO_HOSTS_6.some((prefix) => contains(prefix, host));
}

/** Two at one address must use different ports. */
function taken(point: Point, directory: Directory): Violation[] {
  const ports = [point.ikePort, point.natPort];
  return (
    [
      ["ipv4", point.ipv4],
      ["ipv6", point.ipv6],
    ] as const
  ).flatMap(([path, address]) => {
    for (const id of address === null ? [] : directory.holders(addressKey(address))) {
      const other = directory.get("access-point", id);
      if (!other || id === point.id) continue;
      const port = ports.find((one) => one === other.ikePort || one === other.natPort);
      if (port === undefined) continue;
      return [
        breach(
          "address-taken",
          point,
          path,
          `${address} with UDP port ${port} is that of ${called(other)} too`,
          "Use another address, or other ports",
          other,
        ),
      ];
    }
    return [];
  });
}

/** Gateways build tunnels to each other wherever a CEN reaches over several of them. */
function strangers(point: Point, directory: Directory): Violation[] {
  const found: Violation[] = [];
  for (const other of directory.all("access-point")) {
    const apart = (point.ipv4 === null || other.ipv4 === null) && (point.ipv6 === null || other.ipv6 === null);
    if (other.id === point.id || !apart || found.length === MOST) continue;
    if ((point.ipv4 ?? point.ipv6) === null || (other.ipv4 ?? other.ipv6) === null) continue;
    found.push(
      breach(
        "no-common-family",
        point,
        point.ipv4 === null ? "ipv4" : "ipv6",
        `${called(point)} has ${point.ipv4 === null ? "only IPv6" : "only IPv4"}, ${called(other)} ${other.ipv4 === null ? "only IPv6" : "only IPv4"}, so no tunnel between them can be built`,
        "Give one of them an address of the other family too",
        other,
      ),
    );
  }
  return found;
}
