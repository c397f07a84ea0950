import type { EspCipher, TrafficSelector } from "./effect.ts";
import type { ChildConfig } from "./peer.ts";
import type { Realm } from "./realm.ts";
import type { IkeSa } from "./sa.ts";
import { Timers } from "./timers.ts";

/** What an exchange agreed on, without the keys. */
export interface ChildTerms {
  readonly config: ChildConfig;
  /** Which of the Child SAs of its name, see ChildSa of effect.ts; a number of our own, the peer's may differ. */
  readonly copy: number;
  /** SPI of what we receive, of what we send. */
  readonly spiIn: number;
  readonly spiOut: number;
  readonly cipher: EspCipher;
  /** 64-bit sequence numbers. */
  readonly esn: boolean;
  /** Narrowed selectors, as seen from here. */
  readonly local: readonly TrafficSelector[];
  readonly remote: readonly TrafficSelector[];
  /** The lower nonce of the exchange that made it: decides a crossed rekey (RFC 7296 §2.8.1). */
  readonly lowest: Uint8Array;
  /** We began that exchange. */
  readonly ours: boolean;
  /** The one that it takes over from. */
  readonly replaces: Child | undefined;
}

/** Child SAs that may stand side by side under one name: as many as there can be workers. */
export const MAX_COPIES = 16;

/** Names one copy of a Child SA; a name may hold a space, a number cannot. */
export function childKey(name: string, copy: number): string {
  return `${name} ${copy}`;
}

/**
 * up: in use or ready. replaced: another one takes over, its DELETE is awaited. deleting: our DELETE is on its way.
 * gone: deleted; it may still open packets for a while.
 */
export type ChildState = "up" | "replaced" | "deleting" | "gone";

/** A Child SA: a pair of ESP SAs (RFC 7296 §1.3.1). */
export class Child {
  readonly id: number;
  readonly terms: ChildTerms;
  /** As the operator has it now: lifetimes may change while it is up. */
  config: ChildConfig;
  readonly since: number;
  /** How often this tunnel's Child SA was rekeyed before. */
  readonly rekeys: number;
  readonly timers: Timers;
  /** The IKE SA that it lives under; another one after that was rekeyed. */
  sa: IkeSa;
  state: ChildState = "up";
  /** The one that takes over from this one and that the peer made; used when the peer deletes this one. */
  successor: Child | undefined;
  /**
   * The peer knows that it has it. Not so, at first, when the peer asked for it: our answer may be lost. Its next request shows
   * that it got the answer, as it asks one thing at a time.
   */
  confirmed: boolean;
  /** Its outbound SA is in use (install with transmit, transmit) and has not been retired. */
  sending = false;

  constructor(realm: Realm, sa: IkeSa, terms: ChildTerms) {
    this.id = realm.newId();
    this.sa = sa;
    this.terms = terms;
    this.config = terms.config;
    this.confirmed = terms.ours;
    this.since = realm.now;
    this.rekeys = terms.replaces === undefined ? 0 : terms.replaces.rekeys + 1;
    this.timers = new Timers(realm);
  }

  get name(): string {
    return this.config.name;
  }

  get copy(): number {
    return this.terms.copy;
  }

  /** What it and those that it replaces, or that replace it, have in common. */
  get key(): string {
    return childKey(this.name, this.copy);
  }
}
