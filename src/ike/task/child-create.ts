/** A new Child SA with CREATE_CHILD_SA (RFC 7296 §1.3.1); and what becomes of the one in IKE_AUTH on the initiator's side. */
import { Child } from "../child.ts";
import { acceptChild } from "../child-answer.ts";
import type { ChildOffer } from "../child-offer.ts";
import type { Nonces } from "../negotiation.ts";
import type { Neighbour } from "../neighbour.ts";
import { compare } from "../octets.ts";
import type { ChildConfig } from "../peer.ts";
import { Refusal } from "../refusal.ts";
import type { IkeSa } from "../sa.ts";
import type { ChildKeys } from "../suite/index.ts";
import { deleteChild } from "../watch.ts";
import { NOTIFY, nameOf, type Payload } from "../wire/index.ts";
import { busy } from "./busy.ts";
import { ChildExchange } from "./child-exchange.ts";
import { ChildDelete } from "./informational.ts";
import type { Answer } from "./task.ts";

/** Our side as initiator. */
export class ChildCreate extends ChildExchange {
  needed(): boolean {
    return this.neighbour.provision.lacks(this.config.name, this.copy);
  }

  preface(): Payload[] {
    return [];
  }

  get old(): undefined {
    return undefined;
  }

  agreed(child: Child, keys: ChildKeys): void {
    const { rival } = this;
    const lost = rival !== undefined && compare(child.terms.lowest, rival.terms.lowest) < 0;
    this.neighbour.provision.asked(child, keys, !lost);
    if (lost) deleteChild(child);
  }

  postponed(): void {
    this.#later();
  }

  #later(): void {
    const { provision } = this.neighbour;
    // One more beside the first is a help, not a need.
    if (this.copy === 0) provision.missing(this.config.name, 0);
    else provision.enough(this.config.name);
  }

  refused(_sa: IkeSa, notify: number): void {
    if (this.rival !== undefined) return;
    if (this.copy === 0) explainRefusal(this.neighbour, this.config, notify);
    else if (notify === NOTIFY.TEMPORARY_FAILURE) this.neighbour.provision.missing(this.config.name, this.copy);
    else explainEnough(this.neighbour, this.config, this.copy, notify);
  }
}

/** Our side as responder. */
export function answerChildCreate(sa: IkeSa, payloads: readonly Payload[]): Answer {
  const neighbour = busy(sa, "ike-rekey");
  const { child, payloads: answer } = acceptChild(sa, neighbour, payloads, { pfs: true });
  const { waiting } = sa.window;
  if (waiting instanceof ChildCreate && waiting.key === child.key) waiting.crossed = child;
  return { payloads: answer };
}

const NEXT_STEPS: Readonly<Record<number, string>> = {
  [NOTIFY.NO_PROPOSAL_CHOSEN]: "it accepts none of our ESP proposals. Configure a common one",
  [NOTIFY.TS_UNACCEPTABLE]: "the traffic selectors do not overlap. Compare the selectors of both sides",
  [NOTIFY.NO_ADDITIONAL_SAS]: "there is no room for another Child SA",
  [NOTIFY.TEMPORARY_FAILURE]: "another exchange was under way. It is asked again",
};

const COUNTED: Readonly<Record<number, "no-proposal" | "ts-unacceptable" | "no-additional-sas" | "temporary-failure">> =
  {
    [NOTIFY.NO_PROPOSAL_CHOSEN]: "no-proposal",
    [NOTIFY.TS_UNACCEPTABLE]: "ts-unacceptable",
    [NOTIFY.NO_ADDITIONAL_SAS]: "no-additional-sas",
    [NOTIFY.TEMPORARY_FAILURE]: "temporary-failure",
  };

/** Why the peer does not want a Child SA, in words and numbers. */
export function countRefusal(neighbour: Neighbour, notify: number): string {
  const counter = COUNTED[notify];
  if (counter !== undefined) neighbour.realm.count(counter);
  return NEXT_STEPS[notify] ?? `${nameOf(NOTIFY, notify)}. Look into the peer's log`;
}

function explainRefusal(neighbour: Neighbour, config: ChildConfig, notify: number): void {
  const why = `${neighbour.title} refuses Child SA ${config.name}: ${countRefusal(neighbour, notify)}.`;
  if (notify !== NOTIFY.TEMPORARY_FAILURE) {
    neighbour.lastError = why;
    neighbour.realm.event("warn", "child-refused", why, neighbour.name);
  }
  neighbour.provision.missing(config.name, 0);
}

/** The peer has enough copies of it. Nothing is wrong: the workers share those that there are. */
function explainEnough(neighbour: Neighbour, config: ChildConfig, copy: number, notify: number): void {
  const text = `${neighbour.title} allows ${copy === 1 ? "one" : `no more than ${copy}`} of Child SA ${config.name} (${nameOf(NOTIFY, notify)}); the workers share.`;
  neighbour.realm.event("info", "child-shared", text, neighbour.name);
  neighbour.provision.enough(config.name);
}

/** IKE_AUTH: the peer refuses the Child SA; the IKE SA stands. */
export function childRefused(neighbour: Neighbour, offer: ChildOffer, notify: number): void {
  offer.release();
  explainRefusal(neighbour, offer.config, notify);
}

/** IKE_AUTH: the peer has made the first Child SA. */
export function childAgreed(
  sa: IkeSa,
  neighbour: Neighbour,
  offer: ChildOffer,
  payloads: readonly Payload[],
  nonces: Nonces,
): void {
  try {
    const { terms, keys } = offer.agree(sa, payloads, nonces, undefined);
    neighbour.provision.asked(new Child(sa.realm, sa, terms), keys, true);
  } catch (error) {
    offer.release();
    if (!(error instanceof Refusal)) throw error;
    sa.enqueue(new ChildDelete(offer.spi), true);
    sa.realm.event("warn", error.counter, error.message, neighbour.name);
    neighbour.lastError = error.message;
    neighbour.provision.missing(offer.config.name, 0);
  }
}
