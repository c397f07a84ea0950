/** What a new and a rekeyed Child SA have in common when we ask for them, RFC 7296 §1.3.1, §1.3.3. */
import { Child, childKey } from "../child.ts";
import { ChildOffer } from "../child-offer.ts";
import { wantedGroup } from "../negotiation.ts";
import type { Neighbour } from "../neighbour.ts";
import type { ChildConfig } from "../peer.ts";
import { Refusal } from "../refusal.ts";
import type { IkeSa } from "../sa.ts";
import { type ChildKeys, type Group, wipeChildKeys } from "../suite/index.ts";
import { EXCHANGE, NOTIFY, NOTIFY_FIRST_STATUS, type Payload, payloadsOf } from "../wire/index.ts";
import { ChildDelete } from "./informational.ts";
import type { Task } from "./task.ts";

/** How often a responder may ask for another key exchange method. */
const MAX_GROUPS = 2;

/** Wait after TEMPORARY_FAILURE, less a random part, so that two who met do not meet again. Milliseconds. */
export const TEMPORARY = { ms: 4_000, part: 0.8 } as const;

export abstract class ChildExchange implements Task {
  readonly kind = "child";
  readonly exchange = EXCHANGE.CREATE_CHILD_SA;
  readonly neighbour: Neighbour;
  readonly config: ChildConfig;
  readonly copy: number;
  /** What the peer made for the same purpose while our request was under way (RFC 7296 §2.8.1). */
  crossed: Child | undefined;
  #offer: ChildOffer | undefined;
  #group: Group | undefined;
  #rounds = 0;

  constructor(neighbour: Neighbour, config: ChildConfig, copy: number) {
    this.neighbour = neighbour;
    this.config = config;
    this.copy = copy;
  }

  get key(): string {
    return childKey(this.config.name, this.copy);
  }

  /** Is it still wanted, now that its turn has come? */
  abstract needed(sa: IkeSa): boolean;
  /** Payloads in front of the offer. */
  abstract preface(): Payload[];
  /** The Child SA that the new one takes over from. */
  abstract get old(): Child | undefined;
  /** Both sides agree: the Child SA is to be handed to the datapath. */
  abstract agreed(child: Child, keys: ChildKeys): void;
  /** The peer says no. */
  abstract refused(sa: IkeSa, notify: number): void;
  /** There is no room here at the moment. */
  abstract postponed(): void;

  /** The crossing Child SA, if the peer has not deleted it again. */
  get rival(): Child | undefined {
    return this.crossed?.state === "up" ? this.crossed : undefined;
  }

  request(sa: IkeSa): readonly Payload[] | undefined {
    this.crossed = undefined;
    if (!this.needed(sa)) return undefined;
    this.#offer = ChildOffer.make(sa, this.neighbour, this.config, {
      copy: this.copy,
      rekeys: this.old !== undefined,
      pfs: true,
      group: this.#group,
    });
    if (this.#offer === undefined) {
      this.postponed();
      return undefined;
    }
    sa.strayDeletes.clear();
    return [...this.preface(), ...this.#offer.payloads()];
  }

  answered(sa: IkeSa, payloads: readonly Payload[]): void {
    const offer = this.#offer!;
    const error = payloadsOf(payloads, "notify").find(({ notify }) => notify < NOTIFY_FIRST_STATUS);
    if (sa.state !== "up") {
      // The IKE SA was ended while the peer was asked; what the peer has made ends with it.
      this.lost();
      return;
    }
    if (error === undefined) {
      this.#conclude(sa, offer, payloads);
      return;
    }
    this.lost();
    if (error.notify !== NOTIFY.INVALID_KE_PAYLOAD) {
      this.refused(sa, error.notify);
      return;
    }
    sa.realm.count("invalid-ke");
    const group = wantedGroup(error.data);
    this.#rounds += 1;
    if (group === undefined || !offer.allows(group) || group === offer.group || this.#rounds > MAX_GROUPS) {
      this.refused(sa, NOTIFY.NO_PROPOSAL_CHOSEN);
      return;
    }
    this.#group = group;
    sa.enqueue(this, true);
  }

  #conclude(sa: IkeSa, offer: ChildOffer, payloads: readonly Payload[]): void {
    const { realm } = sa;
    try {
      const { terms, keys } = offer.agree(sa, payloads, undefined, this.old);
      this.#offer = undefined;
      if (!sa.strayDeletes.has(terms.spiOut)) {
        this.agreed(new Child(realm, sa, terms), keys);
        return;
      }
      // The peer has deleted it already: its DELETE overtook its answer.
      wipeChildKeys(keys);
      realm.environment.releaseSpi(terms.spiIn);
      this.refused(sa, NOTIFY.TEMPORARY_FAILURE);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // The peer believes in a Child SA that we cannot use.
      sa.enqueue(new ChildDelete(offer.spi), true);
      this.lost();
      realm.event("warn", error.counter, error.message, this.neighbour.name);
      this.refused(sa, error.notify);
    }
  }

  lost(): void {
    this.#offer?.release();
    this.#offer = undefined;
  }
}
