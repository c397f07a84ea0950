/** The Child SAs that a peer shall have: asked for, handed to the datapath when they are agreed on, asked for again when missing. */
import { type Child, childKey } from "./child.ts";
import type { Neighbour } from "./neighbour.ts";
import { espSpiText } from "./octets.ts";
import type { ChildConfig } from "./peer.ts";
import type { IkeSa } from "./sa.ts";
import { selectorsText } from "./selector.ts";
import type { ChildKeys } from "./suite/index.ts";
import { ChildCreate } from "./task/child-create.ts";
import { Timers } from "./timers.ts";
import { deleteChild, watchChild } from "./watch.ts";

/** A second Child SA of one name that the peer asked for sends after so long: by then the peer has our answer. Milliseconds. */
const SETTLE = 2_000;

export class Provision {
  readonly #neighbour: Neighbour;
  /** By key: when a Child SA that was refused is asked for again. */
  readonly #retries: Timers;
  readonly #attempts = new Map<string, number>();
  /** Names of which the peer wants no more copies, for as long as it stays up. */
  readonly #enough = new Set<string>();

  constructor(neighbour: Neighbour) {
    this.#neighbour = neighbour;
    this.#retries = new Timers(neighbour.realm);
  }

  /** After IKE_AUTH and whenever one is missing: asks for what is configured and not there. */
  ensure(): void {
    const { current: sa, wanted, config } = this.#neighbour;
    if (sa === undefined || !(wanted || sa.initiator)) return;
    for (const child of config.children) {
      this.ask(sa, child, 0);
      this.#extend(child.name);
    }
    sa.pump();
  }

  /** Asks for a Child SA, unless it is there or was refused a moment ago: then it has its own time. */
  ask(sa: IkeSa, child: ChildConfig, copy: number): void {
    if (this.#retries.has(childKey(child.name, copy)) || !this.lacks(child.name, copy)) return;
    sa.enqueue(new ChildCreate(this.#neighbour, child, copy));
  }

  /** Is it wanted and not there? A copy is wanted beside the first only, and where the peer has not enough of them. */
  lacks(name: string, copy: number): boolean {
    const { children } = this.#neighbour;
    if (children.up(childKey(name, copy)) !== undefined) return false;
    return copy === 0 || (!this.#enough.has(name) && children.up(childKey(name, 0)) !== undefined);
  }

  /** A Child SA is missing; when the peer shall be up it is asked for later, ever more patiently. */
  missing(name: string, copy: number): void {
    const { config, wanted, realm } = this.#neighbour;
    const child = config.children.find((one) => one.name === name);
    if (child === undefined || !(wanted || copy > 0)) return;
    const key = childKey(name, copy);
    const attempts = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, attempts + 1);
    this.#retries.set(key, realm.backOff(realm.options.childRetry, attempts), () => {
      const { current } = this.#neighbour;
      if (current === undefined) return;
      this.ask(current, child, copy);
      current.pump();
    });
  }

  /** The peer allows no more copies of this Child SA: it is not asked again under this IKE SA and those that follow it. */
  enough(name: string): void {
    this.#enough.add(name);
  }

  /** A new beginning with the peer, which may think otherwise now. */
  begin(): void {
    this.#enough.clear();
  }

  /** Nothing is asked for any more. */
  stop(): void {
    this.#retries.clearAll();
  }

  /** An IKE SA beside the one in use has ended, and copies may have gone with it. */
  renew(): void {
    for (const { name, copies = 1 } of this.#neighbour.config.children) if (copies > 1) this.#extendIn(name, SETTLE);
  }

  #extendIn(name: string, ms: number): void {
    this.#retries.set(`${name} more`, ms, () => this.#extend(name));
  }

  /** Asks for the copies that are missing beside the first. */
  #extend(name: string): void {
    const { current, config } = this.#neighbour;
    const child = config.children.find((one) => one.name === name);
    if (current === undefined || child === undefined) return;
    for (let copy = 1; copy < (child.copies ?? 1); copy++) this.ask(current, child, copy);
    current.pump();
  }

  /** A Child SA that the peer asked for: our answer tells it, so it is the peer that begins to send on it. */
  answered(child: Child, keys: ChildKeys): void {
    const { replaces } = child.terms;
    const { children, realm } = this.#neighbour;
    const first = replaces === undefined && child.copy === 0 && children.sender(child.key) === undefined;
    children.install(child, keys, first);
    if (!first) {
      const wait = replaces === undefined ? SETTLE : realm.options.transmitFallback;
      child.timers.set("transmit", wait, () => {
        children.transmit(child);
        if (replaces !== undefined) deleteChild(replaces);
      });
    }
    this.#installed(child);
  }

  /** A Child SA that we asked for. `transmit` false: it has lost against a crossing one and will be deleted. */
  asked(child: Child, keys: ChildKeys, transmit: boolean): void {
    this.#neighbour.children.install(child, keys, transmit);
    this.#installed(child);
  }

  #installed(child: Child): void {
    const { realm, name } = this.#neighbour;
    watchChild(child);
    this.#attempts.delete(child.key);
    this.#retries.clear(child.key);
    this.#neighbour.lastError = undefined;
    const { terms } = child;
    // One side begins, so that the two do not ask for the same; the other adds what it lacks then.
    if (child.copy === 0 && terms.replaces === undefined) this.#extendIn(child.name, child.sa.initiator ? 0 : SETTLE);
    const title = child.copy === 0 ? child.name : `${child.name} (copy ${child.copy + 1})`;
    const what = `SPIs in ${espSpiText(terms.spiIn)}, out ${espSpiText(terms.spiOut)}; ${terms.cipher}`;
    if (terms.replaces !== undefined) {
      realm.event("info", "child-rekeyed", `Child SA ${title} is rekeyed (${what}).`, name);
      return;
    }
    const selectors = `${selectorsText(terms.local)} to ${selectorsText(terms.remote)}`;
    realm.event("info", "child-up", `Child SA ${title} is up (${what}): ${selectors}.`, name);
  }
}
