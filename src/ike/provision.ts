/** The Child SAs that a peer shall have: asked for, handed to the datapath when they are agreed on, asked for again when missing. */
import type { Child } from "./child.ts";
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
  /** By name: when a Child SA that was refused is asked for again. */
  readonly #retries: Timers;
  readonly #attempts = new Map<string, number>();

  constructor(neighbour: Neighbour) {
    this.#neighbour = neighbour;
    this.#retries = new Timers(neighbour.realm);
  }

  /** After IKE_AUTH and whenever one is missing: asks for what is configured and not there. */
  ensure(): void {
    const { current: sa, wanted, config } = this.#neighbour;
    if (sa === undefined || !(wanted || sa.initiator)) return;
    for (const child of config.children) this.ask(sa, child);
    sa.pump();
  }

  /** Asks for a Child SA, unless it is there or was refused a moment ago: then it has its own time. */
  ask(sa: IkeSa, child: ChildConfig): void {
    if (this.#retries.has(child.name) || this.#neighbour.children.up(child.name) !== undefined) return;
    sa.enqueue(new ChildCreate(this.#neighbour, child));
  }

  /** A Child SA is missing; when the peer shall be up it is asked for later, ever more patiently. */
  missing(name: string): void {
    const { config, wanted, realm } = this.#neighbour;
    const child = config.children.find((one) => one.name === name);
    if (child === undefined || !wanted) return;
    const attempts = this.#attempts.get(name) ?? 0;
    this.#attempts.set(name, attempts + 1);
    this.#retries.set(name, realm.backOff(realm.options.childRetry, attempts), () => {
      const { current } = this.#neighbour;
      if (current === undefined) return;
      this.ask(current, child);
      current.pump();
    });
  }

  /** Nothing is asked for any more. */
  stop(): void {
    this.#retries.clearAll();
  }

  /** A Child SA that the peer asked for: our answer tells it, so it is the peer that begins to send on it. */
  answered(child: Child, keys: ChildKeys): void {
    const { replaces } = child.terms;
    const { children, realm } = this.#neighbour;
    const first = replaces === undefined && children.sender(child.name) === undefined;
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
    this.#attempts.delete(child.name);
    this.#retries.clear(child.name);
    this.#neighbour.lastError = undefined;
    const { terms } = child;
    const what = `SPIs in ${espSpiText(terms.spiIn)}, out ${espSpiText(terms.spiOut)}; ${terms.cipher}`;
    if (terms.replaces !== undefined) {
      realm.event("info", "child-rekeyed", `Child SA ${child.name} is rekeyed (${what}).`, name);
      return;
    }
    const selectors = `${selectorsText(terms.local)} to ${selectorsText(terms.remote)}`;
    realm.event("info", "child-up", `Child SA ${child.name} is up (${what}): ${selectors}.`, name);
  }
}
