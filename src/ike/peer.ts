/** What an operator says of one IKE peer; the router makes it from its RouterConfig. */
import type { TrafficSelector } from "./effect.ts";

/** RFC 7296 §3.5: ID_IPV4_ADDR 1, ID_FQDN 2, ID_RFC822_ADDR 3, ID_IPV6_ADDR 5, ID_KEY_ID 11. */
export interface Identity {
  readonly type: "ipv4" | "fqdn" | "email" | "ipv6" | "keyid";
  /** Bytes of the identification data as they go on the wire. */
  readonly data: Uint8Array;
}

/**
 * How both sides prove who they are. certificate: by digital signatures (RFC 7427); the peer's certificate is issued by an authority
 * that the endpoint's credentials trust, and bears the dNSName `peer`, whatever its IKE identity is.
 */
export type AuthConfig =
  | { readonly kind: "psk"; readonly secret: Uint8Array }
  | { readonly kind: "certificate"; readonly peer: string };

export interface PeerConfig {
  readonly name: string;
  /** Where to send the first message; absent: we only respond. */
  readonly remote?: { readonly address: Uint8Array; readonly port?: number };
  /** Requests from other addresses than these are refused; absent: any. */
  readonly from?: readonly Uint8Array[];
  /** Our outer address; absent: the one that the datagram was sent to, or what the host's routing table chooses. */
  readonly local?: Uint8Array;
  readonly localId: Identity;
  readonly remoteId: Identity;
  readonly auth: AuthConfig;
  /** Begin at once and again whenever it is down; else wait for the peer (or for `acquire`). */
  readonly initiate: boolean;
  /** Names of src/ike/suite proposals, most wanted first, e.g. "chacha20poly1305-sha256-x25519". */
  readonly ikeProposals: readonly string[];
  readonly children: readonly ChildConfig[];
  readonly ikeLifetime: Lifetime;
  /** Milliseconds without any authentic traffic from the peer after which it is asked (RFC 7296 §2.4); 0 never. */
  readonly dpd: number;
  /** "always": ESP in UDP even when there is no NAT (the NAT detection hash is spoiled so that the peer does the same). */
  readonly encapsulation: "always" | "nat";
}

export interface ChildConfig {
  readonly name: string;
  readonly local: readonly TrafficSelector[];
  readonly remote: readonly TrafficSelector[];
  /** Names of src/ike/suite ESP proposals, e.g. "chacha20poly1305", "aes256gcm16-x25519" (with a group: PFS on rekey). */
  readonly espProposals: readonly string[];
  readonly lifetime: Lifetime;
  /** How many of it there shall be, for as many workers (RFC 9611), 1–16; the peer may allow fewer. Default 1. */
  readonly copies?: number;
}

export interface Lifetime {
  /** Rekey after so many milliseconds, less a random part of at most `jitter` (0–1). */
  readonly ms: number;
  readonly jitter: number;
}
