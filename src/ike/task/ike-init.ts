/** IKE_SA_INIT, RFC 7296 §1.2, as initiator: suite, nonces, key exchange, NAT detection; COOKIE (§2.6) and INVALID_KE_PAYLOAD (§1.2). */
import { hashesIn, takesFragments } from "../announcement.ts";
import type { Datagram } from "../effect.ts";
import { Handshake } from "../handshake.ts";
import { findNat, natPayloads } from "../nat.ts";
import { NO_SPI, NONCE_LENGTH, wantedGroup } from "../negotiation.ts";
import type { Neighbour } from "../neighbour.ts";
import { authoritiesOf } from "../proof.ts";
import type { Realm } from "../realm.ts";
import { floated } from "../route.ts";
import type { IkeSa } from "../sa.ts";
import { generateKeyPair, matchAnswer, OUR_HASHES, offer } from "../suite/index.ts";
import {
  EXCHANGE,
  type Header,
  hashesNotify,
  type Message,
  NOTIFY,
  NOTIFY_FIRST_STATUS,
  nameOf,
  notifyOf,
  type Payload,
  payloadsOf,
} from "../wire/index.ts";
import { IkeAuth } from "./ike-auth.ts";
import type { Task } from "./task.ts";

/** How often a responder may send us back to the start. */
const MAX_ROUNDS = 5;

/** Our side as initiator. */
export class IkeInit implements Task {
  readonly kind = "init";
  readonly exchange = EXCHANGE.IKE_SA_INIT;
  readonly #neighbour: Neighbour;
  #cookie: Uint8Array | undefined;
  #rounds = 0;

  constructor(neighbour: Neighbour) {
    this.#neighbour = neighbour;
  }

  request(sa: IkeSa): readonly Payload[] {
    const { realm } = sa;
    const { ikeProposals, config } = this.#neighbour;
    sa.handshake ??= this.#begin(realm);
    const { ni, pair } = sa.handshake;
    const cookie = this.#cookie === undefined ? [] : [notifyOf(NOTIFY.COOKIE, this.#cookie)];
    return [
      ...cookie,
      { kind: "sa", proposals: offer(ikeProposals, NO_SPI) },
      { kind: "ke", group: pair!.group.id, data: pair!.publicKey },
      { kind: "nonce", data: ni },
      ...natPayloads(sa.spiI, 0n, sa.path, config.encapsulation === "always"),
      notifyOf(NOTIFY.IKEV2_FRAGMENTATION_SUPPORTED),
      ...(config.auth.kind === "certificate" ? [hashesNotify(OUR_HASHES)] : []),
    ];
  }

  #begin(realm: Realm): Handshake {
    const { ikeProposals, group } = this.#neighbour;
    const first = ikeProposals.find((proposal) => proposal.group.id === group) ?? ikeProposals[0];
    const handshake = new Handshake();
    handshake.ni = realm.random(NONCE_LENGTH);
    handshake.pair = generateKeyPair(first.group, (n) => realm.random(n));
    return handshake;
  }

  /**
   * An answer, which anybody on the way could have written. True: the exchange is over or begins again; false: it is not
   * worth believing, so the wait goes on.
   */
  received(sa: IkeSa, message: Message, datagram: Datagram): boolean {
    const { payloads, header } = message;
    const error = payloadsOf(payloads, "notify").find(
      ({ notify }) => notify < NOTIFY_FIRST_STATUS || notify === NOTIFY.COOKIE,
    );
    if (error === undefined) return this.#agreed(sa, header, payloads, datagram);
    sa.window.settle();
    if (error.notify === NOTIFY.COOKIE && error.data.length >= 1 && error.data.length <= 64 && this.#again(sa)) {
      this.#cookie = error.data.slice();
    } else if (error.notify === NOTIFY.INVALID_KE_PAYLOAD) {
      this.#otherGroup(sa, error.data);
    } else {
      this.#refused(sa, error.notify);
    }
    return true;
  }

  #again(sa: IkeSa): boolean {
    this.#rounds += 1;
    if (this.#rounds > MAX_ROUNDS) return false;
    sa.window.restart();
    sa.enqueue(this, true);
    return true;
  }

  #otherGroup(sa: IkeSa, data: Uint8Array): void {
    const { realm } = sa;
    const handshake = sa.handshake!;
    realm.count("invalid-ke");
    const group = wantedGroup(data);
    const possible = group !== undefined && this.#neighbour.ikeProposals.some((proposal) => proposal.group === group);
    if (!possible || group === handshake.pair!.group || !this.#again(sa)) {
      const text =
        "The peer wants a key exchange method that is not in the IKE proposals here. Configure a common one.";
      this.#neighbour.failed(sa, "no-proposal", text);
      return;
    }
    handshake.forgetPair();
    handshake.pair = generateKeyPair(group, (n) => realm.random(n));
  }

  #refused(sa: IkeSa, notify: number): void {
    const { title, config } = this.#neighbour;
    if (notify === NOTIFY.NO_PROPOSAL_CHOSEN) {
      sa.realm.count("no-proposal");
      const offered = config.ikeProposals.join(", ");
      const text = `${title} accepts none of the IKE proposals ${offered}, or does not know us. Compare both configurations.`;
      this.#neighbour.failed(sa, "no-proposal", text);
      return;
    }
    const text = `${title} refuses an IKE SA: ${nameOf(NOTIFY, notify)}. Look into the peer's log.`;
    this.#neighbour.failed(sa, "refused", text);
  }

  #agreed(sa: IkeSa, header: Header, payloads: readonly Payload[], datagram: Datagram): boolean {
    const { realm } = sa;
    const neighbour = this.#neighbour;
    const handshake = sa.handshake!;
    const [answer] = payloadsOf(payloads, "sa");
    const [ke] = payloadsOf(payloads, "ke");
    const [nonce] = payloadsOf(payloads, "nonce");
    const complete = answer !== undefined && ke !== undefined && nonce !== undefined && header.spiR !== 0n;
    const selection = complete ? matchAnswer(answer.proposals, neighbour.ikeProposals) : undefined;
    if (selection === undefined || selection.group !== handshake.pair!.group || ke.group !== selection.group.id) {
      realm.count("malformed");
      return false;
    }
    handshake.theirs = ke.data.slice();
    handshake.nr = nonce.data.slice();
    handshake.response = datagram.bytes.slice();
    try {
      handshake.hashes = hashesIn(payloads);
    } catch {
      realm.count("malformed");
      return false;
    }
    handshake.authorities = authoritiesOf(payloads);
    const before = sa.spiRemote;
    try {
      sa.spiRemote = header.spiR;
      sa.key(selection, handshake.keys(selection, sa.spiI, sa.spiR));
    } catch {
      sa.spiRemote = before;
      sa.window.settle();
      const text = `The public value of ${neighbour.title} is not usable with ${selection.group.name}. Look into the peer's log.`;
      neighbour.failed(sa, "invalid-ke", text);
      return true;
    }
    sa.window.settle();
    sa.fragmentation = takesFragments(payloads);
    this.#findNat(sa, payloads);
    sa.enqueue(new IkeAuth(neighbour), true);
    return true;
  }

  #findNat(sa: IkeSa, payloads: readonly Payload[]): void {
    const { config, title } = this.#neighbour;
    const nat = findNat(payloads, sa.spiI, sa.spiR, sa.path);
    sa.natLocal = nat.local;
    sa.natRemote = nat.remote;
    const wanted = nat.supported && (nat.local || nat.remote !== "none" || config.encapsulation === "always");
    sa.encapsulated = wanted || sa.path.local.port === sa.realm.environment.natPort;
    if (sa.encapsulated) sa.path = floated(sa.realm.environment, sa.path);
    if (config.encapsulation === "always" && !nat.supported) {
      const text = `${title} does not speak of NAT traversal, so it cannot put ESP into UDP. Switch it on there.`;
      sa.realm.event("warn", "no-encapsulation", text, config.name);
    }
  }

  /** Never called: the answer to IKE_SA_INIT is not authentic yet. */
  answered(): void {}

  lost(): void {}
}
