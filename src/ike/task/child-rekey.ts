/**
 * Rekeying a Child SA, RFC 7296 §1.3.3, §2.8. Nothing is lost on the way: the responder opens packets of the new SA before it
 * answers, the initiator sends on it when the answer is there and then deletes the old one, and on that DELETE the responder
 * sends on the new one, too.
 *
 * Both may begin at once (§2.8.1). Then there are two new SAs; the one whose exchange has the lowest of the four nonces is
 * deleted by who began it, the other initiator deletes the old one.
 */
import type { Child } from "../child.ts";
import { acceptChild } from "../child-answer.ts";
import type { Neighbour } from "../neighbour.ts";
import { compare, espSpiBytes, espSpiOf, espSpiText } from "../octets.ts";
import { missing, Refusal } from "../refusal.ts";
import type { IkeSa } from "../sa.ts";
import type { ChildKeys } from "../suite/index.ts";
import { deleteChild, rekeyChild, watchChild } from "../watch.ts";
import { NOTIFY, type Payload, PROTOCOL, payloadsOf } from "../wire/index.ts";
import { busy, notNow } from "./busy.ts";
import { countRefusal } from "./child-create.ts";
import { ChildExchange, TEMPORARY } from "./child-exchange.ts";
import type { Answer } from "./task.ts";

/** Wait after a refusal that will probably come again. Milliseconds. */
const STUBBORN = 60_000;

/** Our side as initiator. */
export class ChildRekey extends ChildExchange {
  readonly old: Child;
  /** When we asked, the peer knew that it has the old one. */
  #certain = false;

  constructor(neighbour: Neighbour, old: Child) {
    super(neighbour, neighbour.config.children.find(({ name }) => name === old.name) ?? old.config, old.copy);
    this.old = old;
  }

  needed(sa: IkeSa): boolean {
    const { old } = this;
    this.#certain = old.confirmed;
    return old.state === "up" && old.sa === sa;
  }

  preface(): Payload[] {
    const spi = espSpiBytes(this.old.terms.spiIn);
    return [{ kind: "notify", protocol: PROTOCOL.ESP, spi, notify: NOTIFY.REKEY_SA, data: new Uint8Array(0) }];
  }

  agreed(child: Child, keys: ChildKeys): void {
    const { old, rival, neighbour } = this;
    // Where the peer has deleted the old one already, it has seen that its own exchange stands.
    const lost = rival !== undefined && (old.state === "gone" || compare(child.terms.lowest, rival.terms.lowest) < 0);
    neighbour.provision.asked(child, keys, !lost);
    if (lost) {
      deleteChild(child);
      return;
    }
    deleteChild(old);
    if (rival === undefined) return;
    // The peer deletes what it made; if it forgets to, we do.
    old.successor = undefined;
    rival.state = "replaced";
    rival.timers.clearAll();
    rival.timers.set("tidy", neighbour.realm.options.tidy, () => deleteChild(rival));
  }

  postponed(): void {
    this.#later(STUBBORN, 0.5);
  }

  #later(ms: number, part: number): void {
    const { old } = this;
    old.timers.set("rekey", this.neighbour.realm.jittered(ms, part), () => rekeyChild(old));
  }

  refused(sa: IkeSa, notify: number): void {
    const { old, neighbour } = this;
    const { realm } = neighbour;
    if (this.rival !== undefined || old.state !== "up") return;
    // A Child SA that the peer asked for and has not got our answer about: it will have it, or ask for another one.
    const early = notify === NOTIFY.CHILD_SA_NOT_FOUND && !this.#certain;
    if (notify === NOTIFY.TEMPORARY_FAILURE || early) {
      realm.count("temporary-failure");
      this.#later(TEMPORARY.ms, TEMPORARY.part);
      return;
    }
    if (notify === NOTIFY.CHILD_SA_NOT_FOUND) {
      realm.count("child-sa-not-found");
      const text = `${neighbour.title} no longer has Child SA ${old.name} (SPI ${espSpiText(old.terms.spiOut)}); it is made anew.`;
      realm.event("warn", "child-down", text, neighbour.name);
      neighbour.children.close(old);
      restore(old);
      neighbour.provision.ask(sa, this.config, this.copy);
      return;
    }
    const text = `${neighbour.title} refuses to rekey Child SA ${old.name}: ${countRefusal(neighbour, notify)}.`;
    neighbour.lastError = text;
    realm.event("warn", "child-rekey-failed", text, neighbour.name);
    this.#later(STUBBORN, 0.5);
  }
}

/** Our side as responder. */
export function answerChildRekey(sa: IkeSa, payloads: readonly Payload[]): Answer {
  const neighbour = busy(sa, "ike-rekey");
  const asked = payloadsOf(payloads, "notify").find(({ notify }) => notify === NOTIFY.REKEY_SA)!;
  if (asked.spi.length !== 4) throw missing("SPI of 4 bytes in REKEY_SA");
  const spi = espSpiOf(asked.spi);
  const old = [...sa.children].find(({ terms }) => terms.spiOut === spi);
  if (old === undefined || asked.protocol !== PROTOCOL.ESP) {
    const text = `${neighbour.title} wants to rekey a Child SA with SPI ${espSpiText(spi)}, which is not here.`;
    throw new Refusal(NOTIFY.CHILD_SA_NOT_FOUND, "child-sa-not-found", text, { spi: asked.spi.slice() });
  }
  if (old.state === "deleting") throw notNow();
  if (old.state === "replaced") withdraw(old, neighbour);
  const { child, payloads: answer } = acceptChild(sa, neighbour, payloads, { pfs: true, replaces: old });
  old.state = "replaced";
  old.successor = child;
  old.timers.clearAll();
  const { waiting } = sa.window;
  if (waiting instanceof ChildRekey && waiting.old === old) waiting.crossed = child;
  return { payloads: answer };
}

/** The peer asks once more to rekey what it has already rekeyed: it did not like the result, so that goes. */
function withdraw(old: Child, neighbour: Neighbour): void {
  const { successor } = old;
  if (successor === undefined || successor.sending) throw notNow();
  neighbour.children.remove(successor);
  restore(successor);
}

/** `child`, made by the peer in a rekey, is gone before it was used: the old one stays. */
export function restore(child: Child): void {
  const old = child.terms.replaces;
  if (old?.state !== "replaced" || old.successor !== child) return;
  old.successor = undefined;
  old.state = "up";
  watchChild(old);
}
