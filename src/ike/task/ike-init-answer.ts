/** IKE_SA_INIT, RFC 7296 §1.2, as responder: who may begin, with which suite and key exchange, and the half-open IKE SA that comes of it. */
import { admitted, answerStranger, proposalsOf } from "../admission.ts";
import { hashesIn, takesFragments } from "../announcement.ts";
import type { Datagram } from "../effect.ts";
import { Handshake } from "../handshake.ts";
import { digestOf } from "../linger.ts";
import { findNat, natPayloads } from "../nat.ts";
import { groupData, NO_SPI, NONCE_LENGTH } from "../negotiation.ts";
import { addressText, endpointText } from "../octets.ts";
import { Parcel } from "../parcel.ts";
import { requestOf } from "../proof.ts";
import type { Realm } from "../realm.ts";
import { IkeSa } from "../sa.ts";
import { answerProposal, generateKeyPair, OUR_HASHES, selectProposal } from "../suite/index.ts";
import {
  EXCHANGE,
  encodeMessage,
  hashesNotify,
  type Message,
  NOTIFY,
  notifyOf,
  type Payload,
  payloadsOf,
} from "../wire/index.ts";

/** A first message longer than this is no honest one: it is kept until IKE_AUTH. Bytes. */
const MAX_REQUEST = 8_192;

/** Makes a half-open IKE SA, or says why not. */
export function answerIkeInit(realm: Realm, message: Message, datagram: Datagram): void {
  const { header, payloads } = message;
  const { remote } = datagram;
  const [asked] = payloadsOf(payloads, "sa");
  const [ke] = payloadsOf(payloads, "ke");
  const [nonce] = payloadsOf(payloads, "nonce");
  const tooLong = datagram.bytes.length > MAX_REQUEST;
  if (header.messageId !== 0 || !header.initiator || header.spiI === 0n || tooLong || !asked || !ke || !nonce) {
    realm.count("malformed");
    return;
  }
  if (message.unknownCritical.length > 0) {
    realm.count("critical-payload");
    return;
  }
  const manners = realm.neighbours.manners(remote.address);
  if (manners.length === 0) {
    realm.count("unknown-peer");
    const text = `${endpointText(remote)} asks for an IKE SA, and no peer is configured for ${addressText(remote.address)}.`;
    realm.notice("unknown-peer", text);
    if (realm.mayAnswerStranger()) answerStranger(realm, header, datagram, notifyOf(NOTIFY.NO_PROPOSAL_CHOSEN));
    return;
  }
  if (!admitted(realm, message, datagram, nonce.data)) return;
  const wanted = proposalsOf(manners);
  const selection = selectProposal(asked.proposals, wanted);
  if (selection === undefined) {
    realm.count("no-proposal");
    const ours = wanted.map((proposal) => proposal.name).join(", ");
    const text = `${endpointText(remote)} proposes no IKE suite that is accepted here (${ours}). Configure a common one.`;
    realm.notice("no-proposal", text);
    if (realm.mayAnswerStranger()) answerStranger(realm, header, datagram, notifyOf(NOTIFY.NO_PROPOSAL_CHOSEN));
    return;
  }
  if (ke.group !== selection.group.id) {
    realm.count("invalid-ke");
    const payload = notifyOf(NOTIFY.INVALID_KE_PAYLOAD, groupData(selection.group));
    if (realm.mayAnswerStranger()) answerStranger(realm, header, datagram, payload);
    return;
  }
  if (ke.data.length !== selection.group.publicLength) {
    realm.count("malformed");
    return;
  }
  const hashes = hashesIn(payloads);
  const sa = new IkeSa(realm, {
    initiator: false,
    spiRemote: header.spiI,
    path: { local: datagram.local, remote },
    state: "half-open",
  });
  const handshake = new Handshake();
  sa.handshake = handshake;
  sa.selection = selection;
  handshake.hashes = hashes;
  handshake.ni = nonce.data.slice();
  handshake.nr = realm.random(NONCE_LENGTH);
  handshake.theirs = ke.data.slice();
  handshake.pair = generateKeyPair(selection.group, (n) => realm.random(n));
  const nat = findNat(payloads, sa.spiI, 0n, sa.path);
  sa.natLocal = nat.local;
  sa.natRemote = nat.remote;
  sa.fragmentation = takesFragments(payloads);
  const spoil = manners.some(({ encapsulation }) => encapsulation === "always");
  sa.leaveHalfOpen = realm.halfOpen.add(sa, header.spiI, remote);
  sa.timers.set("half-open", realm.options.halfOpen.lifetime, () => {
    realm.count("half-open-expired");
    sa.end();
  });
  answerInit(sa, datagram, [
    { kind: "sa", proposals: [answerProposal(selection, NO_SPI)] },
    { kind: "ke", group: selection.group.id, data: handshake.pair.publicKey },
    { kind: "nonce", data: handshake.nr },
    ...(nat.supported ? natPayloads(sa.spiI, sa.spiR, sa.path, spoil) : []),
    ...(sa.fragmentation ? [notifyOf(NOTIFY.IKEV2_FRAGMENTATION_SUPPORTED)] : []),
    ...(hashes !== undefined && manners.some(({ auth }) => auth === "certificate")
      ? [hashesNotify(OUR_HASHES), ...requestOf(realm)]
      : []),
  ]);
}

/** Payloads of an IKE_SA_INIT answer, in the clear; kept for duplicates and for AUTH. */
function answerInit(sa: IkeSa, datagram: Datagram, payloads: readonly Payload[]): void {
  const header = { spiI: sa.spiI, spiR: sa.spiR, exchange: EXCHANGE.IKE_SA_INIT, initiator: false, response: true };
  const bytes = encodeMessage({ header: { ...header, messageId: 0 }, payloads });
  sa.handshake!.request = datagram.bytes.slice();
  sa.handshake!.response = bytes;
  sa.window.answered(digestOf(datagram.bytes), Parcel.whole(bytes));
  sa.realm.send({ local: datagram.local, remote: datagram.remote, bytes });
}
