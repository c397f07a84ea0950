/**
 * The datapath as the control thread sees it: the single writer of SAs, FIB and adjacencies, and the way of IKE messages in
 * and out. Implemented by src/datapath/open; the router knows only this shape.
 */

import type { Offload, OffloadChoice } from "./offload.ts";
import type { FilterHandle, FilterHits, FilterRules, FlowTable } from "./rules.ts";

export type Family = 4 | 6;

/** `address` 4 or 16 bytes, network order; host bits are 0. */
export interface Prefix {
  readonly address: Uint8Array;
  readonly length: number;
}

export interface Outer {
  readonly local: { readonly address: Uint8Array; readonly port: number };
  readonly remote: { readonly address: Uint8Array; readonly port: number };
}

export interface SelectorRange {
  readonly protocol: number;
  readonly portLow: number;
  readonly portHigh: number;
  readonly low: Uint8Array;
  readonly high: Uint8Array;
}

export interface SelectorSet {
  readonly local: readonly SelectorRange[];
  readonly remote: readonly SelectorRange[];
}

export type Cipher = "chacha20poly1305" | "aes128gcm16" | "aes256gcm16";

/** Who seals and opens: assembly/aead, or the libcrypto of Node.js. */
export type Engine = "wasm" | "native";

/** The engine of a cipher; "auto" and undefined: the quicker one. One that is not here, or fails its test, gives way to the other. */
export type EngineWishes = { readonly [C in Cipher]?: "auto" | Engine };

export interface SaKeys {
  readonly spi: number;
  readonly cipher: Cipher;
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  readonly esn: boolean;
}

/** A Child SA in the datapath. */
export interface ChildHandle {
  readonly id: number;
}

export interface SaTraffic {
  readonly packets: number;
  readonly bytes: number;
  /** Milliseconds since the Unix epoch of the last packet; 0 never. */
  readonly last: number;
  /** Sequence number: last used (out) or highest verified (in). */
  readonly sequence: bigint;
  /** Inbound only. */
  readonly replayed: number;
  readonly forged: number;
}

/** A shaped tunnel, all workers together. */
export interface ShapeTraffic {
  readonly bitsPerSecond: number;
  /** Went into the tunnel, by IP length. */
  readonly packets: number;
  readonly bytes: number;
  /** Packets that had to wait, were dropped, got a congestion mark. */
  readonly queued: number;
  readonly dropped: number;
  readonly marked: number;
  /** Bytes that wait now. */
  readonly waiting: number;
  /** How long the packet that left last had waited, milliseconds; 0 while none waits. */
  readonly delayMs: number;
}

export interface WorkerLoad {
  readonly tunRead: number;
  readonly udpRead: number;
}

/** A table whose size was chosen at start. */
export interface TableUsage {
  readonly table: "sas" | "next-hops" | "tuns" | "vrfs" | "fib" | "pool";
  /** Entries, of fib and pool bytes. */
  readonly used: number;
  readonly limit: number;
}

export interface PlaneOptions {
  readonly workers: number;
  /** Each worker stays on a CPU of its own, as long as there are as many. Default false. */
  readonly pin?: boolean;
  /** SA slots, ≤ 65,536; two for each Child SA and two more while it is rekeyed. */
  readonly sas: number;
  /** Next hops: one for each tunnel and TUN. */
  readonly adjacencies: number;
  /** Bytes of FIB nodes. */
  readonly fib: number;
  /** Flows that filters may know at once, 16 to 4,194,304; undefined: 65,536. */
  readonly flows?: number;
  /** Bytes of packets of shaped tunnels that may wait in each worker, ≤ 2^30; undefined: WAITING. 0: nothing can be shaped. */
  readonly shaper?: number;
  /** UDP ports of IKE and of IKE and ESP in UDP (RFC 3948). 0 in tests: any free port. */
  readonly ikePort: number;
  readonly natPort: number;
  /** Outer addresses to bind, 4 or 16 bytes; undefined: any (0.0.0.0, ::); null: this family is off. */
  readonly bind4?: Uint8Array | null;
  readonly bind6?: Uint8Array | null;
  readonly engines?: EngineWishes;
  /** Offloads that may be used; undefined: all. */
  readonly offload?: OffloadChoice;
  /** Microseconds that packets may gather while they come fast but one by one (moderation), below 10^6; 0: never; undefined: PAUSE. */
  readonly moderation?: number;
}

export interface IkeDatagram {
  readonly local: { readonly address: Uint8Array; readonly port: number };
  readonly remote: { readonly address: Uint8Array; readonly port: number };
  readonly bytes: Uint8Array;
}

export type PlaneEvent =
  /** An authentic packet of this Child SA came from another address (RFC 7296 §2.23). */
  | {
      readonly kind: "moved";
      readonly child: number;
      readonly remote: { readonly address: Uint8Array; readonly port: number };
    }
  /** The kernel says the path to this Child SA's peer carries at most `mtu` bytes (outer IP packet). */
  | { readonly kind: "path-mtu"; readonly child: number; readonly mtu: number }
  /** A packet wanted this tunnel and no Child SA is up. */
  | { readonly kind: "acquire"; readonly adjacency: number }
  /** ESP came from `remote` to our `local` for an SPI that no SA here has: one of many such packets, perhaps. Nothing about it is authentic. */
  | ({ readonly kind: "unknown-spi"; readonly spi: number } & Outer)
  /** Somebody deleted a TUN device, or the network namespace that it was in. It must be removed; packets to it are dropped. */
  | { readonly kind: "tun-gone"; readonly adjacency: number }
  /** A worker ended by itself; nothing is forwarded any more. */
  | { readonly kind: "failed"; readonly error: Error };

export interface Plane {
  /** Ports that were bound (of use when 0 was asked for). */
  readonly ikePort: number;
  readonly natPort: number;

  /** Called for each IKE message, in order of arrival on each worker. */
  onIke: (datagram: IkeDatagram) => void;
  onEvent: (event: PlaneEvent) => void;
  /** Sends one IKE message; adds the non-ESP marker when it leaves from the NAT port. False: the kernel refused it (counted). */
  sendIke(datagram: IkeDatagram): boolean;
  /** Sends one byte 0xFF (RFC 3948 §2.3): keeps the NAT mapping of this path alive. False: the kernel refused it (counted). */
  sendKeepalive(outer: Outer): boolean;

  /** A new VRF; its index. */
  addVrf(): number;
  removeVrf(vrf: number): void;
  /** The router's own addresses in this VRF: source of ICMP errors. */
  setVrfAddresses(vrf: number, addresses: readonly Uint8Array[]): void;

  /** Makes a TUN device (down, no address) whose packets belong to `vrf`; returns its adjacency. */
  addTun(name: string, vrf: number): number;
  /** Removes the device; its adjacency must have no route left. */
  removeTun(adjacency: number): void;
  /** A filter, at no TUN device yet. @throws PlaneError full, invalid */
  addFilter(rules: FilterRules): FilterHandle;
  /**
   * Other rules from now on, in one step; hits of rules whose id stays go on. Open flows are judged again with their next packet.
   *
   * @throws PlaneError full, invalid, unknown; then the old rules hold
   */
  changeFilter(filter: FilterHandle, rules: FilterRules): void;
  /** No TUN device has it any more. @throws PlaneError in-use, unknown */
  removeFilter(filter: FilterHandle): void;
  /** What goes into and comes out of this TUN device (adjacency) must pass the filter; undefined: everything may. */
  setTunFilter(adjacency: number, filter: FilterHandle | undefined): void;
  filterHits(filter: FilterHandle): FilterHits;
  flows(): FlowTable;
  /**
   * An adjacency for a tunnel: packets to it wait for Child SAs. `zone` (0: none): that routes to it lead into, and that packets out
   * of its SAs come from. What comes out of a zone into the same zone is refused with ICMP "administratively prohibited".
   */
  addTunnel(mtu: number, zone?: number): number;
  /** Packets out of this tunnel's SAs come from this zone, from now on. */
  setTunnelZone(adjacency: number, zone: number): void;
  /** One more next hop of this tunnel, for its routes into another zone; 0: into none. */
  addTunnelHop(adjacency: number, zone: number): number;
  /** Its routes have gone. */
  removeTunnelHop(hop: number): void;
  setTunnelMtu(adjacency: number, mtu: number): void;
  removeTunnel(adjacency: number): void;
  /**
   * Holds what goes into the tunnel, inner packets by their IP length, to this rate, 64,000 to 10^11; undefined: no limit any more.
   * A new rate counts from now on also for what waits.
   */
  setTunnelShape(adjacency: number, bitsPerSecond: number | undefined): void;
  /** What the shaping of a tunnel has done; undefined: it has no limit. */
  tunnelShape(adjacency: number): ShapeTraffic | undefined;
  /** The two next hops that drop: in silence, or with ICMP "administratively prohibited". */
  readonly blackhole: number;
  readonly prohibit: number;

  /** Best route of a prefix: insert or replace. Throws FibFull when the node region is exhausted (nothing changed). */
  setRoute(vrf: number, prefix: Prefix, adjacency: number): void;
  removeRoute(vrf: number, prefix: Prefix): void;

  /**
   * Reserves an SA slot and gives its SPI (random high half, slot in the low half, never below 256); undefined: all slots in use.
   * What comes for it goes to worker `worker` modulo the number of workers, and so does what the Child SA sends, unless it is shared.
   * `more`: the tunnel has a Child SA already, and one more would be good to have: undefined too when half of all slots are in use.
   */
  reserveSpi(worker?: number, more?: boolean): number | undefined;
  /** Gives back an SPI that no SA was made for. */
  releaseSpi(spi: number): void;
  /**
   * Makes a Child SA: inbound opens packets at once; outbound is there but unused until `transmit`.
   * The inbound SPI must have been reserved. Keys are copied.
   */
  addChild(child: {
    readonly inbound: SaKeys;
    readonly outbound: SaKeys;
    readonly selectors: SelectorSet;
    readonly adjacency: number;
    readonly vrf: number;
    readonly outer: Outer;
    /** Only the worker of its inbound SPI sends on it; else every worker does that has none of its own with the same selectors. */
    readonly own?: boolean;
  }): ChildHandle;
  /** Outbound packets of the tunnel that match its selectors use this Child SA; off `instead`, in one atomic step. */
  transmit(child: ChildHandle, instead?: ChildHandle): void;
  /** No longer used for sending; still opens packets. */
  retire(child: ChildHandle): void;
  /** Both directions end; the slots are wiped and free again after the epoch. */
  removeChild(child: ChildHandle): void;
  /** Datagrams of this Child SA go there from now on. */
  setOuter(child: ChildHandle, outer: Outer): void;
  traffic(child: ChildHandle): { readonly inbound: SaTraffic; readonly outbound: SaTraffic };

  /** Sums over all workers, by counter name (names: src/datapath/counters). */
  counters(): Record<string, number>;
  /** What each worker has read: packets from TUN devices, datagrams from UDP sockets. */
  workers(): readonly WorkerLoad[];
  /** How much of each table is in use. */
  usage(): readonly TableUsage[];
  /** Which AEAD engine seals and opens each cipher. */
  engines(): Readonly<Record<Cipher, Engine>>;
  /** Bytes of text from which on the native engine does a cipher that is its own; shorter ones are done in WASM. 0: all. */
  nativeFrom(): Readonly<Record<Cipher, number>>;
  /** Huge pages for large tables: "on", or "off: " and why. */
  hugePages(): string;
  /** Of each offload "on", or "off: " and why. */
  offloads(): Record<Offload, string>;

  /** Stops the workers, closes sockets and TUN devices, wipes all keys. */
  close(): Promise<void>;
}
