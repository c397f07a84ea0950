/**
 * Message ids with a window of one (RFC 7296 §2.1–2.3): one request of ours at a time, sent again with growing patience
 * until it is answered or the peer counts as dead; one request of the peer's at a time, whose answer is kept so that it can
 * be given again, bit by bit the same.
 */
import { digestOf } from "./linger.ts";
import type { Parcel } from "./parcel.ts";
import type { Realm } from "./realm.ts";
import type { Alarm } from "./schedule.ts";
import { equal } from "./suite/index.ts";
import type { Task } from "./task/task.ts";

interface Outstanding {
  readonly id: number;
  readonly task: Task;
  readonly parcel: Parcel;
  readonly sentAt: number;
  tries: number;
  alarm: Alarm;
  /** Somebody says in the clear, with the right SPIs, that the peer does not know this IKE SA. */
  unknown: boolean;
  /** It was sent once more between its tries. */
  repeated: boolean;
}

/** What became of an answered request. */
export interface Settled {
  readonly task: Task;
  /** Round trip in ms; undefined when it was sent more than once, as nobody can tell which copy was answered. */
  readonly roundTrip: number | undefined;
}

/** The answer that was sent last, and to what. */
export interface Answered {
  /** SHA-256 of the request, or of its first fragment. */
  readonly digest: Uint8Array;
  readonly answer: Parcel;
}

export interface WindowOwner {
  /** Sends what is to be sent, by the path as it is now. */
  transmit(parcel: Parcel): void;
  /** Several copies of a request that was first sent at `since` went unanswered. */
  unheard(since: number): void;
  /** The last copy went unanswered. */
  gaveUp(task: Task): void;
}

/** After so many copies without an answer, 3.5 s by the default options, it is no longer loss that explains it. */
const SILENCE = 3;

/** Copies without an answer after which the peer counts as dead when it seems to have forgotten us; 7.5 s by the default options. */
const DISOWNED = 4;

const ID_MASK = 0xffff_ffff;

export class Window {
  readonly #realm: Realm;
  readonly #owner: WindowOwner;
  #nextOut = 0;
  #outstanding: Outstanding | undefined;
  #nextIn = 0;
  #last: Answered | undefined;

  constructor(realm: Realm, owner: WindowOwner) {
    this.#realm = realm;
    this.#owner = owner;
  }

  /** Task of the request that waits for its answer. */
  get waiting(): Task | undefined {
    return this.#outstanding?.task;
  }

  /** Id of our next request. */
  get nextOut(): number {
    return this.#nextOut;
  }

  /** Ids ran out: the IKE SA must end (RFC 7296 §2.2). */
  get exhausted(): boolean {
    return this.#nextOut >= ID_MASK || this.#nextIn >= ID_MASK;
  }

  get last(): Answered | undefined {
    return this.#last;
  }

  /** Sends our next request. Only when none waits. */
  send(task: Task, parcel: Parcel): void {
    const { first } = this.#realm.options.retransmit;
    const sentAt = this.#realm.now;
    const alarm = this.#realm.after(first, () => this.#again());
    this.#outstanding = { id: this.#nextOut++, task, parcel, sentAt, tries: 1, alarm, unknown: false, repeated: false };
    this.#owner.transmit(parcel);
  }

  #again(): void {
    const outstanding = this.#outstanding!;
    const { first, factor, limit, tries } = this.#realm.options.retransmit;
    if (outstanding.tries >= (outstanding.unknown ? Math.min(tries, DISOWNED) : tries)) {
      this.#outstanding = undefined;
      this.#realm.count("gave-up");
      this.#owner.gaveUp(outstanding.task);
      return;
    }
    if (outstanding.tries >= SILENCE) this.#owner.unheard(outstanding.sentAt);
    const wait = Math.min(limit, first * factor ** outstanding.tries);
    // Small messages get through and this one does not? Perhaps the path does not carry datagrams as large as these.
    if (outstanding.tries === this.#realm.options.fragment.patience) outstanding.parcel.shrink();
    outstanding.tries += 1;
    outstanding.alarm = this.#realm.after(wait, () => this.#again());
    this.#realm.count("retransmitted");
    this.#owner.transmit(outstanding.parcel);
  }

  /** One copy more of the request that waits, beside those that patience sends: it brings the end of patience no nearer. */
  repeat(): void {
    if (this.#outstanding === undefined) return;
    this.#outstanding.repeated = true;
    this.#realm.count("retransmitted");
    this.#owner.transmit(this.#outstanding.parcel);
  }

  /**
   * The peer seems to have forgotten this IKE SA. That is no proof (RFC 7296 §2.21.4), and nothing ends by it; but where several more
   * attempts go unanswered, a peer that has started anew explains it, and waiting longer does not help.
   */
  disowned(): void {
    if (this.#outstanding) this.#outstanding.unknown = true;
  }

  /** Is this the id of the answer that we wait for? */
  awaits(id: number): boolean {
    return this.#outstanding?.id === id;
  }

  /** The answer has come. */
  settle(): Settled {
    const { task, alarm, tries, sentAt, repeated } = this.#outstanding!;
    this.#outstanding = undefined;
    this.#realm.cancel(alarm);
    return { task, roundTrip: tries === 1 && !repeated ? this.#realm.now - sentAt : undefined };
  }

  /** IKE_SA_INIT begins again with message id 0 after COOKIE or INVALID_KE_PAYLOAD. */
  restart(): void {
    this.#nextOut = 0;
  }

  /** How this request of the peer's (or one fragment of it) stands to the one that we expect. */
  place(id: number, bytes: Uint8Array): "expected" | "repeated" | "strange" {
    if (id === this.#nextIn) return "expected";
    const repeated = this.hasAnswered(id) && equal(this.#last!.digest, digestOf(bytes));
    return repeated ? "repeated" : "strange";
  }

  /** Is this the id of the peer's request that was answered last? */
  hasAnswered(id: number): boolean {
    return this.#last !== undefined && id + 1 === this.#nextIn;
  }

  /** The peer's request was answered; `digest`: SHA-256 of it, or of its first fragment. */
  answered(digest: Uint8Array, answer: Parcel): void {
    this.#nextIn += 1;
    this.#last = { digest, answer };
  }

  /** Nothing is sent any more; returns the task that was waiting. */
  close(): Task | undefined {
    const outstanding = this.#outstanding;
    this.#outstanding = undefined;
    this.#realm.cancel(outstanding?.alarm);
    return outstanding?.task;
  }
}
