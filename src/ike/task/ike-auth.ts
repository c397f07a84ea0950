/** IKE_AUTH, RFC 7296 §1.2, §2.15: who the peer is, the proof of it, and the first Child SA. */

import { acceptChild } from "../child-answer.ts";
import { ChildOffer } from "../child-offer.ts";
import { identityPayload, identityText, isIdentity } from "../identity.ts";
import type { Neighbour } from "../neighbour.ts";
import { addressText, endpointText } from "../octets.ts";
import { authoritiesOf, type Fault, type Proven, prove, requestOf, verify } from "../proof.ts";
import { missing, Refusal } from "../refusal.ts";
import type { IkeSa } from "../sa.ts";
import {
  EXCHANGE,
  type IdPayload,
  NOTIFY,
  NOTIFY_FIRST_STATUS,
  nameOf,
  notifyOf,
  type Payload,
  payloadOf,
  payloadsOf,
} from "../wire/index.ts";
import { childAgreed, childRefused } from "./child-create.ts";
import { ourToken } from "./crash-token.ts";
import type { Answer, Task } from "./task.ts";

function forgetHandshake(sa: IkeSa): void {
  sa.handshake?.wipe();
  sa.handshake = undefined;
}

/** Our side as initiator. */
export class IkeAuth implements Task {
  readonly kind = "auth";
  readonly exchange = EXCHANGE.IKE_AUTH;
  readonly #neighbour: Neighbour;
  #offer: ChildOffer | undefined;

  constructor(neighbour: Neighbour) {
    this.#neighbour = neighbour;
  }

  request(sa: IkeSa): readonly Payload[] | undefined {
    const neighbour = this.#neighbour;
    const { config } = neighbour;
    const identity = identityPayload("idi", config.localId);
    const proof = prove(sa, neighbour, true, identity);
    if ("fault" in proof) {
      sa.realm.count("authentication-failed");
      neighbour.failed(sa, "authentication-failed", `${proof.fault}.`);
      return undefined;
    }
    const alone = ![...neighbour.sas].some((other) => other !== sa && other.state === "up");
    this.#offer =
      config.children.length > 0
        ? ChildOffer.make(sa, neighbour, config.children[0], { copy: 0, pfs: false })
        : undefined;
    return [
      identity,
      ...proof.certificates,
      ...(config.auth.kind === "certificate" ? requestOf(sa.realm) : []),
      ...(alone ? [notifyOf(NOTIFY.INITIAL_CONTACT)] : []),
      identityPayload("idr", config.remoteId),
      proof.auth,
      ...(this.#offer?.payloads() ?? []),
      ...ourToken(sa),
    ];
  }

  answered(sa: IkeSa, payloads: readonly Payload[]): void {
    const neighbour = this.#neighbour;
    if (sa.state !== "connecting") {
      // It was ended while the peer was asked; the DELETE is next.
      this.lost();
      return;
    }
    const identity = payloadOf(payloads, "idr");
    const error = payloadsOf(payloads, "notify").find(({ notify }) => notify < NOTIFY_FIRST_STATUS);
    if (identity === undefined || payloadOf(payloads, "auth") === undefined) {
      this.lost();
      this.#rejected(sa, error?.notify);
      return;
    }
    const proven = this.#judge(sa, identity, payloads);
    if ("fault" in proven) {
      this.lost();
      sa.realm.count("authentication-failed");
      neighbour.mistrusted(sa, `${proven.fault}.`);
      return;
    }
    sa.proven = proven;
    sa.token.take(payloads);
    const { ni, nr } = sa.handshake!;
    const offer = this.#offer;
    this.#offer = undefined;
    neighbour.established(sa);
    if (offer !== undefined) {
      if (error === undefined) childAgreed(sa, neighbour, offer, payloads, { ni, nr });
      else childRefused(neighbour, offer, error.notify);
    }
    forgetHandshake(sa);
    if (neighbour.current === sa) neighbour.provision.ensure();
  }

  /** The responder did not even say who it is. */
  #rejected(sa: IkeSa, notify: number | undefined): void {
    const neighbour = this.#neighbour;
    const { title, config } = neighbour;
    const us = identityText(identityPayload("idi", config.localId));
    if (notify === NOTIFY.AUTHENTICATION_FAILED) {
      sa.realm.count("authentication-failed");
      const both =
        config.auth.kind === "psk"
          ? "that both have the same pre-shared key"
          : `that it trusts the issuer of our certificate (${sa.realm.credentials?.certificate.issuer ?? "there is none"}) and that this is still valid`;
      const next = `Check that it knows the identity ${us}, that it calls itself ${title}, and ${both}.`;
      neighbour.failed(sa, "authentication-failed", `${title} refuses our authentication as ${us}. ${next}`);
      return;
    }
    const why = notify === undefined ? "its answer has no proof of identity" : nameOf(NOTIFY, notify);
    neighbour.failed(sa, "refused", `${title} refuses the IKE SA: ${why}. Look into the peer's log.`);
  }

  /** Is the responder who it should be? */
  #judge(sa: IkeSa, identity: IdPayload, payloads: readonly Payload[]): Proven | Fault {
    const { config, title } = this.#neighbour;
    if (!isIdentity(identity, config.remoteId)) {
      return {
        fault: `The peer calls itself ${identityText(identity)} instead of ${title}. Correct the identity on one of the sides`,
      };
    }
    const proven = verify(sa, this.#neighbour, false, identity, payloads);
    return "fault" in proven ? { fault: `${title} could not prove its identity. ${proven.fault}` } : proven;
  }

  lost(): void {
    this.#offer?.release();
    this.#offer = undefined;
  }
}

/** Our side as responder. */
export function answerAuth(sa: IkeSa, payloads: readonly Payload[]): Answer {
  const { realm } = sa;
  const identity = payloadOf(payloads, "idi");
  if (identity === undefined) throw missing("IDi payload");
  const { neighbour, proven } = authenticate(sa, identity, payloads);
  const { config } = neighbour;
  const ours = identityPayload("idr", config.localId);
  sa.handshake!.authorities = authoritiesOf(payloads);
  const proof = prove(sa, neighbour, false, ours);
  if ("fault" in proof) {
    if (neighbour.current === undefined) neighbour.lastError = `${proof.fault}.`;
    throw new Refusal(NOTIFY.AUTHENTICATION_FAILED, "authentication-failed", `${proof.fault}.`);
  }
  sa.neighbour = neighbour;
  sa.proven = proven;
  sa.token.take(payloads);
  sa.leaveHalfOpen?.();
  sa.timers.clear("half-open");
  sa.encapsulated = sa.path.local.port === realm.environment.natPort;
  const contact = payloadsOf(payloads, "notify").some(({ notify }) => notify === NOTIFY.INITIAL_CONTACT);
  if (contact) neighbour.forgetBefore(sa);
  const answer: Payload[] = [ours, ...proof.certificates, proof.auth];
  const { ni, nr } = sa.handshake!;
  // From here on the IKE SA stands, whatever becomes of the Child SA (RFC 7296 §1.2).
  sa.state = "up";
  const wantsChild = payloads.some((payload) => payload.kind === "sa");
  if (wantsChild) answer.push(...firstChild(sa, neighbour, payloads, { ni, nr }));
  answer.push(...ourToken(sa));
  forgetHandshake(sa);
  return { payloads: answer, after: () => neighbour.established(sa) };
}

function firstChild(
  sa: IkeSa,
  neighbour: Neighbour,
  payloads: readonly Payload[],
  nonces: { readonly ni: Uint8Array; readonly nr: Uint8Array },
): Payload[] {
  try {
    return acceptChild(sa, neighbour, payloads, { pfs: false, nonces }).payloads;
  } catch (error) {
    if (!(error instanceof Refusal) || error.notify === NOTIFY.INVALID_SYNTAX) throw error;
    sa.realm.count(error.counter);
    sa.realm.event("warn", error.counter, error.message, neighbour.name);
    return [error.payload()];
  }
}

/** The peer that the initiator has shown to be. Throws AUTHENTICATION_FAILED, which tells the other side nothing more. */
function authenticate(
  sa: IkeSa,
  identity: IdPayload,
  payloads: readonly Payload[],
): { readonly neighbour: Neighbour; readonly proven: Proven } {
  const { realm } = sa;
  const { address } = sa.path.remote;
  const asked = payloadOf(payloads, "idr");
  const who = identityText(identity);
  const where = endpointText(sa.path.remote);
  const known = realm.neighbours.called(identity, asked);
  const allowed = known.filter((neighbour) => neighbour.mayComeFrom(address));
  if (allowed.length === 0) {
    const us = asked === undefined ? "" : ` and asks for ${identityText(asked)}`;
    const text =
      known.length === 0
        ? `${where} calls itself ${who}${us}; no peer is configured with these identities.`
        : `${who} calls from ${addressText(address)}, which its configuration does not allow.`;
    throw new Refusal(NOTIFY.AUTHENTICATION_FAILED, "unknown-peer", text);
  }
  let why = "";
  for (const neighbour of allowed) {
    const proven = verify(sa, neighbour, true, identity, payloads);
    if (!("fault" in proven)) return demandSuite(sa, neighbour, proven, who);
    why = `could not prove it. ${proven.fault}`;
    // One that is up is not made suspicious by who else uses its name.
    if (neighbour.current === undefined) neighbour.lastError = `${who} at ${where} ${why}.`;
  }
  throw new Refusal(NOTIFY.AUTHENTICATION_FAILED, "authentication-failed", `${where} calls itself ${who} but ${why}.`);
}

/** The peer whose suites we could not know in IKE_SA_INIT came with one of its own. */
function demandSuite(
  sa: IkeSa,
  neighbour: Neighbour,
  proven: Proven,
  who: string,
): { readonly neighbour: Neighbour; readonly proven: Proven } {
  const { name } = sa.selection!;
  if (neighbour.ikeProposals.some((proposal) => proposal.name === name)) return { neighbour, proven };
  const text = `${who} came with the IKE suite ${name}, which its configuration does not allow.`;
  throw new Refusal(NOTIFY.AUTHENTICATION_FAILED, "no-proposal", text);
}
