/** What the IKE core borrows from the program around it, and the numbers that say how patient and how roomy it is. */

export interface IkeEnvironment {
  /** `n` bytes of a cryptographically secure generator. */
  random(n: number): Uint8Array;
  /**
   * Reserves an inbound SPI (≥ 256) of copy `copy` of one of the peer's Child SAs; undefined: no slot is free. `more`: it is one more copy
   * beside the first, a help and not a need: others may need the slot.
   */
  reserveSpi(peer: string, copy: number, more: boolean): number | undefined;
  /** Gives back an SPI that no "install" effect was made for. An installed one is free after its "remove". */
  releaseSpi(spi: number): void;
  /** The peer is removed: SPIs are not reserved for it any more, unless it is added again. */
  forget?(peer: string): void;
  /** Address that this host would send from to reach `remote`; undefined: no route. 4 or 16 bytes, network order. */
  localAddress(remote: Uint8Array): Uint8Array | undefined;
  /** Milliseconds since the Unix epoch, as the host's clock says, which may be set in both directions: certificates are valid by it. */
  date(): number;
  /** 32 random bytes that no other router has, the same after a restart: proves to peers that this one lost its IKE SAs (RFC 6290). Undefined: there is none. */
  readonly crashSecret?: Uint8Array;
  /** UDP ports of IKE (500) and of IKE and ESP in UDP (4500, RFC 3948). */
  readonly ikePort: number;
  readonly natPort: number;
}

/** All times in milliseconds. */
export interface IkeOptions {
  /** Waits after sending a request: `first`, then each `factor` times the one before, at most `limit`; after `tries` sendings without an answer the peer is dead. */
  readonly retransmit: {
    readonly first: number;
    readonly factor: number;
    readonly limit: number;
    readonly tries: number;
  };
  /**
   * Fragments (RFC 7383): `datagram` is the largest IP datagram of an IKE message, larger messages are cut; after `patience` sendings
   * without an answer they are cut to datagrams of `smallest`. Of a peer's message
   * at most `gather` bytes are gathered (also while nobody has authenticated), and forgotten when for `lifetime` no further fragment comes.
   */
  readonly fragment: {
    readonly datagram: number;
    readonly smallest: number;
    readonly patience: number;
    readonly gather: number;
    readonly lifetime: number;
  };
  /** IKE SAs whose peer has not authenticated yet: how many at all, how many per address, from how many on a COOKIE is asked for, how long one may stay. */
  readonly halfOpen: {
    readonly limit: number;
    readonly perAddress: number;
    readonly cookieFrom: number;
    readonly lifetime: number;
  };
  /** Answers to messages that belong to no SA, per second and in one burst. */
  readonly unprotected: { readonly perSecond: number; readonly burst: number };
  /**
   * After a crash, ours or a peer's. What is said to those who do not know of ours (hints, and as many proofs), and how often we ask peers
   * because somebody says that they crashed: per second and in one burst, for all, and for each address; `again`: how long such a
   * question to one peer stands for others.
   */
  readonly recovery: {
    readonly all: { readonly perSecond: number; readonly burst: number };
    readonly each: { readonly perSecond: number; readonly burst: number };
    readonly again: number;
  };
  /** How long an old Child SA still opens packets after its DELETE was answered. */
  readonly grace: number;
  /** A responder of a rekey moves to the new Child SA after so long even when the old one is never deleted; beyond the time in which an initiator gives up. */
  readonly transmitFallback: number;
  /** How long what should be deleted by the peer (the loser of a crossed rekey) is left to it. */
  readonly tidy: number;
  /** Waits before the next attempt at a peer that could not be reached: `first`, doubled up to `limit`, less a random part of a half. */
  readonly reconnect: { readonly first: number; readonly limit: number };
  /** Waits before a Child SA that was refused is asked for again; as above. */
  readonly childRetry: { readonly first: number; readonly limit: number };
  /** NAT keepalive, RFC 3948 §4. */
  readonly keepalive: number;
  /** Longest time between two measurements of the round trip while traffic keeps DPD silent. */
  readonly measure: number;
  /** Final answers that are kept for peers that did not hear them: how many, how long. */
  readonly linger: { readonly limit: number; readonly lifetime: number };
}

export const DEFAULT_OPTIONS: IkeOptions = {
  retransmit: { first: 500, factor: 2, limit: 8_000, tries: 12 },
  fragment: { datagram: 1_280, smallest: 576, patience: 3, gather: 32_768, lifetime: 30_000 },
  halfOpen: { limit: 512, perAddress: 16, cookieFrom: 32, lifetime: 30_000 },
  unprotected: { perSecond: 100, burst: 200 },
  recovery: { all: { perSecond: 200, burst: 400 }, each: { perSecond: 10, burst: 20 }, again: 1_000 },
  grace: 10_000,
  transmitFallback: 120_000,
  tidy: 90_000,
  reconnect: { first: 1_000, limit: 60_000 },
  childRetry: { first: 10_000, limit: 300_000 },
  keepalive: 20_000,
  measure: 60_000,
  linger: { limit: 256, lifetime: 30_000 },
};
