/**
 * A message of ours as it goes on the wire: one datagram, or the fragments of it (RFC 7383 §2.5). It is kept, as it may have to be
 * sent again, and can then be cut smaller, where the path does not carry what was sent first (§2.5.2).
 */
import type { Envelope } from "./envelope.ts";
import type { IkeOptions } from "./environment.ts";
import { type Outgoing, WireError } from "./wire/index.ts";

/** UDP header and non-ESP marker. */
const AROUND = 8 + 4;

/** Largest IKE messages that leave in one datagram, bytes. */
export interface Sizes {
  /** At first. */
  readonly first: number;
  /** When larger ones are not answered. */
  readonly least: number;
}

/** What the IP datagrams of `limits` leave for IKE on the way to `address`. */
export function sizesFor(address: Uint8Array, limits: IkeOptions["fragment"]): Sizes {
  const around = (address.length === 4 ? 20 : 40) + AROUND;
  const first = limits.datagram - around;
  return { first, least: Math.min(first, limits.smallest - around) };
}

export class Parcel {
  #datagrams: readonly Uint8Array[];
  readonly #again: ((size: number) => Uint8Array[]) | undefined;
  readonly #least: number;

  private constructor(datagrams: readonly Uint8Array[], least: number, again?: (size: number) => Uint8Array[]) {
    this.#datagrams = datagrams;
    this.#least = least;
    this.#again = again;
  }

  /** A message that stays as it is. */
  static whole(bytes: Uint8Array): Parcel {
    return new Parcel([bytes], bytes.length);
  }

  /** Seals a message, in fragments if it is larger than `sizes.first`. Without `sizes`: the peer takes no fragments. */
  static seal(envelope: Envelope, message: Outgoing, sizes: Sizes | undefined): Parcel {
    const bytes = envelope.seal(message);
    if (sizes === undefined) return Parcel.whole(bytes);
    const parcel = new Parcel([bytes], sizes.least, (size) => envelope.sealFragments(message, size));
    parcel.cut(sizes.first);
    return parcel;
  }

  /** What is on its way, in the order of sending. */
  get datagrams(): readonly Uint8Array[] {
    return this.#datagrams;
  }

  /**
   * Cuts it into fragments of at most `size` bytes, though not below the least size. Nothing happens when it is that small already,
   * and when it cannot be done: a set must have more fragments than the one before it, and no more than a peer gathers.
   */
  cut(size: number): void {
    const limit = Math.max(size, this.#least);
    if (this.#again === undefined || this.#datagrams.every(({ length }) => length <= limit)) return;
    try {
      const fragments = this.#again(limit);
      if (fragments.length > this.#datagrams.length) this.#datagrams = fragments;
    } catch (error) {
      // Too many fragments: the larger ones are all there is.
      if (!(error instanceof WireError) || error.code !== "too-long") throw error;
    }
  }

  /** Cuts it as small as it gets. */
  shrink(): void {
    this.cut(this.#least);
  }
}
