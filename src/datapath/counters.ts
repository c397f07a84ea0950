/**
 * Names and meanings of the fast path's counters (assembly/counters), for status and metrics. A drop counter is raised once
 * for each packet or datagram that went no further; the other counters say what was forwarded and what was done on the way.
 */

import * as index from "../../assembly/counters.ts";

export interface Counter {
  /** Index in W_COUNTERS. */
  readonly index: number;
  /** Stable: status, metrics and tests name it so. */
  readonly name: string;
  /** One line for a network engineer. */
  readonly meaning: string;
  readonly drop: boolean;
}

const named: readonly (readonly [number, string, string])[] = [
  [index.DROP_MALFORMED, "ip-malformed", "IP version, header length or packet length is wrong"],
  [index.DROP_CHECKSUM, "ip-checksum", "IPv4 header checksum of a packet out of a tunnel is wrong"],
  [index.DROP_EXTENSIONS, "ipv6-extensions", "IPv6 extension headers are cut short or too many"],
  [index.DROP_NOT_ROUTABLE, "not-routable", "Source or destination is multicast, broadcast, loopback or link-local"],
  [index.DROP_NO_ROUTE, "no-route", "No route to the destination; the sender is told"],
  [index.DROP_BLACKHOLE, "blackhole", "The route is a blackhole"],
  [index.DROP_PROHIBITED, "prohibited", "The route prohibits it; the sender is told"],
  [index.DROP_HAIRPIN, "hairpin", "The route leads back to the TUN device that the packet came from"],
  [index.DROP_TIME_EXCEEDED, "time-exceeded", "TTL or hop limit ran out between two tunnels; the sender is told"],
  [index.DROP_TOO_BIG, "too-big", "Larger than the tunnel's MTU and not to be fragmented; the sender is told"],
  [index.DROP_FILTERED, "filtered", "A rule of the TUN device's filter, or its default, drops it"],
  [
    index.DROP_FILTER_STRAY,
    "filter-stray",
    "Belongs to no flow that the filter knows and cannot open one: a TCP segment without SYN, an echo reply, a header cut short",
  ],
  [
    index.DROP_FILTER_FRAGMENT,
    "filter-fragment",
    "Fragment whose first one the filter has not accepted, or came later; or that would overwrite a TCP header",
  ],
  [
    index.DROP_FLOW_TABLE,
    "flow-table-full",
    "No place for one more flow, and none could be evicted; raise flows.limit",
  ],
  [index.DROP_INTERWORKING, "interworking", "From a zone into the same zone; the sender is told"],
  [index.DROP_NO_SA, "no-sa", "No Child SA is up for the tunnel"],
  [index.DROP_SELECTORS_OUT, "selectors-out", "No Child SA of the tunnel takes the packet; the sender is told"],
  [index.DROP_SEQUENCE_LIMIT, "sequence-limit", "The SA has no sequence number left; it should have been rekeyed"],
  [index.DROP_NO_PATH, "no-path", "The SA has no peer address"],
  [index.DROP_SHAPER, "shaper", "The tunnel's rate is used up and too much waits for it already, or for too long"],
  [index.DROP_SHORT, "udp-short", "UDP datagram too short to be IKE or ESP"],
  [index.DROP_TRUNCATED, "udp-truncated", "UDP message longer than a receive slot"],
  [index.DROP_IKE_MALFORMED, "ike-malformed", "IKE header whose length is not that of the datagram"],
  [index.DROP_RING_FULL, "ike-ring-full", "IKE message lost: the control thread was too busy"],
  [index.DROP_UNKNOWN_SPI, "unknown-spi", "ESP for an SPI that is not in use"],
  [index.DROP_BATCH_FULL, "batch-full", "More ESP datagrams in one batch than can be opened at once"],
  [index.DROP_REPLAYED, "replayed", "Sequence number seen before, or older than the replay window"],
  [index.DROP_FORGED, "forged", "ESP whose authentication tag does not verify"],
  [index.DROP_TRAILER, "esp-trailer", "ESP padding is wrong"],
  [index.DROP_NEXT_HEADER, "esp-next-header", "ESP payload is neither IPv4 nor IPv6, or not the one it says"],
  [index.DROP_SELECTORS_IN, "selectors-in", "Packet out of a tunnel that its Child SA's selectors don't allow"],
  [index.DROP_ECN, "ecn", "Marked 'congestion experienced' outside, but its transport does not know ECN (RFC 6040)"],
  [index.DROP_WRONG_WORKER, "wrong-worker", "ESP that reached another worker than the one its SA belongs to"],
  [index.DROP_SEND, "send-refused", "The kernel refused to send a datagram"],
  [index.DROP_SEND_TOO_BIG, "send-too-big", "The kernel refused a datagram as larger than the path MTU"],
  [index.DROP_TUN_WRITE, "tun-write", "The kernel refused a packet written to a TUN device"],
  [index.COUNT_TUN_READ, "tun-read", "Packets read from TUN devices"],
  [index.COUNT_ENCAPSULATED, "encapsulated", "Packets from a TUN device that went into a tunnel"],
  [index.COUNT_CROSSED, "crossed", "Packets from one TUN device to another"],
  [index.COUNT_UDP_READ, "udp-read", "UDP datagrams received"],
  [index.COUNT_DELIVERED, "delivered", "Packets out of a tunnel that went to a TUN device"],
  [index.COUNT_HUB, "hub", "Packets from one tunnel into another"],
  [index.COUNT_IKE, "ike", "IKE messages handed to the control thread"],
  [index.COUNT_KEEPALIVE, "keepalive", "NAT keepalives received"],
  [index.COUNT_DUMMY, "dummy", "ESP dummy packets received"],
  [index.COUNT_SEALED, "sealed", "ESP datagrams made, fragments and ICMP errors included"],
  [index.COUNT_FRAGMENTED, "fragmented", "Packets cut into fragments before encryption"],
  [index.COUNT_MSS_CLAMPED, "mss-clamped", "TCP SYNs whose maximum segment size was lowered"],
  [index.COUNT_CE_COPIED, "ce-copied", "Congestion marks taken over from the outer header"],
  [index.COUNT_ICMP_SENT, "icmp-sent", "ICMP errors sent"],
  [index.COUNT_ICMP_LIMITED, "icmp-limited", "ICMP errors not sent: too many a second"],
  [index.COUNT_ICMP_UNSENT, "icmp-unsent", "ICMP errors not sent: no address of ours in the VRF, or no way back"],
  [index.COUNT_ACQUIRE, "acquire", "Events: a packet wants a tunnel that is down"],
  [index.COUNT_MOVED, "moved", "Events: a peer sends from another address"],
  [index.COUNT_EVENT_LOST, "event-lost", "Events that found the ring to the control thread full"],
  [index.COUNT_SEGMENTED, "segmented", "Superpackets read from a TUN device and cut (TSO, USO)"],
  [index.COUNT_COALESCED, "coalesced", "Superpackets put together for a TUN device"],
  [index.COUNT_RUNS_SENT, "runs-sent", "Runs of datagrams that left as one message (UDP GSO)"],
  [index.COUNT_RUNS_READ, "runs-read", "Runs of datagrams that arrived as one message (UDP GRO)"],
  [index.COUNT_FLOW_OPENED, "flow-opened", "Flows that a filter accepted"],
  [index.COUNT_FLOW_EVICTED, "flow-evicted", "Flows that gave way to new ones because the flow table was full"],
  [index.COUNT_FLOW_CUT, "flow-cut", "Open flows that a changed filter no longer accepts"],
  [index.COUNT_SHAPER_QUEUED, "shaper-queued", "Packets that had to wait for their tunnel's rate"],
  [index.COUNT_SHAPER_MARKED, "shaper-marked", "Packets that waited long and got a congestion mark (ECN) for it"],
];

/** Every counter that the fast path or its loop raises, by index. */
export const COUNTERS: readonly Counter[] = named.map(([at, name, meaning]) => ({
  index: at,
  name,
  meaning,
  drop: at < index.COUNTER_FIRST_EVENT,
}));
