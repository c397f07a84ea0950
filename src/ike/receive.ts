/** The way of a datagram through the IKE SA that it belongs to: window, decryption, exchange, answer (RFC 7296 §2.1–2.3, §2.21). */
import type { Datagram } from "./effect.ts";
import { digestOf } from "./linger.ts";
import type { Gathered, Reassembly } from "./reassembly.ts";
import { restarted } from "./restart.ts";
import type { IkeSa } from "./sa.ts";
import { SuiteError } from "./suite/index.ts";
import { answerRequest, giveUp } from "./task/answer.ts";
import type { Answer } from "./task/task.ts";
import { askAtOnce } from "./watch.ts";
import {
  decodeMessage,
  EXCHANGE,
  type Header,
  type Message,
  NOTIFY,
  type OpenMessage,
  PAYLOAD,
  payloadsOf,
  WireError,
} from "./wire/index.ts";

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
    sa.transmit(datagram, window.last!.answer);
    return;
  }
  if (place === "strange") {
    if (!answeredFragment(sa, header, datagram)) realm.count("window");
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
  const opened = message && open(sa, sa.requests, message, datagram);
  if (opened === undefined) return;
  sa.requests.clear();
  heard(sa, datagram, halfOpen);
  // A new request shows that the answer to the one before has come, and with it what that made.
  for (const child of sa.children) child.confirmed = true;
  sa.successor?.release();
  const { content } = opened;
  const answer = content instanceof WireError ? giveUp(sa, content.message) : answerRequest(sa, content);
  respond(sa, header, datagram, opened, answer);
  sa.release();
}

/**
 * A fragment of the request that was answered last, which the peer has cut anew (or this one is not the first). The first one asks
 * for the answer again, and shows what the path carries (RFC 7383 §2.5.2, §2.6.1). False: it is something else.
 */
function answeredFragment(sa: IkeSa, header: Header, datagram: Datagram): boolean {
  const { realm, window } = sa;
  if (!sa.fragmentation || !sa.keyed || header.next !== PAYLOAD.SKF || !window.hasAnswered(header.messageId))
    return false;
  const message = decode(sa, datagram.bytes);
  if (message?.wrapper?.kind !== "fragment") return message === undefined;
  if (message.wrapper.number > 1) {
    realm.count("fragment-repeated");
    return true;
  }
  if (sa.envelope!.openFragment(datagram.bytes, message, realm) === undefined) return true;
  realm.count("duplicate");
  const { answer } = window.last!;
  if (message.wrapper.total > 1) answer.cut(datagram.bytes.length);
  sa.transmit(datagram, answer);
  return true;
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

/** The content of an authentic message; undefined when it is not authentic, or not whole yet (and counted). */
function open(sa: IkeSa, gathering: Reassembly, message: Message, { bytes }: Datagram): Gathered | undefined {
  const { realm, envelope } = sa;
  const { wrapper, header } = message;
  const whole = (content: OpenMessage | WireError | undefined) => content && { content, digest: digestOf(bytes) };
  if (wrapper?.kind !== "fragment") return whole(envelope!.open(bytes, message, realm));
  if (!sa.fragmentation) {
    realm.count("unexpected");
    return undefined;
  }
  if (!gathering.wants(header.messageId, wrapper)) {
    realm.count("fragment-repeated");
    return undefined;
  }
  const fragment = envelope!.openFragment(bytes, message, realm);
  if (fragment === undefined || fragment instanceof WireError) return whole(fragment);
  sa.heardAt = realm.now;
  return gathering.add(message, fragment, bytes);
}

/** In the peer's own size where it came in several fragments: it may know better than we what the path carries. */
function respond(sa: IkeSa, header: Header, datagram: Datagram, request: Gathered, answer: Answer): void {
  const response = { header: sa.header(header.exchange, true, header.messageId), payloads: answer.payloads };
  const parcel = sa.seal(response, datagram);
  if (request.largest !== undefined) parcel.cut(request.largest);
  sa.window.answered(request.digest, parcel);
  sa.transmit(datagram, parcel);
  answer.after?.();
  sa.pump();
}

function receiveResponse(sa: IkeSa, header: Header, datagram: Datagram): void {
  const { realm, window } = sa;
  if (sa.state !== "connecting" && header.next !== PAYLOAD.SK && header.next !== PAYLOAD.SKF) {
    const message = decode(sa, datagram.bytes);
    if (message === undefined) return;
    if (message.wrapper === undefined) {
      receiveUnprotected(sa, message);
      return;
    }
  }
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
  const opened = open(sa, sa.responses, message, datagram);
  if (opened === undefined) return;
  sa.responses.clear();
  heard(sa, datagram, false);
  const { roundTrip } = window.settle();
  if (task.kind === "probe" && roundTrip !== undefined) {
    sa.rttMs = roundTrip;
    sa.measuredAt = realm.now;
  }
  try {
    if (opened.content instanceof WireError) throw opened.content;
    const { payloads } = opened.content;
    const fatal = payloadsOf(payloads, "notify").some(({ notify }) => notify === NOTIFY.INVALID_SYNTAX);
    if (fatal && task.kind !== "auth") throw new WireError("value", 0, "It says that our request makes no sense");
    task.answered(sa, payloads);
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

/**
 * A response in the clear, "I know no such IKE SA" perhaps (RFC 7296 §2.21.4). Anybody on the way can write that, so by itself it ends
 * nothing; with the token that the peer gave us it is the peer's own word, whatever message it answers (RFC 6290 §4.5).
 */
function receiveUnprotected(sa: IkeSa, { header, payloads }: Message): void {
  const { realm, window } = sa;
  const disowned = payloadsOf(payloads, "notify").some(({ notify }) => notify === NOTIFY.INVALID_IKE_SPI);
  const proof = disowned ? sa.token.judge(payloads) : "nothing";
  if (proof === "lost") {
    restarted(sa);
    return;
  }
  realm.count(
    proof === "false"
      ? "token-false"
      : payloads.some(({ kind }) => kind === "notify")
        ? "unprotected-error"
        : "unexpected",
  );
  if (!disowned || sa.state !== "up") return;
  if (window.waiting === undefined) askAtOnce(sa);
  else if (window.awaits(header.messageId) && window.waiting.exchange === header.exchange) window.disowned();
}

/** An authentic message, not a copy: the peer lives, and perhaps elsewhere. */
function heard(sa: IkeSa, datagram: Datagram, authenticating: boolean): void {
  sa.heardAt = sa.realm.now;
  if (sa.neighbour?.current === sa) sa.neighbour.silence(false);
  if (authenticating) sa.path = { local: datagram.local, remote: datagram.remote };
  else sa.follow({ local: datagram.local, remote: datagram.remote });
}
