/** Messages of no IKE SA that is here: first ones, late ones, hints, and those of peers that do not know of our crash (RFC 7296 §1.5, §2.21.4). */
import { answerStranger } from "./admission.ts";
import type { Datagram } from "./effect.ts";
import { takeHint } from "./hint.ts";
import type { Realm } from "./realm.ts";
import { receive } from "./receive.ts";
import type { IkeSa } from "./sa.ts";
import { answerIkeInit } from "./task/ike-init-answer.ts";
import {
  decodeMessage,
  EXCHANGE,
  type Header,
  type Message,
  NOTIFY,
  notifyOf,
  PAYLOAD,
  WireError,
} from "./wire/index.ts";

/** Highest major version that we speak. */
export const MAJOR = 2;

/** A message of another major version. */
export function otherVersion(realm: Realm, header: Header, datagram: Datagram): void {
  realm.count("version");
  if (header.major < MAJOR || header.response || !realm.mayAnswerStranger()) return;
  answerStranger(realm, header, datagram, notifyOf(NOTIFY.INVALID_MAJOR_VERSION));
}

/** The receiver's SPI is 0: the first message of an initiator, a hint, or nothing that we know. */
export function receiveFirst(realm: Realm, header: Header, datagram: Datagram): void {
  if (isOneWay(header)) {
    withPayloads(realm, datagram, ({ payloads }) => takeHint(realm, datagram, payloads));
    return;
  }
  if (header.exchange !== EXCHANGE.IKE_SA_INIT || header.response) {
    realm.count("unexpected");
    return;
  }
  const begun: IkeSa | undefined = realm.halfOpen.find(header.spiI, datagram.remote);
  if (begun !== undefined) {
    receive(begun, header, datagram);
    return;
  }
  withPayloads(realm, datagram, (message) => answerIkeInit(realm, message, datagram));
}

/** No IKE SA has our SPI `spi`: one that has just ended gives its last answer again; else a request is told so, now and then. */
export function receiveUnknown(realm: Realm, spi: bigint, header: Header, datagram: Datagram): void {
  const answer = header.response ? undefined : realm.linger.find(spi, datagram.bytes, realm.now);
  if (answer !== undefined) {
    realm.count("duplicate");
    for (const bytes of answer) realm.send({ local: datagram.local, remote: datagram.remote, bytes });
    return;
  }
  if (header.next === PAYLOAD.SKF && realm.linger.has(spi, realm.now)) {
    // The first fragment alone asks for the answer (RFC 7383 §2.6.1).
    realm.count("fragment-repeated");
    return;
  }
  if (isOneWay(header)) {
    // Who gives a hint may have made up the IKE SPIs (RFC 7296 §1.5).
    withPayloads(realm, datagram, ({ payloads }) => takeHint(realm, datagram, payloads));
    return;
  }
  realm.count("unknown-spi");
  if (header.response) return;
  if (realm.tokens !== undefined && isProtected(header) && isForeign(realm, header)) {
    tellLost(realm, header, datagram);
  } else if (realm.mayAnswerStranger()) {
    answerStranger(realm, header, datagram, notifyOf(NOTIFY.INVALID_IKE_SPI));
  }
}

/** The IKE SA is lost here, and our token proves it to the peer, if it is one of ours (RFC 6290 §4.5). */
function tellLost(realm: Realm, header: Header, datagram: Datagram): void {
  if (!realm.proofs.take(datagram.remote.address, realm.now)) {
    realm.count("rate-limited");
    return;
  }
  const token = realm.tokens!.make(header.spiI, header.spiR);
  answerStranger(realm, header, datagram, notifyOf(NOTIFY.INVALID_IKE_SPI), token);
}

/**
 * Does neither SPI name an IKE SA that is here? The token of a live one must never be seen (RFC 6290 §9.2). A message may name one all
 * the same: with the flag I wrong, or, of one that is being made, before the peer's SPI is known here.
 */
function isForeign({ sas }: Realm, { spiI, spiR }: Header): boolean {
  return !sas.has(spiI) && !sas.has(spiR);
}

/** Only a protected message may be answered with a token (RFC 6290 §4.5). */
function isProtected({ next }: Header): boolean {
  return next === PAYLOAD.SK || next === PAYLOAD.SKF;
}

/** A notification outside of any IKE SA, which nothing answers (RFC 7296 §1.5). */
function isOneWay({ exchange, response, next }: Header): boolean {
  return exchange === EXCHANGE.INFORMATIONAL && !response && next === PAYLOAD.NOTIFY;
}

function withPayloads(realm: Realm, { bytes }: Datagram, run: (message: Message) => void): void {
  try {
    run(decodeMessage(bytes));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    realm.count("malformed");
  }
}
