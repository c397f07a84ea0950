/**
 * One IKE SA: its keys, its place on the wire, its queue of exchanges, and the way of a message through it (RFC 7296 §2).
 * What an exchange means is in task/; how long things live is in watch.ts; what a peer wants is in neighbour.ts.
 */
import type { Child } from "./child.ts";
import type { Datagram, Path } from "./effect.ts";
import type { Handshake } from "./handshake.ts";
import type { Neighbour } from "./neighbour.ts";
import { sameEndpoint } from "./octets.ts";
import type { Realm } from "./realm.ts";
import { type IkeKeys, type IkeSelection, SkOpener, SkSealer, wipe } from "./suite/index.ts";
import { answerRequest, giveUp } from "./task/answer.ts";
import type { Answer, Task } from "./task/task.ts";
import { Timers } from "./timers.ts";
import { Window } from "./window.ts";
import {
  decodeMessage,
  EXCHANGE,
  encodeMessage,
  type Header,
  type HeaderFields,
  type Message,
  type OpenMessage,
  openMessage,
  type Payload,
  sealMessage,
  WireError,
} from "./wire/index.ts";

/**
 * connecting: we began it; half-open: the peer began it and has not authenticated; up; replaced: a newer one took its
 * children over; closing: our DELETE is on its way; gone.
 */
export type IkeSaState = "connecting" | "half-open" | "up" | "replaced" | "closing" | "gone";

export class IkeSa {
  readonly realm: Realm;
  /** We are its original initiator: flag I in what we send. */
  readonly initiator: boolean;
  readonly spiLocal: bigint;
  spiRemote: bigint;
  readonly createdAt: number;
  readonly window: Window;
  readonly timers: Timers;
  readonly children = new Set<Child>();
  state: IkeSaState;
  /** The peer, once it is known. */
  neighbour: Neighbour | undefined;
  path: Path;
  natLocal = false;
  natRemote = false;
  /** ESP goes in UDP. */
  encapsulated = false;
  /** Made by a crossed rekey and not yet chosen: no exchange but its own end may use it. */
  adopted = true;
  selection: IkeSelection | undefined;
  /** From IKE_SA_INIT until IKE_AUTH is over. */
  handshake: Handshake | undefined;
  /** Time of "up"; rekeys before it. */
  since = 0;
  rekeys = 0;
  /** Last authentic message or ESP packet of the peer; last message of ours; last measurement of the round trip. */
  heardAt: number;
  sentAt: number;
  measuredAt: number;
  rttMs: number | undefined;
  /** ESP SPIs that the peer deleted while an exchange was under way that may have made them (their order is not certain). */
  readonly strayDeletes = new Set<number>();
  /** Takes it out of the table of half-open IKE SAs. */
  leaveHalfOpen: (() => void) | undefined;
  #d: Uint8Array | undefined;
  #sealer: SkSealer | undefined;
  #opener: SkOpener | undefined;
  #tasks: Task[] = [];
  #held = false;

  constructor(
    realm: Realm,
    init: { readonly initiator: boolean; readonly spiRemote: bigint; readonly path: Path; readonly state: IkeSaState },
  ) {
    this.realm = realm;
    this.initiator = init.initiator;
    this.spiLocal = realm.newSpi();
    this.spiRemote = init.spiRemote;
    this.path = init.path;
    this.state = init.state;
    this.createdAt = realm.now;
    this.heardAt = realm.now;
    this.sentAt = realm.now;
    this.measuredAt = realm.now;
    this.timers = new Timers(realm);
    this.window = new Window(realm, {
      transmit: (bytes) => this.#transmit({ ...this.path, bytes }),
      gaveUp: (task) => this.#gaveUp(task),
    });
    realm.sas.set(this.spiLocal, this);
  }

  get spiI(): bigint {
    return this.initiator ? this.spiLocal : this.spiRemote;
  }

  get spiR(): bigint {
    return this.initiator ? this.spiRemote : this.spiLocal;
  }

  /** SK_d: what the keys of Child SAs and of the next IKE SA come from. */
  get d(): Uint8Array {
    return this.#d!;
  }

  get keyed(): boolean {
    return this.#d !== undefined;
  }

  /** Takes the keys; what was copied from them is wiped. SK_pi and SK_pr stay with the caller. */
  key(selection: IkeSelection, keys: IkeKeys): void {
    this.selection = selection;
    this.#d = keys.d;
    const [out, into] = this.initiator ? [keys.ei, keys.er] : [keys.er, keys.ei];
    this.#sealer = new SkSealer(selection.encryption, out);
    this.#opener = new SkOpener(selection.encryption, into);
    wipe(out.key, out.salt, into.key, into.salt);
  }

  #header(exchange: number, response: boolean, messageId: number): HeaderFields {
    return { spiI: this.spiI, spiR: this.spiR, exchange, initiator: this.initiator, response, messageId };
  }

  #transmit(datagram: Datagram): void {
    this.sentAt = this.realm.now;
    this.realm.send(datagram);
  }

  /** Queues an exchange; `first` before all that wait. */
  enqueue(task: Task, first = false): void {
    if (this.state === "gone") {
      task.lost();
      return;
    }
    if (first) this.#tasks.unshift(task);
    else this.#tasks.push(task);
  }

  /** Is an exchange of this kind waiting for its turn or for its answer? */
  has(kind: Task["kind"]): boolean {
    return this.window.waiting?.kind === kind || this.#tasks.some((task) => task.kind === kind);
  }

  /** Takes all exchanges that have not begun. */
  takeTasks(): Task[] {
    const tasks = this.#tasks;
    this.#tasks = [];
    return tasks;
  }

  /** No request is sent until the peer shows that it knows this IKE SA, or `ms` have passed. */
  hold(ms: number): void {
    this.#held = true;
    this.timers.set("hold", ms, () => this.release());
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.timers.clear("hold");
    this.pump();
  }

  /** Begins the next exchange if the window is open. */
  pump(): void {
    while (this.state !== "gone" && !this.#held && this.window.waiting === undefined) {
      const task = this.#tasks.shift();
      if (task === undefined) return;
      if (this.window.exhausted) {
        task.lost();
        this.neighbour?.down(this, "warn", "ike-down", "The message ids of the IKE SA are used up; it is built anew.");
        return;
      }
      const payloads = task.request(this);
      if (payloads === undefined) continue;
      const message = { header: this.#header(task.exchange, false, this.window.nextOut), payloads };
      if (task.exchange === EXCHANGE.IKE_SA_INIT) {
        const bytes = encodeMessage(message);
        this.handshake!.request = bytes;
        this.window.send(task, bytes);
      } else {
        this.window.send(task, sealMessage(message, this.#sealer!));
      }
    }
  }

  /** A datagram with our SPI. */
  receive(header: Header, datagram: Datagram): void {
    if (header.initiator === this.initiator) {
      this.realm.count("unexpected");
      return;
    }
    if (header.response) this.#response(header, datagram);
    else this.#request(header, datagram);
  }

  #request(header: Header, datagram: Datagram): void {
    const { realm, window } = this;
    const place = window.place(header.messageId, datagram.bytes);
    if (place === "repeated") {
      realm.count("duplicate");
      this.#transmit({ local: datagram.local, remote: datagram.remote, bytes: window.last!.answer });
      return;
    }
    if (place === "strange") {
      realm.count("window");
      return;
    }
    const known = header.exchange === EXCHANGE.CREATE_CHILD_SA || header.exchange === EXCHANGE.INFORMATIONAL;
    const fits = this.state === "half-open" ? header.exchange === EXCHANGE.IKE_AUTH : known && this.keyed;
    if (!fits || this.state === "connecting") {
      realm.count("unexpected");
      return;
    }
    if (!this.#prepare()) return;
    const message = this.#decode(datagram.bytes);
    const opened = message && this.#open(datagram.bytes, message);
    if (opened === undefined) return;
    this.#heard(datagram, this.state === "half-open");
    for (const child of this.children) child.confirmed = true;
    const answer = opened instanceof WireError ? giveUp(this, opened.message) : answerRequest(this, opened);
    this.#answer(header, datagram, answer);
  }

  /** The responder computes its keys when the first encrypted message comes, not before. */
  #prepare(): boolean {
    if (this.keyed) return true;
    const { handshake, selection } = this;
    try {
      this.key(selection!, handshake!.keys(selection!, this.spiI, this.spiR));
      return true;
    } catch {
      this.realm.count("malformed");
      this.end();
      return false;
    }
  }

  #decode(bytes: Uint8Array): Message | undefined {
    try {
      return decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.realm.count("malformed");
      return undefined;
    }
  }

  /** The content; a WireError when it is authentic and wrong; undefined when it is not authentic (counted). */
  #open(bytes: Uint8Array, message: Message): OpenMessage | WireError | undefined {
    if (message.wrapper?.kind !== "encrypted") {
      // INVALID_IKE_SPI and the like: anybody can write that, so it ends nothing (RFC 7296 §2.21.4).
      this.realm.count(message.payloads.some(({ kind }) => kind === "notify") ? "unprotected-error" : "unexpected");
      return undefined;
    }
    try {
      return openMessage(bytes, message, this.#opener!);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      if (error.code !== "integrity") return error;
      this.realm.count("integrity");
      return undefined;
    }
  }

  #answer(header: Header, datagram: Datagram, answer: Answer): void {
    const response = { header: this.#header(header.exchange, true, header.messageId), payloads: answer.payloads };
    const bytes = sealMessage(response, this.#sealer!);
    this.window.answered(datagram.bytes, bytes);
    this.#transmit({ local: datagram.local, remote: datagram.remote, bytes });
    answer.after?.();
    this.pump();
  }

  #response(header: Header, datagram: Datagram): void {
    const { realm, window } = this;
    if (!window.awaits(header.messageId)) {
      realm.count("window");
      return;
    }
    const task = window.waiting!;
    if (header.exchange !== task.exchange) {
      realm.count("unexpected");
      return;
    }
    const message = this.#decode(datagram.bytes);
    if (message === undefined) return;
    if (task.received !== undefined) {
      if (task.received(this, message, datagram)) this.pump();
      return;
    }
    const opened = this.#open(datagram.bytes, message);
    if (opened === undefined) return;
    this.#heard(datagram, false);
    const { roundTrip } = window.settle();
    if (task.kind === "probe" && roundTrip !== undefined) {
      this.rttMs = roundTrip;
      this.measuredAt = realm.now;
    }
    try {
      if (opened instanceof WireError) throw opened;
      task.answered(this, opened.payloads);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      realm.count("invalid-syntax");
      task.lost();
      const why = `The peer's answer makes no sense: ${error.message}. The IKE SA is built anew.`;
      if (this.neighbour === undefined) this.end();
      else this.neighbour.down(this, "error", "invalid-syntax", why);
    }
    this.pump();
  }

  /** An authentic message, not a copy: the peer lives, and perhaps elsewhere. */
  #heard(datagram: Datagram, authenticating: boolean): void {
    this.heardAt = this.realm.now;
    this.release();
    if (authenticating) this.path = { local: datagram.local, remote: datagram.remote };
    else this.follow({ local: datagram.local, remote: datagram.remote });
  }

  /**
   * An authentic packet came this way. A peer behind a NAT is followed there, unless we are behind one ourselves (§2.23) — but
   * where the peer began the IKE SA, it is its NAT that changes, so a responder follows in any case.
   */
  follow(path: Path): void {
    if (sameEndpoint(path.remote, this.path.remote) && sameEndpoint(path.local, this.path.local)) return;
    if (!this.natRemote || (this.natLocal && this.initiator) || this.state === "connecting") return;
    if (this.neighbour !== undefined && !this.neighbour.mayComeFrom(path.remote.address)) {
      this.realm.count("address-refused");
      return;
    }
    this.path = path;
    this.neighbour?.moved(this);
  }

  #gaveUp(task: Task): void {
    task.lost();
    if (this.state === "closing" || this.neighbour === undefined) {
      this.end();
      return;
    }
    this.neighbour.unanswered(this, task);
  }

  /** The end: nothing is sent any more, keys are wiped, Child SAs go. Its last answer stays for a peer that asks again. */
  end(): void {
    if (this.state === "gone") return;
    const wasHalfOpen = this.state === "half-open";
    this.state = "gone";
    this.timers.clearAll();
    this.window.close()?.lost();
    for (const task of this.takeTasks()) task.lost();
    this.leaveHalfOpen?.();
    for (const child of [...this.children]) this.neighbour!.children.remove(child);
    this.handshake?.wipe();
    this.handshake = undefined;
    wipe(this.#d);
    this.#sealer?.wipe();
    this.#opener?.wipe();
    this.realm.sas.delete(this.spiLocal);
    const { last } = this.window;
    if (last !== undefined && (!wasHalfOpen || this.keyed)) this.realm.linger.keep(this.spiLocal, last, this.realm.now);
    this.neighbour?.left(this);
  }
}

/** Payloads of an IKE_SA_INIT answer, in the clear; kept for duplicates and for AUTH. */
export function answerInit(sa: IkeSa, datagram: Datagram, payloads: readonly Payload[]): void {
  const header = { spiI: sa.spiI, spiR: sa.spiR, exchange: EXCHANGE.IKE_SA_INIT, initiator: false, response: true };
  const bytes = encodeMessage({ header: { ...header, messageId: 0 }, payloads });
  sa.handshake!.request = datagram.bytes.slice();
  sa.handshake!.response = bytes;
  sa.window.answered(datagram.bytes, bytes);
  sa.realm.send({ local: datagram.local, remote: datagram.remote, bytes });
}
