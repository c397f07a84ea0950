/** IKE_AUTH, RFC 7296 §1.2, §2.15: who the peer is, the proof of it, and the first Child SA. */

import { acceptChild } from "../child-answer.ts";
import { ChildOffer } from "../child-offer.ts";
import { identityPayload, identityText, isIdentity } from "../identity.ts";
import type { Neighbour } from "../neighbour.ts";
import { addressText, endpointText } from "../octets.ts";
import { missing, Refusal } from "../refusal.ts";
import type { IkeSa } from "../sa.ts";
import { pskAuth, signedOctets, verifyPskAuth } from "../suite/index.ts";
import {
  AUTH,
  type AuthPayload,
  EXCHANGE,
  type IdPayload,
  idBody,
  NOTIFY,
  NOTIFY_FIRST_STATUS,
  nameOf,
  notifyOf,
  type Payload,
  payloadOf,
  payloadsOf,
} from "../wire/index.ts";
import { childAgreed, childRefused } from "./child-create.ts";
import type { Answer, Task } from "./task.ts";

/** What the initiator (`i`) or the responder proves with AUTH. */
function octetsOf(sa: IkeSa, initiator: boolean, identity: IdPayload): Uint8Array {
  const { ni, nr, pi, pr, request, response } = sa.handshake!;
  const { prf } = sa.selection!;
  return initiator
    ? signedOctets(prf, request, nr, pi, idBody(identity))
    : signedOctets(prf, response, ni, pr, idBody(identity));
}

function proof(sa: IkeSa, neighbour: Neighbour, initiator: boolean, identity: IdPayload): AuthPayload {
  const data = pskAuth(sa.selection!.prf, neighbour.config.auth.secret, octetsOf(sa, initiator, identity));
  return { kind: "auth", method: AUTH.SHARED_KEY, data };
}

function proves(sa: IkeSa, neighbour: Neighbour, initiator: boolean, identity: IdPayload, auth: AuthPayload): boolean {
  if (auth.method !== AUTH.SHARED_KEY) return false;
  const octets = octetsOf(sa, initiator, identity);
  return verifyPskAuth(sa.selection!.prf, neighbour.config.auth.secret, octets, auth.data);
}

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

  request(sa: IkeSa): readonly Payload[] {
    const neighbour = this.#neighbour;
    const { config } = neighbour;
    const identity = identityPayload("idi", config.localId);
    const alone = ![...neighbour.sas].some((other) => other !== sa && other.state === "up");
    this.#offer =
      config.children.length > 0
        ? ChildOffer.make(sa, neighbour, config.children[0], { copy: 0, pfs: false })
        : undefined;
    return [
      identity,
      ...(alone ? [notifyOf(NOTIFY.INITIAL_CONTACT)] : []),
      identityPayload("idr", config.remoteId),
      proof(sa, neighbour, true, identity),
      ...(this.#offer?.payloads() ?? []),
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
    const auth = payloadOf(payloads, "auth");
    const error = payloadsOf(payloads, "notify").find(({ notify }) => notify < NOTIFY_FIRST_STATUS);
    if (identity === undefined || auth === undefined) {
      this.lost();
      this.#rejected(sa, error?.notify);
      return;
    }
    const wrong = this.#mistrust(sa, identity, auth);
    if (wrong !== undefined) {
      this.lost();
      sa.realm.count("authentication-failed");
      neighbour.mistrusted(sa, wrong);
      return;
    }
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
      const next = `Check that it knows the identity ${us}, that it calls itself ${title}, and that both have the same pre-shared key.`;
      neighbour.failed(sa, "authentication-failed", `${title} refuses our authentication as ${us}. ${next}`);
      return;
    }
    const why = notify === undefined ? "its answer has no proof of identity" : nameOf(NOTIFY, notify);
    neighbour.failed(sa, "refused", `${title} refuses the IKE SA: ${why}. Look into the peer's log.`);
  }

  /** Why the responder is not who it should be; undefined: it is. */
  #mistrust(sa: IkeSa, identity: IdPayload, auth: AuthPayload): string | undefined {
    const { config, title } = this.#neighbour;
    if (!isIdentity(identity, config.remoteId)) {
      return `The peer calls itself ${identityText(identity)} instead of ${title}. Correct the identity on one of the sides.`;
    }
    if (proves(sa, this.#neighbour, false, identity, auth)) return undefined;
    return `${title} could not prove its identity. Check that both sides have the same pre-shared key.`;
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
  const auth = payloadOf(payloads, "auth");
  const neighbour = authenticate(sa, identity, payloadOf(payloads, "idr"), auth);
  const { config } = neighbour;
  sa.neighbour = neighbour;
  sa.leaveHalfOpen?.();
  sa.timers.clear("half-open");
  sa.encapsulated = sa.path.local.port === realm.environment.natPort;
  const contact = payloadsOf(payloads, "notify").some(({ notify }) => notify === NOTIFY.INITIAL_CONTACT);
  if (contact) neighbour.forgetBefore(sa);
  const ours = identityPayload("idr", config.localId);
  const answer: Payload[] = [ours, proof(sa, neighbour, false, ours)];
  const { ni, nr } = sa.handshake!;
  // From here on the IKE SA stands, whatever becomes of the Child SA (RFC 7296 §1.2).
  sa.state = "up";
  const wantsChild = payloads.some((payload) => payload.kind === "sa");
  if (wantsChild) answer.push(...firstChild(sa, neighbour, payloads, { ni, nr }));
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
  asked: IdPayload | undefined,
  auth: AuthPayload | undefined,
): Neighbour {
  const { realm } = sa;
  const { address } = sa.path.remote;
  const who = identityText(identity);
  const where = endpointText(sa.path.remote);
  const known = realm.directory
    .called(identity)
    .filter(({ config }) => asked === undefined || isIdentity(asked, config.localId));
  const allowed = known.filter((neighbour) => neighbour.mayComeFrom(address));
  if (allowed.length === 0) {
    const us = asked === undefined ? "" : ` and asks for ${identityText(asked)}`;
    const text =
      known.length === 0
        ? `${where} calls itself ${who}${us}; no peer is configured with these identities.`
        : `${who} calls from ${addressText(address)}, which its configuration does not allow.`;
    throw new Refusal(NOTIFY.AUTHENTICATION_FAILED, "unknown-peer", text);
  }
  const found = auth && allowed.find((neighbour) => proves(sa, neighbour, true, identity, auth));
  if (found === undefined) {
    const why =
      auth?.method === AUTH.SHARED_KEY
        ? "could not prove it. Check that both sides have the same pre-shared key"
        : "does not authenticate with a pre-shared key. Configure that on both sides";
    for (const neighbour of allowed) {
      // One that is up is not made suspicious by who else uses its name.
      if (neighbour.current === undefined) neighbour.lastError = `${who} at ${where} ${why}.`;
    }
    throw new Refusal(
      NOTIFY.AUTHENTICATION_FAILED,
      "authentication-failed",
      `${where} calls itself ${who} but ${why}.`,
    );
  }
  if (!found.ikeProposals.some((proposal) => proposal.name === sa.selection!.name)) {
    const text = `${who} came with the IKE suite ${sa.selection!.name}, which its configuration does not allow.`;
    throw new Refusal(NOTIFY.AUTHENTICATION_FAILED, "no-proposal", text);
  }
  return found;
}
