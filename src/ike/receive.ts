/** The way of a datagram through the IKE SA that it belongs to: window, decryption, exchange, answer (RFC 7296 §2.1–2.3, §2.21). */
import type { Datagram } from "./effect.ts";
import type { IkeSa } from "./sa.ts";
import { SuiteError } from "./suite/index.ts";
import { answerRequest, giveUp } from "./task/answer.ts";
import type { Answer } from "./task/task.ts";
import { decodeMessage, EXCHANGE, type Header, type Message, NOTIFY, payloadsOf, WireError } from "./wire/index.ts";

/** A datagram whose header names this IKE SA. */
export function receive(sa: IkeSa, header: Header, datagram: Datagram): void {
  if (header.initiator === sa.initiator) sa.realm.count("unexpected");
  else if (header.response) receiveResponse(sa, header, datagram);
  else receiveRequest(sa, header, datagram);
}

function receiveRequest(sa: IkeSa, header: Header, datagram: Datagram): void {
  const { realm, window } = sa;
  const place = window.place(header.messageId, datagram.bytes);
  if (place === "repeated") {
    realm.count("duplicate");
    sa.transmit({ local: datagram.local, remote: datagram.remote, bytes: window.last!.answer });
    return;
  }
  if (place === "strange") {
    realm.count("window");
    return;
  }
  const halfOpen = sa.state === "half-open";
  const known = header.exchange === EXCHANGE.CREATE_CHILD_SA || header.exchange === EXCHANGE.INFORMATIONAL;
  if (sa.state === "connecting" || !(halfOpen ? header.exchange === EXCHANGE.IKE_AUTH : known)) {
    realm.count("unexpected");
    return;
  }
  if (!prepare(sa)) return;
  const message = decode(sa, datagram.bytes);
  const opened = message && sa.envelope!.open(datagram.bytes, message, realm);
  if (opened === undefined) return;
  heard(sa, datagram, halfOpen);
  // A new request shows that the answer to the one before has come, and with it what that made.
  for (const child of sa.children) child.confirmed = true;
  sa.successor?.release();
  const answer = opened instanceof WireError ? giveUp(sa, opened.message) : answerRequest(sa, opened);
  respond(sa, header, datagram, answer);
  sa.release();
}

/** The responder computes its keys when the first encrypted message comes, not before: strangers cost less that way. */
function prepare(sa: IkeSa): boolean {
  if (sa.keyed) return true;
  const { handshake, selection } = sa;
  try {
    sa.key(selection!, handshake!.keys(selection!, sa.spiI, sa.spiR));
    return true;
  } catch (error) {
    if (!(error instanceof SuiteError)) throw error;
    sa.realm.count("malformed");
    sa.end();
    return false;
  }
}

function decode(sa: IkeSa, bytes: Uint8Array): Message | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    sa.realm.count("malformed");
    return undefined;
  }
}

function respond(sa: IkeSa, header: Header, datagram: Datagram, answer: Answer): void {
  const response = { header: sa.header(header.exchange, true, header.messageId), payloads: answer.payloads };
  const bytes = sa.envelope!.seal(response);
  sa.window.answered(datagram.bytes, bytes);
  sa.transmit({ local: datagram.local, remote: datagram.remote, bytes });
  answer.after?.();
  sa.pump();
}

function receiveResponse(sa: IkeSa, header: Header, datagram: Datagram): void {
  const { realm, window } = sa;
  if (!window.awaits(header.messageId)) {
    realm.count("window");
    return;
  }
  const task = window.waiting!;
  if (header.exchange !== task.exchange) {
    realm.count("unexpected");
    return;
  }
  const message = decode(sa, datagram.bytes);
  if (message === undefined) return;
  if (task.received !== undefined) {
    if (task.received(sa, message, datagram)) sa.pump();
    return;
  }
  const opened = sa.envelope!.open(datagram.bytes, message, realm);
  if (opened === undefined) return;
  heard(sa, datagram, false);
  const { roundTrip } = window.settle();
  if (task.kind === "probe" && roundTrip !== undefined) {
    sa.rttMs = roundTrip;
    sa.measuredAt = realm.now;
  }
  try {
    if (opened instanceof WireError) throw opened;
    const fatal = payloadsOf(opened.payloads, "notify").some(({ notify }) => notify === NOTIFY.INVALID_SYNTAX);
    if (fatal && task.kind !== "auth") throw new WireError("value", 0, "It says that our request makes no sense");
    task.answered(sa, opened.payloads);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    // Both sides give the IKE SA up, without a DELETE (RFC 7296 §2.21.3).
    realm.count("invalid-syntax");
    task.lost();
    const why = `The peer and we do not understand each other: ${error.message}. The IKE SA is built anew.`;
    if (sa.neighbour === undefined) sa.end();
    else sa.neighbour.down(sa, "error", "invalid-syntax", why);
  }
  sa.release();
  sa.pump();
}

/** An authentic message, not a copy: the peer lives, and perhaps elsewhere. */
function heard(sa: IkeSa, datagram: Datagram, authenticating: boolean): void {
  sa.heardAt = sa.realm.now;
  if (authenticating) sa.path = { local: datagram.local, remote: datagram.remote };
  else sa.follow({ local: datagram.local, remote: datagram.remote });
}
