/**
 * One IKE SA: its keys, its place on the wire, its exchanges and its end (RFC 7296 §2). How a message comes in is in receive.ts;
 * what an exchange means in task/; how long things live in watch.ts; what a peer wants in neighbour.ts.
 */
import type { Child } from "./child.ts";
import type { Path } from "./effect.ts";
import { Envelope } from "./envelope.ts";
import type { Handshake } from "./handshake.ts";
import type { RemoteNat } from "./nat.ts";
import type { Neighbour } from "./neighbour.ts";
import { sameEndpoint } from "./octets.ts";
import { Parcel, sizesFor } from "./parcel.ts";
import type { Proven } from "./proof.ts";
import { Queue } from "./queue.ts";
import type { Realm } from "./realm.ts";
import { Reassembly } from "./reassembly.ts";
import type { IkeKeys, IkeSelection } from "./suite/index.ts";
import type { Task } from "./task/task.ts";
import { Timers } from "./timers.ts";
import { PeerToken } from "./token.ts";
import { Window } from "./window.ts";
import { EXCHANGE, encodeMessage, type HeaderFields, type Outgoing } from "./wire/index.ts";

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
  natRemote: RemoteNat = "none";
  /** Both sides take fragments (RFC 7383). */
  fragmentation = false;
  /** Fragments of the peer's request, and of its answer, that wait for the others. */
  readonly requests: Reassembly;
  readonly responses: Reassembly;
  /** ESP goes in UDP. */
  encapsulated = false;
  /** Made by a crossed rekey and not yet chosen: no exchange but its own end may use it. */
  adopted = true;
  /** The one that has taken over. */
  successor: IkeSa | undefined;
  selection: IkeSelection | undefined;
  /** How the peer has shown who it is, in the IKE_AUTH of this IKE SA or of one that it replaces. */
  proven: Proven | undefined;
  /** By which the peer can prove that it lost this IKE SA. */
  readonly token = new PeerToken();
  /** When a hint last made us ask the peer whether it lives. */
  hintedAt = Number.NEGATIVE_INFINITY;
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
  /** From the moment in which there are keys. */
  envelope: Envelope | undefined;
  readonly #queue = new Queue();

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
    this.requests = new Reassembly(realm, this.timers, "gather-request");
    this.responses = new Reassembly(realm, this.timers, "gather-response");
    this.window = new Window(realm, {
      transmit: (parcel) => this.transmit(this.path, parcel),
      unheard: (since) => this.#unheard(since),
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

  /** SK_d. Only when `keyed`. */
  get d(): Uint8Array {
    return this.envelope!.d;
  }

  get keyed(): boolean {
    return this.envelope !== undefined;
  }

  /** Takes the keys (see Envelope). */
  key(selection: IkeSelection, keys: IkeKeys): void {
    this.selection = selection;
    this.envelope = new Envelope(selection, keys, this.initiator);
  }

  header(exchange: number, response: boolean, messageId: number): HeaderFields {
    return { spiI: this.spiI, spiR: this.spiR, exchange, initiator: this.initiator, response, messageId };
  }

  /** Every message of this IKE SA leaves through here. */
  transmit({ local, remote }: Path, { datagrams }: Parcel): void {
    this.sentAt = this.realm.now;
    for (const bytes of datagrams) this.realm.send({ local, remote, bytes });
  }

  /** Seals a message that goes this way; in fragments when it is too large for one datagram and the peer knows them. */
  seal(message: Outgoing, path: Path): Parcel {
    const sizes = this.fragmentation ? sizesFor(path.remote.address, this.realm.options.fragment) : undefined;
    return Parcel.seal(this.envelope!, message, sizes);
  }

  /** Queues an exchange; `first` before all that wait. */
  enqueue(task: Task, first = false): void {
    if (this.state === "gone") {
      task.lost();
      return;
    }
    this.#queue.add(task, first);
  }

  /** Is an exchange of this kind waiting for its turn or for its answer? */
  has(kind: Task["kind"]): boolean {
    return this.window.waiting?.kind === kind || this.#queue.has(kind);
  }

  /** Takes all exchanges that have not begun. */
  takeTasks(): Task[] {
    return this.#queue.takeAll();
  }

  /** No request is sent until the peer shows that it knows this IKE SA, or `ms` have passed. */
  hold(ms: number): void {
    this.#queue.held = true;
    this.timers.set("hold", ms, () => this.release());
  }

  release(): void {
    if (!this.#queue.held) return;
    this.#queue.held = false;
    this.timers.clear("hold");
    this.pump();
  }

  /** Begins the next exchange if the window is open. */
  pump(): void {
    while (this.state !== "gone" && this.window.waiting === undefined) {
      const task = this.#queue.take();
      if (task === undefined) return;
      if (this.window.exhausted) {
        task.lost();
        this.neighbour?.down(this, "warn", "ike-down", "The message ids of the IKE SA are used up; it is built anew.");
        return;
      }
      const payloads = task.request(this);
      if (payloads === undefined) continue;
      const message = { header: this.header(task.exchange, false, this.window.nextOut), payloads };
      if (task.exchange === EXCHANGE.IKE_SA_INIT) {
        const bytes = encodeMessage(message);
        this.handshake!.request = bytes;
        this.window.send(task, Parcel.whole(bytes));
      } else {
        this.window.send(task, this.seal(message, this.path));
      }
    }
  }

  /**
   * An authentic packet came this way. A peer that speaks of a NAT is followed there, unless we are behind one ourselves (§2.23) — but
   * where the peer began the IKE SA, it is its NAT that changes, so a responder follows in any case.
   */
  follow(path: Path): void {
    if (sameEndpoint(path.remote, this.path.remote) && sameEndpoint(path.local, this.path.local)) return;
    if (this.natRemote === "none" || (this.natLocal && this.initiator) || this.state === "connecting") return;
    if (this.neighbour !== undefined && !this.neighbour.mayComeFrom(path.remote.address)) {
      this.realm.count("address-refused");
      return;
    }
    this.path = path;
    this.neighbour?.moved(this);
  }

  #unheard(since: number): void {
    if (this.state === "up" && this.heardAt <= since && this.neighbour?.current === this) this.neighbour.silence(true);
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
    this.envelope?.wipe();
    this.token.wipe();
    this.realm.sas.delete(this.spiLocal);
    const { last } = this.window;
    if (last !== undefined && (!wasHalfOpen || this.keyed)) {
      const { digest, answer } = last;
      this.realm.linger.keep(this.spiLocal, { digest, answer: answer.datagrams }, this.realm.now);
    }
    this.neighbour?.left(this);
  }
}
