/** INFORMATIONAL, RFC 7296 §1.4: "are you there", DELETE of Child SAs and of the IKE SA, errors. */
import type { Child } from "../child.ts";
import type { Neighbour } from "../neighbour.ts";
import { espSpiOf, espSpiText } from "../octets.ts";
import type { IkeSa } from "../sa.ts";
import { EXCHANGE, NOTIFY, notifyOf, type Payload, PROTOCOL, payloadsOf } from "../wire/index.ts";
import { restore } from "./child-rekey.ts";
import { IkeRekey } from "./ike-rekey.ts";
import type { Answer, Task } from "./task.ts";

/** An empty request: any answer shows that the peer lives (§2.4). */
export class Probe implements Task {
  readonly kind = "probe";
  readonly exchange = EXCHANGE.INFORMATIONAL;

  request(): readonly Payload[] {
    return [];
  }

  answered(): void {}

  lost(): void {}
}

/** Ends the IKE SA; with a reason when its peer is not who it should be (§2.21.2). */
export class IkeDelete implements Task {
  readonly kind = "ike-delete";
  readonly exchange = EXCHANGE.INFORMATIONAL;
  readonly #reason: number | undefined;

  constructor(reason?: number) {
    this.#reason = reason;
  }

  request(): readonly Payload[] {
    const reason = this.#reason === undefined ? [] : [notifyOf(this.#reason)];
    return [...reason, { kind: "delete", protocol: PROTOCOL.IKE, spis: [] }];
  }

  answered(sa: IkeSa): void {
    sa.end();
  }

  lost(): void {}
}

/** Ends a Child SA. Without `child`: one that the peer has and we never had. */
export class ChildDelete implements Task {
  readonly kind = "child-delete";
  readonly exchange = EXCHANGE.INFORMATIONAL;
  readonly #spi: number;
  readonly #child: Child | undefined;

  constructor(spi: number, child?: Child) {
    this.#spi = spi;
    this.#child = child;
  }

  request(): readonly Payload[] | undefined {
    // The peer may have deleted it while this waited for its turn.
    if (this.#child !== undefined && this.#child.state !== "deleting") return undefined;
    return [{ kind: "delete", protocol: PROTOCOL.ESP, spis: [this.#spi] }];
  }

  answered(sa: IkeSa): void {
    if (this.#child !== undefined) sa.neighbour!.children.close(this.#child);
  }

  lost(): void {}
}

/** Our side as responder. */
export function answerInformational(sa: IkeSa, payloads: readonly Payload[]): Answer {
  const deletes = payloadsOf(payloads, "delete");
  const errors = payloadsOf(payloads, "notify");
  const mistrusted = errors.some(({ notify }) => notify === NOTIFY.AUTHENTICATION_FAILED);
  if (mistrusted || deletes.some(({ protocol }) => protocol === PROTOCOL.IKE)) {
    return { payloads: [], after: () => deletedByPeer(sa, mistrusted) };
  }
  sa.token.take(payloads);
  for (const { notify, data } of errors) {
    if (notify === NOTIFY.INVALID_SPI && data.length === 4) unknownThere(sa, espSpiOf(data));
  }
  const spis = deletes.filter(({ protocol }) => protocol === PROTOCOL.ESP).flatMap(({ spis }) => spis);
  const ours = spis.map((spi) => deleteChildOf(sa, spi)).filter((spi) => spi !== undefined);
  return { payloads: ours.length === 0 ? [] : [{ kind: "delete", protocol: PROTOCOL.ESP, spis: [...new Set(ours)] }] };
}

/** The peer gets packets of ours that it has no SA for. Rekeying may cross with that, so it is only told. */
function unknownThere(sa: IkeSa, spi: number): void {
  const child = [...(sa.neighbour?.children ?? [])].find(({ terms }) => terms.spiOut === spi);
  if (child === undefined || !child.sending) return;
  const text = `${sa.neighbour!.title} has no SA with SPI ${espSpiText(spi)}, on which Child SA ${child.name} sends. Rekey it.`;
  sa.realm.notice("invalid-spi", text, sa.neighbour!.name);
}

/** The peer deletes the Child SA on which we send with `spi`; our inbound SPI for the answer, when that is due (§1.4.1, §2.25.1). */
function deleteChildOf(sa: IkeSa, spi: number): number | undefined {
  const neighbour = sa.neighbour!;
  // Where the IKE SA is being replaced, its children are with the new one.
  const child = [...neighbour.children].find(({ terms }) => terms.spiOut === spi);
  if (child === undefined) {
    if (sa.window.waiting?.kind === "child" && sa.strayDeletes.size < 64) sa.strayDeletes.add(spi);
    return undefined;
  }
  const crossed = child.state === "deleting";
  const plain = child.state === "up";
  const { successor } = child;
  if (successor !== undefined && successor.state === "up") neighbour.children.transmit(successor);
  successor?.timers.clear("transmit");
  neighbour.children.close(child);
  restore(child);
  if (plain && neighbour.children.up(child.key) === undefined) lostChild(neighbour, child);
  return crossed ? undefined : child.terms.spiIn;
}

function lostChild(neighbour: Neighbour, child: Child): void {
  const text = `${neighbour.title} has deleted Child SA ${child.name}.`;
  neighbour.realm.event("info", "child-down", text, neighbour.name);
  if (child.copy === 0) neighbour.provision.missing(child.name, 0);
  // One more beside the first is a help, not a need: whoever deletes it is not asked again.
  else neighbour.provision.enough(child.name);
}

/** The peer ends the IKE SA (§1.4.1). If both are rekeying it, the peer's new one stands (§2.25.2). */
function deletedByPeer(sa: IkeSa, mistrusted: boolean): void {
  const { neighbour } = sa;
  const { waiting } = sa.window;
  if (waiting instanceof IkeRekey) waiting.yield(sa);
  if (neighbour === undefined) {
    sa.end();
    return;
  }
  for (const child of [...sa.children]) neighbour.children.close(child);
  const why = mistrusted
    ? `${neighbour.title} does not accept our proof of identity. Check the identities, and the pre-shared key or the certificates, on both sides.`
    : `${neighbour.title} has deleted the IKE SA.`;
  neighbour.down(sa, mistrusted ? "error" : "info", mistrusted ? "authentication-failed" : "ike-down", why);
}
