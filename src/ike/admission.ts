/** Who may begin an IKE SA with us, and what a stranger is told (RFC 7296 §2.6, §2.21.1). */
import type { Manner } from "./directory.ts";
import type { Datagram } from "./effect.ts";
import type { Realm } from "./realm.ts";
import type { IkeProposal } from "./suite/index.ts";
import { encodeMessage, type Header, type Message, NOTIFY, notifyOf, type Payload } from "./wire/index.ts";

/** Answers a message that belongs to no IKE SA, in the clear. */
export function answerStranger(
  realm: Realm,
  header: Header,
  datagram: Datagram,
  ...payloads: readonly Payload[]
): void {
  const { spiI, spiR, exchange, messageId } = header;
  const answer = { spiI, spiR, exchange, messageId, initiator: !header.initiator, response: true };
  const bytes = encodeMessage({ header: answer, payloads });
  realm.send({ local: datagram.local, remote: datagram.remote, bytes });
}

/** All that one of these accepts, each once. */
export function proposalsOf(manners: readonly Manner[]): IkeProposal[] {
  const byName = new Map<string, IkeProposal>();
  for (const { proposals } of manners) for (const proposal of proposals) byName.set(proposal.name, proposal);
  return [...byName.values()];
}

/** Room for one more half-open IKE SA? When there are many, only who shows a COOKIE of ours is let in (RFC 7296 §2.6). */
export function admitted(realm: Realm, message: Message, datagram: Datagram, nonce: Uint8Array): boolean {
  const { header, payloads } = message;
  const { halfOpen, cookies, now } = realm;
  const { address } = datagram.remote;
  if (!halfOpen.room(datagram.remote)) {
    realm.count("half-open-limit");
    return false;
  }
  if (!halfOpen.crowded(datagram.remote)) return true;
  const shown = payloads[0];
  if (shown?.kind === "notify" && shown.notify === NOTIFY.COOKIE) {
    if (cookies.verify(shown.data, nonce, address, header.spiI, now)) return true;
    realm.count("cookie-invalid");
  }
  realm.count("cookie-sent");
  const payload = notifyOf(NOTIFY.COOKIE, cookies.make(nonce, address, header.spiI, now));
  answerStranger(realm, header, datagram, payload);
  return false;
}
