/**
 * Rekeying the IKE SA, RFC 7296 §1.3.2, §2.18. The new one takes the Child SAs and all waiting exchanges over; the initiator
 * deletes the old one. When both begin at once (§2.8.1), the new IKE SA whose exchange has the lowest nonce is deleted by who
 * began it; nobody moves a Child SA before that is known.
 */
import { groupData, NONCE_LENGTH, secretOf, wantedGroup } from "../negotiation.ts";
import { MAX_IKE_SAS, type Neighbour } from "../neighbour.ts";
import { compare, lower } from "../octets.ts";
import { missing, Refusal } from "../refusal.ts";
import { IkeSa } from "../sa.ts";
import {
  answerProposal,
  type Group,
  generateKeyPair,
  type IkeSelection,
  ikeKeys,
  type KeyPair,
  matchAnswer,
  offer,
  rekeySkeyseed,
  selectProposal,
  spi64,
  wipe,
} from "../suite/index.ts";
import { rekeyIke, watchIke } from "../watch.ts";
import { EXCHANGE, NOTIFY, NOTIFY_FIRST_STATUS, nameOf, type Payload, payloadOf, payloadsOf } from "../wire/index.ts";
import { busy, notNow } from "./busy.ts";
import { TEMPORARY } from "./child-exchange.ts";
import { ourToken, TokenExchange } from "./crash-token.ts";
import type { Answer, Task } from "./task.ts";

/** A responder's new IKE SA asks for nothing before its initiator can know it. Milliseconds. */
const HOLD = 3_000;
/** Wait after a refusal that will probably come again. Milliseconds. */
const STUBBORN = 60_000;
const SPI_LENGTH = 8;

/** A new IKE SA beside the old one, which nothing uses yet. */
function successorOf(old: IkeSa, initiator: boolean, spiRemote: bigint): IkeSa {
  const sa = new IkeSa(old.realm, { initiator, spiRemote, path: old.path, state: "up" });
  sa.neighbour = old.neighbour;
  sa.proven = old.proven;
  sa.adopted = false;
  sa.rekeys = old.rekeys + 1;
  sa.natLocal = old.natLocal;
  sa.natRemote = old.natRemote;
  sa.encapsulated = old.encapsulated;
  sa.fragmentation = old.fragmentation;
  sa.rttMs = old.rttMs;
  sa.measuredAt = old.measuredAt;
  old.neighbour!.sas.add(sa);
  return sa;
}

/** SKEYSEED from the old SK_d, keys of the new IKE SA. Throws Refusal when the public value is bad; the pair is used up. */
function keyFrom(
  old: IkeSa,
  sa: IkeSa,
  selection: IkeSelection,
  pair: KeyPair,
  theirs: Uint8Array,
  ni: Uint8Array,
  nr: Uint8Array,
): void {
  const shared = secretOf(pair, theirs);
  const seed = rekeySkeyseed(old.selection!.prf, old.d, shared, ni, nr);
  const keys = ikeKeys(selection.prf, selection.encryption, seed, { ni, nr, spiI: sa.spiI, spiR: sa.spiR });
  wipe(shared, seed, keys.pi, keys.pr);
  sa.key(selection, keys);
}

/** The new IKE SA takes everything over; the old one only answers from now on. */
function adopt(old: IkeSa, sa: IkeSa): void {
  const neighbour = old.neighbour!;
  for (const child of [...old.children]) {
    child.sa = sa;
    sa.children.add(child);
  }
  old.children.clear();
  for (const task of old.takeTasks()) sa.enqueue(task);
  old.timers.clearAll();
  old.state = "replaced";
  old.successor = sa;
  sa.adopted = true;
  sa.since = old.realm.now;
  sa.timers.clear("tidy");
  if (neighbour.current === old) neighbour.current = sa;
  neighbour.group = sa.selection!.group.id;
  const text = `The IKE SA with ${neighbour.title} is rekeyed (${sa.selection!.name}).`;
  old.realm.event("info", "ike-rekeyed", text, neighbour.name);
  watchIke(sa);
  tidy(old);
}

/** What the peer should delete is deleted by us when the peer forgets to. */
function tidy(sa: IkeSa): void {
  sa.timers.set("tidy", sa.realm.options.tidy, () => sa.neighbour!.close(sa));
}

/** Our side as initiator. */
export class IkeRekey implements Task {
  readonly kind = "ike-rekey";
  readonly exchange = EXCHANGE.CREATE_CHILD_SA;
  readonly #neighbour: Neighbour;
  /** The new IKE SA of the peer's exchange that crosses with this one, and the lower nonce of that exchange. */
  #crossed: { readonly sa: IkeSa; readonly lowest: Uint8Array } | undefined;
  #sa: IkeSa | undefined;
  #pair: KeyPair | undefined;
  #ni: Uint8Array = new Uint8Array(0);
  #group: Group | undefined;

  constructor(neighbour: Neighbour) {
    this.#neighbour = neighbour;
  }

  request(sa: IkeSa): readonly Payload[] | undefined {
    if (sa.state !== "up") return undefined;
    const { realm } = sa;
    const { ikeProposals } = this.#neighbour;
    const wanted = this.#group?.id ?? this.#neighbour.group;
    const { group } = ikeProposals.find((proposal) => proposal.group.id === wanted) ?? ikeProposals[0];
    this.#sa = successorOf(sa, true, 0n);
    this.#ni = realm.random(NONCE_LENGTH);
    this.#pair = generateKeyPair(group, (n) => realm.random(n));
    return [
      { kind: "sa", proposals: offer(ikeProposals, spi64(this.#sa.spiLocal)) },
      { kind: "nonce", data: this.#ni },
      { kind: "ke", group: group.id, data: this.#pair.publicKey },
    ];
  }

  /** The peer began the same; its new IKE SA waits for the outcome. */
  cross(sa: IkeSa, lowest: Uint8Array): void {
    this.#crossed = { sa, lowest };
    // The loser deletes it; one that never learned of it cannot, and nobody else ever used it.
    sa.timers.set("tidy", sa.realm.options.tidy, () => sa.end());
  }

  get #rival(): IkeSa | undefined {
    const rival = this.#crossed?.sa;
    return rival?.state === "up" ? rival : undefined;
  }

  /** The peer deletes the old IKE SA while we wait for its answer: what it made takes over (§2.25.2). */
  yield(old: IkeSa): void {
    const rival = this.#rival;
    if (rival === undefined) return;
    adopt(old, rival);
    rival.release();
  }

  answered(old: IkeSa, payloads: readonly Payload[]): void {
    const error = payloadsOf(payloads, "notify").find(({ notify }) => notify < NOTIFY_FIRST_STATUS);
    if (error !== undefined) {
      this.lost();
      if (old.state === "up") this.#refused(old, error.notify, error.data);
      return;
    }
    let lowest: Uint8Array;
    try {
      lowest = this.#agree(old, payloads);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      this.lost();
      if (old.state === "up") this.#stay(old, refusal.message);
      return;
    }
    const sa = this.#sa!;
    this.#sa = undefined;
    if (old.state !== "up") {
      // It was ended while the peer was asked; the new one must end, too.
      this.#neighbour.close(sa);
      return;
    }
    const rival = this.#rival;
    if (rival !== undefined && compare(lowest, this.#crossed!.lowest) < 0) {
      adopt(old, rival);
      this.#neighbour.close(sa);
      rival.release();
      return;
    }
    adopt(old, sa);
    this.#neighbour.close(old);
    if (old.realm.tokens !== undefined) sa.enqueue(new TokenExchange(), true);
    sa.pump();
  }

  /** Keys the new IKE SA; the lower nonce of the exchange. */
  #agree(old: IkeSa, payloads: readonly Payload[]): Uint8Array {
    const sa = this.#sa!;
    const pair = this.#pair!;
    const answer = payloadOf(payloads, "sa");
    const nonce = payloadOf(payloads, "nonce");
    const ke = payloadOf(payloads, "ke");
    const options = { spiLength: SPI_LENGTH };
    const selection = answer && matchAnswer(answer.proposals, this.#neighbour.ikeProposals, options);
    const spi = selection === undefined ? 0n : new DataView(selection.spi.slice().buffer).getBigUint64(0);
    if (!selection || !nonce || ke?.group !== pair.group.id || selection.group !== pair.group || spi === 0n) {
      throw new Refusal(NOTIFY.NO_PROPOSAL_CHOSEN, "no-proposal", "The peer's answer is not one of our proposals.");
    }
    sa.spiRemote = spi;
    keyFrom(old, sa, selection, pair, ke.data, this.#ni, nonce.data);
    sa.token.take(payloads);
    return lower(this.#ni, nonce.data).slice();
  }

  #refused(old: IkeSa, notify: number, data: Uint8Array): void {
    const { realm } = old;
    const rival = this.#rival;
    if (rival !== undefined) {
      adopt(old, rival);
      rival.release();
      return;
    }
    if (notify === NOTIFY.TEMPORARY_FAILURE) {
      realm.count("temporary-failure");
      old.timers.set("rekey", realm.jittered(2 * TEMPORARY.ms, TEMPORARY.part), () => rekeyIke(old));
      return;
    }
    const group = notify === NOTIFY.INVALID_KE_PAYLOAD ? wantedGroup(data) : undefined;
    const possible = group && this.#neighbour.ikeProposals.some((proposal) => proposal.group === group);
    if (possible && this.#group === undefined) {
      realm.count("invalid-ke");
      this.#group = group;
      old.enqueue(this, true);
      return;
    }
    this.#stay(old, nameOf(NOTIFY, notify));
  }

  #stay(old: IkeSa, why: string): void {
    const { title, name } = this.#neighbour;
    const text = `The IKE SA with ${title} could not be rekeyed: ${why}. Compare the IKE proposals of both sides.`;
    this.#neighbour.lastError = text;
    old.realm.event("warn", "ike-rekey-failed", text, name);
    old.timers.set("rekey", old.realm.jittered(STUBBORN, 0.5), () => rekeyIke(old));
  }

  lost(): void {
    wipe(this.#pair?.secretKey);
    this.#sa?.end();
    this.#sa = undefined;
  }
}

/** Our side as responder. */
export function answerIkeRekey(old: IkeSa, payloads: readonly Payload[]): Answer {
  const { realm } = old;
  const neighbour = busy(old, "child", "child-delete");
  if (neighbour.sas.size >= MAX_IKE_SAS) throw notNow();
  const asked = payloadOf(payloads, "sa")!;
  const nonce = payloadOf(payloads, "nonce");
  const ke = payloadOf(payloads, "ke");
  if (nonce === undefined || ke === undefined) throw missing("nonce or KE payload");
  const selection = selectProposal(asked.proposals, neighbour.ikeProposals, { spiLength: SPI_LENGTH });
  const spi = selection === undefined ? 0n : new DataView(selection.spi.slice().buffer).getBigUint64(0);
  if (selection === undefined || spi === 0n) {
    const text = `${neighbour.title} proposes no IKE suite for the rekeyed IKE SA that is accepted here (${neighbour.config.ikeProposals.join(", ")}).`;
    throw new Refusal(NOTIFY.NO_PROPOSAL_CHOSEN, "no-proposal", text);
  }
  if (ke.group !== selection.group.id) {
    const text = `${neighbour.title} is asked to begin again with the key exchange method ${selection.group.name}.`;
    throw new Refusal(NOTIFY.INVALID_KE_PAYLOAD, "invalid-ke", text, { data: groupData(selection.group) });
  }
  const pair = generateKeyPair(selection.group, (n) => realm.random(n));
  const nr = realm.random(NONCE_LENGTH);
  const sa = successorOf(old, false, spi);
  try {
    keyFrom(old, sa, selection, pair, ke.data, nonce.data, nr);
  } catch (error) {
    sa.end();
    throw error;
  }
  sa.hold(HOLD);
  const { waiting } = old.window;
  if (waiting instanceof IkeRekey) waiting.cross(sa, lower(nonce.data, nr).slice());
  else adopt(old, sa);
  return {
    payloads: [
      { kind: "sa", proposals: [answerProposal(selection, spi64(sa.spiLocal))] },
      { kind: "nonce", data: nr },
      { kind: "ke", group: selection.group.id, data: pair.publicKey },
      ...ourToken(sa),
    ],
  };
}
