/**
 * All Child SAs of one peer, whichever IKE SA they live under, and which of them sends. Of the Child SAs with one key (name
 * and copy) exactly one sends at a time; all others of that key only open packets. Every change of that goes through here.
 */
import type { Child } from "./child.ts";
import type { HalfSa } from "./effect.ts";
import type { Realm } from "./realm.ts";
import type { ChildKeys } from "./suite/index.ts";

export class Children {
  readonly #realm: Realm;
  readonly #peer: string;
  readonly #all = new Map<number, Child>();
  readonly #sender = new Map<string, Child>();

  constructor(realm: Realm, peer: string) {
    this.#realm = realm;
    this.#peer = peer;
  }

  /** Those that are not gone, oldest first. */
  *[Symbol.iterator](): IterableIterator<Child> {
    for (const child of this.#all.values()) if (child.state !== "gone") yield child;
  }

  /** Number of Child SAs in the datapath, with those that still open late packets. */
  get installed(): number {
    return this.#all.size;
  }

  /** The one of this key that sends. */
  sender(key: string): Child | undefined {
    return this.#sender.get(key);
  }

  /** A Child SA of this key that nothing takes over from yet. */
  up(key: string): Child | undefined {
    for (const child of this) if (child.key === key && child.state === "up") return child;
    return undefined;
  }

  /** Is there one of this key, in whatever state? */
  has(key: string): boolean {
    for (const child of this) if (child.key === key) return true;
    return false;
  }

  /** Hands a new Child SA to the datapath. It opens packets at once; with `transmit` it also sends, instead of the other one. */
  install(child: Child, keys: ChildKeys, transmit: boolean): void {
    const { terms } = child;
    const half = (spi: number, { key, salt }: ChildKeys["initiator"]): HalfSa => {
      this.#realm.spend(key, salt);
      return { spi, cipher: terms.cipher, key, salt, esn: terms.esn };
    };
    const [inbound, outbound] = terms.ours ? [keys.responder, keys.initiator] : [keys.initiator, keys.responder];
    const effect = {
      id: child.id,
      peer: this.#peer,
      child: child.name,
      copy: child.copy,
      inbound: half(terms.spiIn, inbound),
      outbound: half(terms.spiOut, outbound),
      local: terms.local,
      remote: terms.remote,
      path: child.sa.path,
      ...(child.sa.encapsulated ? {} : { native: true as const }),
    };
    const { replaces } = terms;
    const installed =
      replaces === undefined || !this.#all.has(replaces.id) ? effect : { ...effect, replaces: replaces.id };
    this.#all.set(child.id, child);
    child.sa.children.add(child);
    this.#realm.outbound.add(child);
    this.#realm.emit({ kind: "install", child: installed, transmit });
    if (transmit) this.#take(child);
  }

  /** Outbound traffic of its name moves to this Child SA. */
  transmit(child: Child): void {
    if (this.#sender.get(child.key) === child || !this.#all.has(child.id)) return;
    this.#realm.emit({ kind: "transmit", id: child.id });
    this.#take(child);
  }

  #take(child: Child): void {
    const before = this.#sender.get(child.key);
    this.#sender.set(child.key, child);
    child.sending = true;
    if (before !== undefined) this.#silence(before);
  }

  #silence(child: Child): void {
    child.sending = false;
    this.#realm.emit({ kind: "retire", id: child.id });
  }

  /** It sends no more. If another one of its key can, that one does instead. */
  #retire(child: Child): void {
    if (this.#sender.get(child.key) !== child) return;
    const heir = this.#heir(child);
    if (heir !== undefined) {
      this.transmit(heir);
      return;
    }
    this.#sender.delete(child.key);
    this.#silence(child);
  }

  /** Who sends when `child` does not: what takes over from it, else the newest one that is up. */
  #heir(child: Child): Child | undefined {
    const { successor } = child;
    if (successor !== undefined && successor.state === "up") return successor;
    const others = [...this].filter((other) => other !== child && other.key === child.key);
    return others.findLast(({ state }) => state === "up") ?? others.findLast(({ state }) => state === "replaced");
  }

  /** Both sides deleted it: it sends no more, and still opens packets that are under way. */
  close(child: Child): void {
    if (child.state === "gone") return;
    this.#leave(child);
    this.#realm.after(this.#realm.options.grace, () => this.#drop(child));
  }

  /** It goes at once: its IKE SA is dead, so nothing is under way that counts. */
  remove(child: Child): void {
    if (child.state === "gone") return;
    this.#leave(child);
    this.#drop(child);
  }

  #leave(child: Child): void {
    child.state = "gone";
    child.timers.clearAll();
    child.sa.children.delete(child);
    this.#realm.outbound.remove(child);
    this.#retire(child);
  }

  #drop(child: Child): void {
    if (this.#all.delete(child.id)) this.#realm.emit({ kind: "remove", id: child.id });
  }

  /** All go at once, late ones too: the peer is no longer configured. */
  clear(): void {
    for (const child of [...this.#all.values()]) {
      if (child.state !== "gone") this.#leave(child);
      this.#drop(child);
    }
  }
}
