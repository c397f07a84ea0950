/**
 * What the IKE core asks of the world. The core is sans-I/O: `handle(datagram, now)` and `tick(now)` return effects in the
 * order in which they must be carried out, and do nothing themselves.
 */

/** One end of a UDP conversation. `address` is 4 or 16 bytes, network order. */
export interface Endpoint {
  readonly address: Uint8Array;
  readonly port: number;
}

/** An IKE message as it came from, or goes to, the wire: without the non-ESP marker (RFC 3948 §2.2). */
export interface Datagram {
  /** Our end. Port 500 or 4500 (or what the operator chose for them). */
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly bytes: Uint8Array;
}

/** RFC 7296 §3.13.1. Addresses inclusive, network order, 4 or 16 bytes. */
export interface TrafficSelector {
  /** IP protocol, 0 any. */
  readonly protocol: number;
  /** Inclusive; 0–65535 any; 65535–0 OPAQUE. ICMP: type × 256 + code. */
  readonly portLow: number;
  readonly portHigh: number;
  readonly low: Uint8Array;
  readonly high: Uint8Array;
}

/** AEAD of an ESP SA. */
export type EspCipher = "chacha20poly1305" | "aes128gcm16" | "aes256gcm16";

/** One direction of a Child SA. */
export interface HalfSa {
  readonly spi: number;
  readonly cipher: EspCipher;
  /** 16 or 32 bytes. The receiver of the effect copies it and wipes nothing; the core wipes it after the effects are carried out. */
  readonly key: Uint8Array;
  /** 4 bytes. */
  readonly salt: Uint8Array;
  /** 64-bit sequence numbers were agreed (RFC 7296 §3.3.2, transform type 5, id 1). */
  readonly esn: boolean;
}

/** A pair of SAs that an exchange made. `id` is the core's own, never reused in a process. */
export interface ChildSa {
  readonly id: number;
  /** Name of the peer (tunnel) and of the child in its configuration. */
  readonly peer: string;
  readonly child: string;
  /** 0: the first Child SA of this name, which any worker may send on. Above: one more of the same for one worker (RFC 9611). */
  readonly copy: number;
  readonly inbound: HalfSa;
  readonly outbound: HalfSa;
  /** Narrowed selectors as seen from here. */
  readonly local: readonly TrafficSelector[];
  readonly remote: readonly TrafficSelector[];
  /** Outer addresses: ESP in UDP leaves from `path.local` to `path.remote`. */
  readonly path: Path;
  /** Id of the Child SA that this one takes over from (rekey), if any. */
  readonly replaces?: number;
  /** There when the two sides agreed on ESP without UDP (IP protocol 50): no NAT was found and nobody asked for encapsulation. */
  readonly native?: true;
}

export interface Path {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** Carried out in order. */
export type Effect =
  | { readonly kind: "send"; readonly datagram: Datagram }
  /** Make both directions; inbound opens packets at once. `transmit`: outbound is used at once (else wait for "transmit"). */
  | { readonly kind: "install"; readonly child: ChildSa; readonly transmit: boolean }
  /** Outbound traffic moves to this Child SA, off the one it replaces. */
  | { readonly kind: "transmit"; readonly id: number }
  /** Stop sending on it; it still opens packets until "remove". */
  | { readonly kind: "retire"; readonly id: number }
  /** Both directions go, keys are wiped. */
  | { readonly kind: "remove"; readonly id: number }
  /**
   * We are behind a NAT and have been silent: one byte 0xFF, without a non-ESP marker, keeps the mapping alive (RFC 3948 §2.3, §4).
   * Need not be sent when ESP left on this path within the last 20 s.
   */
  | { readonly kind: "keepalive"; readonly path: Path }
  /** The peer is now reached here: every Child SA of it sends there. */
  | { readonly kind: "path"; readonly peer: string; readonly path: Path }
  /** A request to this peer waits for its answer longer than a lost datagram or two explain; or the peer is heard again. */
  | { readonly kind: "silent"; readonly peer: string; readonly silent: boolean }
  /** Something an operator wants to know. Never holds a secret. */
  | { readonly kind: "event"; readonly event: IkeEvent };

export interface IkeEvent {
  /** Peer name when it is known. */
  readonly peer?: string;
  readonly level: "info" | "warn" | "error";
  /** A stable word: "ike-up", "ike-down", "child-up", "child-rekeyed", "authentication-failed" … */
  readonly code: string;
  /** One sentence that a network engineer understands, with the next step where there is one. */
  readonly message: string;
}
